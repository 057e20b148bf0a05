#!/bin/sh
# agree.sh [PATTERN] - waggle, perf and bpftrace beside each other on the same processes: function shares
# must agree within sampling error. Needs root; one minute. Ends with "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit 1
. test/live/setup.sh
exec "$PYTHON" -B test/live/agree.py "$@"

#!/bin/sh
# run.sh [PATTERN] - the live acceptance tests: known workloads under the real profiler, compared with
# what the workloads measured themselves. Needs root; takes about five minutes. PATTERN (a regular
# expression over titles) runs some of them. Ends with "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit 1
. test/live/setup.sh
exec "$PYTHON" -B test/live/run.py "$@"

#!/bin/sh
# real.sh [PROGRAM..] - databases, web servers, interpreters and others under load, profiled system-wide:
# how many user stacks are whole. Needs root and the packages of packages.txt (what is not installed
# is skipped); some two minutes. Everything is started in scratch folders on loopback ports and
# stopped again, also on failure. Ends with "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit 1
. test/live/setup.sh
exec "$PYTHON" -B test/live/real.py "$@"

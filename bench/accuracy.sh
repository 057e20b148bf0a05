#!/bin/sh
# accuracy.sh [-s SECONDS] [PROGRAM..] - the walker against the oracle on real programs (`make
# accuracy`): the tables of doc/accuracy.md on standard output, what is going on on standard error.
# Root; ten minutes. ORACLE_OUT=DIR keeps the samples on which they differ.
cd "$(dirname "$0")/.." || exit 1
. test/live/setup.sh
exec "$PYTHON" -B bench/accuracy.py "$@"

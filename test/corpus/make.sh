#!/bin/sh
# make.sh [NAME..] - captures stacks of real programs into test/corpus (or CORPUS_DIR). Root; two minutes.
# What is there under the same name is replaced. Look at the size of it before committing.
cd "$(dirname "$0")/../.." || exit 1
. test/live/setup.sh
make -s B="$B" "$B/test/corpus/capture" || exit 1
exec "$PYTHON" -B test/corpus/make.py "$@"

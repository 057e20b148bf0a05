#!/bin/sh
# run.sh [side] [cost] [start] [footprint] [convert] [names] [giant] [off] [look] - the benchmark
# (`make bench`): waggle, perf, bpftrace and bcc on the same work in one run, as Markdown on standard
# output. Needs root, a machine that does nothing else, and 6 GB of room for `giant`. BENCH_ROUNDS (1) and
# BENCH_SCALE (1) make it longer, BENCH_MINUTES (30) is how long `look` looks; BENCH_LOADS picks loads by a
# part of their name; FLAMEGRAPH_PL names flamegraph.pl.
cd "$(dirname "$0")/.." || exit 1
. test/live/setup.sh
make -s B="$B" bench-programs || exit 1
exec "$PYTHON" -B bench/bench.py "$@"

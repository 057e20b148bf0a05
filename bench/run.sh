#!/bin/sh
# run.sh [side] [start] [footprint] [convert] - the benchmark (`make bench`): waggle, perf,
# bpftrace and bcc on the same work in one run, as Markdown on standard output. Needs root and a
# machine that does nothing else. BENCH_ROUNDS (1) and BENCH_SCALE (1) make it longer; BENCH_LOADS
# picks loads by a part of their name; FLAMEGRAPH_PL names flamegraph.pl.
cd "$(dirname "$0")/.." || exit 1
. test/live/setup.sh
exec "$PYTHON" -B bench/bench.py "$@"

#!/bin/sh
# run.sh [PATTERN] - the live acceptance tests: known workloads under the real profiler, compared with
# what the workloads measured themselves. Needs root; takes about five minutes. PATTERN (a regular
# expression over titles) runs some of them. Ends with "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
export B="$PWD/${B#"$PWD"/}"
if [ "$(id -u)" -ne 0 ]; then
	echo "run.sh: these tests profile the whole machine and need root" >&2
	exit 5
fi
PYTHON=${PYTHON:-python3}
[ -x /usr/bin/python3 ] && PYTHON=/usr/bin/python3
make -s B="${B#"$PWD"/}" workloads || exit 1
if command -v "${RUSTC:-rustc}" >/dev/null; then
	make -s B="${B#"$PWD"/}" "${B#"$PWD"/}/test/workload/mix" || exit 1
fi
exec "$PYTHON" -B test/live/run.py "$@"

# setup.sh - sourced by the live tests at the top of the tree: root, the Python to use, the workloads.
# Sets B (absolute) and PYTHON.
if [ "$(id -u)" -ne 0 ]; then
	echo "$0: profiles the whole machine and needs root" >&2
	exit 5
fi
PYTHON=${PYTHON:-python3}
if [ -x /usr/bin/python3 ]; then PYTHON=/usr/bin/python3; fi
B=${B:-build}
make -s B="$B" workloads || exit 1
if command -v "${RUSTC:-rustc}" >/dev/null; then
	make -s B="$B" "$B/test/workload/mix" || exit 1
fi
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
export B

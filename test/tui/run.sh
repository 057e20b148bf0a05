#!/bin/sh
# run.sh [PATTERN] - the terminal user interface in a real terminal (tmux): keys are typed, screens are
# read. The part that captures needs root. PATTERN (a regular expression over titles) runs some of
# them. Ends with "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
export B
make --no-print-directory B="$B" "$B/test/workload/phases" "$B/test/workload/convoy" >/dev/null ||
	{ echo "0 passed, 1 failed"; exit 1; }
command -v tmux >/dev/null || { echo "no tmux: install the package tmux"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
exec "${PYTHON:-python3}" -B test/tui/tui.py "$@"

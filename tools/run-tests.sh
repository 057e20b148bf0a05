#!/bin/sh
# run-tests.sh 'NAME: COMMAND'.. - runs every test runner and adds up what they report.
#
# A runner ends with "N passed, N failed[, N skipped]". One that does not, or that exits with an error
# without reporting a failure, counts as one failed test: a crashed runner must not look like success.
# The last line is the sum in the same form; the exit code is 1 when anything failed.
# ONLY=PATTERN (a shell pattern on names) runs some of them.
passed=0 failed=0 skipped=0 broken=''
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

for runner in "$@"; do
	name=${runner%%: *} command=${runner#*: }
	# shellcheck disable=SC2254
	case $name in ${ONLY:-*}) ;; *) continue ;; esac
	printf '== %s\n' "$name"
	started=$(date +%s)
	sh -c "$command" >"$log" 2>&1 </dev/null
	rc=$?
	cat "$log"
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	# shellcheck disable=SC2046
	set -- $(printf '%s' "$line" | tr -cs '0-9' ' ')
	p=${1:-0} f=${2:-0} s=${3:-0}
	if [ -z "$line" ]; then
		echo "$name did not say how many tests passed (exit $rc)"
		f=1
	elif [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
		echo "$name reported no failure but exited with $rc"
		f=1
	fi
	[ "$f" -gt 0 ] && broken="$broken $name"
	printf '== %s took %d s\n' "$name" $(($(date +%s) - started))
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ -n "$broken" ] && echo "failures in:$broken"
sum="$passed passed, $failed failed"
[ $skipped -gt 0 ] && sum="$sum, $skipped skipped"
echo "$sum"
[ $failed -eq 0 ]

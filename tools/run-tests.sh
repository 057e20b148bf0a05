#!/bin/sh
# run-tests.sh 'NAME: COMMAND'.. - runs every test runner and adds up what they report.
#
# A runner ends with "N passed, N failed[, N skipped]". One that does not, or that exits with an error
# without reporting a failure, counts as one failed test: a crashed runner must not look like success.
# Those whose name begins with '+' measure nothing of the machine: they run first, LANES at a time. The others
# have it for themselves, one after the other.
# The last line is the sum in the same form; the exit code is 1 when anything failed.
# ONLY=PATTERN (a shell pattern on names) runs some of them.
LANES=${LANES:-2}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

name_of() { name=${1%%: *} name=${name#+}; }

# Runs one; what it printed is shown when it is over, in one piece, and counted in $work/counts.
run() { # 'NAME: COMMAND'
	name_of "$1"
	out=$work/$name
	started=$(date +%s)
	sh -c "${1#*: }" >"$out" 2>&1 </dev/null
	rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$out" | tail -n 1)
	# shellcheck disable=SC2046
	set -- $(printf '%s' "$line" | tr -cs '0-9' ' ')
	p=${1:-0} f=${2:-0} s=${3:-0}
	{
		printf '== %s\n' "$name"
		cat "$out"
		if [ -z "$line" ]; then
			echo "$name did not say how many tests passed (exit $rc)"
			f=1
		elif [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
			echo "$name reported no failure but exited with $rc"
			f=1
		fi
		printf '== %s took %d s\n' "$name" $(($(date +%s) - started))
	} >"$out.shown"
	flock "$work/counts" cat "$out.shown"
	echo "$p $f $s $name" >>"$work/counts"
}

# One lane: takes the next that nobody has taken yet.
lane() {
	for runner in "$@"; do
		name_of "$runner"
		case $runner in +*) mkdir "$work/$name.taken" 2>/dev/null && run "$runner" ;; esac
	done
}

chosen=0
for runner in "$@"; do
	shift
	name_of "$runner"
	# shellcheck disable=SC2254
	case $name in ${ONLY:-*}) set -- "$@" "$runner" && chosen=$((chosen + 1)) ;; esac
done
: >"$work/counts"
i=0
while [ $i -lt "$LANES" ]; do
	lane "$@" &
	i=$((i + 1))
done
wait
for runner in "$@"; do
	case $runner in +*) ;; *) run "$runner" ;; esac
done

# What failed is said once more at the end: the last lines of a long log are the ones that are kept.
passed=0 failed=0 skipped=0 told=0 broken=''
while read -r p f s name; do
	[ "$f" -gt 0 ] && broken="$broken '$name'"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) told=$((told + 1))
done <"$work/counts"
[ $told -eq $chosen ] || { echo "only $told of $chosen runners came to an end"; failed=$((failed + 1)); }
[ -n "$broken" ] && echo "failures in:$broken"
while read -r _ f _ name; do
	[ "$f" -gt 0 ] || continue
	echo "== again, of $name"
	grep -qE 'FAILED' "$work/$name.shown" || { tail -n 20 "$work/$name.shown" | cut -c 1-400; continue; }
	grep -E -A 12 'FAILED' "$work/$name.shown" | cut -c 1-400 | head -n 80
done <"$work/counts"
sum="$passed passed, $failed failed"
[ $skipped -gt 0 ] && sum="$sum, $skipped skipped"
echo "$sum"
[ $failed -eq 0 ]

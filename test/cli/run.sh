#!/bin/sh
# run.sh [--update] [FILE.t..] - command line tests: commands with the exact output they must give.
#
# A .t file is a list of cases, run in order in one empty directory (so a case may use what an earlier
# one made). A line "$ COMMAND" is run by sh; the lines up to the next one are what it must print:
#	text      a line on standard output
#	! text    a line on standard error
#	? N       the exit code, when it is not 0
#	|text     a line on standard output that is empty or begins with one of # $ ! ? |
# Lines that begin with "#" and empty lines between cases are comments; "# needs: PROGRAM.." at the top
# skips the file where a program is absent, "# needs: root" where we are not root. $T is this directory.
# --update writes what was printed into the files instead of comparing: read the diff.
# Ends with "N passed, N failed, N skipped" (cases).
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
T=$PWD/test/cli
case $B in /*) ;; *) B=$PWD/$B ;; esac
[ -x "$B/waggle" ] || { echo "$B/waggle is not built"; exit 1; }
PATH=$B:$PATH
COLUMNS=80 LC_ALL=C.UTF-8 TZ=UTC
export T B PATH COLUMNS LC_ALL TZ
unset NO_COLOR FLAMEGRAPH_PL
update=0
[ "${1-}" = --update ] && update=1 && shift
[ $# -eq 0 ] && set -- "$T"/*.t

passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# What of a file's needs is absent?
absent() {
	for need in $(sed -n 's/^# needs: *//p' "$1"); do
		if [ "$need" = root ]; then
			[ "$(id -u)" -eq 0 ] || echo root
		else
			command -v "$need" >/dev/null 2>&1 || echo "$need"
		fi
	done
}

# Runs $command in the file's directory; leaves what it printed, in the form of a .t file, in $work/got.
run_command() {
	(cd "$work/dir" && exec sh -c "$command") >"$work/out" 2>"$work/err" </dev/null
	code=$?
	{
		sed 's/^\([#$!?|].*\)\{0,1\}$/|\1/' "$work/out"
		[ -s "$work/out" ] && [ -n "$(tail -c 1 "$work/out")" ] && echo
		sed 's/^/! /' "$work/err"
		[ $code -eq 0 ] || echo "? $code"
	} >"$work/got"
}

# Ends the case that has been read: command in $command, expectation in $work/want.
finish_case() {
	[ -n "$command" ] || return
	run_command
	printf '$ %s\n' "$command" >>"$work/new"
	cat "$work/got" "$work/between" >>"$work/new"
	if cmp -s "$work/want" "$work/got"; then
		passed=$((passed + 1))
	elif [ $update -eq 0 ]; then
		failed=$((failed + 1))
		printf 'FAILED %s:%s\n$ %s\n' "${file##*/}" "$at" "$command"
		diff -u "$work/want" "$work/got" | tail -n +3
	fi
	command=''
}

# Comments and empty lines before a "$" belong between the cases; those inside an expectation do not occur.
read_file() {
	command='' line_no=0 at=0
	rm -rf "$work/dir" && mkdir "$work/dir"
	: >"$work/new"; : >"$work/want"; : >"$work/between"
	while IFS= read -r line || [ -n "$line" ]; do
		line_no=$((line_no + 1))
		case $line in
		'$ '*)
			finish_case
			[ $at -eq 0 ] && cat "$work/between" >>"$work/new"
			: >"$work/want"; : >"$work/between"
			command=${line#??} at=$line_no
			;;
		'#'* | '') printf '%s\n' "$line" >>"$work/between" ;;
		*) printf '%s\n' "$line" >>"$work/want" ;;
		esac
	done <"$1"
	finish_case
}

for file in "$@"; do
	lacking=$(absent "$file")
	if [ -n "$lacking" ]; then
		n=$(grep -c '^\$ ' "$file")
		echo "skipped ${file##*/} ($n): no" $lacking
		skipped=$((skipped + n))
		continue
	fi
	before=$failed
	read_file "$file"
	if [ $update -eq 1 ]; then cmp -s "$work/new" "$file" || cp "$work/new" "$file"; fi
	[ "$failed" -eq "$before" ] && echo "ok ${file##*/}"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]

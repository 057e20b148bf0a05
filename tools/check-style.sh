#!/bin/sh
# check-style.sh - what of the house style a script can see: sizes, opening comments, banned calls.
# Prints each offence and "N passed, N failed" (files). The reasons are in HACKING.md.
cd "$(dirname "$0")/.." || exit 1
FILE_MAX=600 HEADER_MAX=150 FUNCTION_MAX=60
# The model, the kernel boundary and the kernel's types: one place each.
BIG_HEADERS='src/profile/profile.h src/bpf/abi.h src/bpf/kernel.bpf.h'
WIDTH_MAX=110 # .clang-format breaks at 100; a line that is a string may be longer, to stay whole
passed=0 failed=0

# Calls that overflow, that hand a line to a shell, or that decide for the whole program.
banned() {
	echo 'strcpy strcat sprintf vsprintf gets system popen'
	case $1 in
	src/cli/*) ;;
	*) echo 'exit abort printf puts putchar perror' ;;
	esac
}

# Prints "name lines" of every function that is too long: from the line before "{" to "}" in column 0.
long_functions() {
	awk -v max=$FUNCTION_MAX '
		/^[a-z].*\(/ { head = $0 }
		/^\{/ { start = NR; name = head }
		/^\}/ && start {
			if (NR - start - 1 > max) {
				sub(/\(.*/, "", name); n = split(name, w, /[ *]/)
				print w[n] "() has " NR - start - 1 " lines, at most " max
			}
			start = 0
		}' "$1"
}

check() {
	f=$1 lines=$(wc -l <"$1")
	case $(head -n 3 "$f") in
	*'/*'* | *'#!'* | *'//'* | *'<!--'* | '# '*) ;;
	*) echo "must start with a comment that says what it is" ;;
	esac
	case $f in
	src/*.h)
		max=$HEADER_MAX
		case " $BIG_HEADERS " in *" $f "*) max=$FILE_MAX ;; esac
		[ "$lines" -gt $max ] && echo "has $lines lines, at most $max"
		;;
	*) [ "$lines" -gt $FILE_MAX ] && echo "has $lines lines, at most $FILE_MAX" ;;
	esac
	case $f in
	src/*.c | src/*.h)
		for call in $(banned "$f"); do
			# Comments and strings are taken out first; a member or part of a name is another thing.
			at=$(sed 's|/\*.*\*/||; s|^ \*.*||; s|//.*||; s|"[^"]*"||g' "$f" |
				grep -nE "(^|[^A-Za-z0-9_.>])$call\(" | head -n 1 | cut -d: -f1)
			[ -n "$at" ] && echo "line $at: $call() is not used here"
		done
		long_functions "$f"
		;;
	esac
	grep -nE '(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)' "$f" | sed 's/^\([0-9]*\):.*/line \1: finish it or leave it out/' |
		head -n 3
	case $f in
	*.c | *.h | *.sh | *.def)
		awk -v max=$WIDTH_MAX '!/"/ { line = $0; gsub(/\t/, "        ", line) }
			!/"/ && length(line) > max {
				print "line " NR ": " length(line) " columns, at most " max
			}' "$f" | head -n 3
		grep -nE '[ 	]+$' "$f" | sed 's/^\([0-9]*\):.*/line \1: blanks at the end/' | head -n 3
		;;
	esac
}

for f in $(git ls-files 2>/dev/null || find . -type f | sed 's|^\./||'); do
	case $f in
	tools/check-style.sh) continue ;; # names what it forbids
	src/* | test/*.c | test/*.h | test/*.sh | tools/* | fuzz/*.c | bench/*.sh | web/*.js | bootstrap) ;;
	*) continue ;;
	esac
	[ -f "$f" ] || continue
	said=$(check "$f")
	if [ -z "$said" ]; then
		passed=$((passed + 1))
	else
		echo "$said" | sed "s|^|$f: |"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

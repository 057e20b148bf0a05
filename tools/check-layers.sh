#!/bin/sh
# check-layers.sh - fails when a folder includes upward or sideways, or when a .c file that defines a row
# of a table is not in that table. The layers are those of HACKING.md.
# Prints each offence and "N passed, N failed" (files).
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

layer() {
	case $1 in
	base | bpf) echo 0 ;;
	elf | profile) echo 1 ;;
	process | format | analyze) echo 2 ;;
	unwind | symbol) echo 3 ;;
	source) echo 4 ;;
	session) echo 5 ;;
	ship | agent | live) echo 6 ;;
	ui) echo 7 ;;
	cli) echo 8 ;;
	esac
}

# May folder $1 include from folder $2? base and bpf/abi.h know each other; nobody else may look sideways.
allowed() {
	[ "$1" = "$2" ] && return 0
	above=$(layer "$1") below=$(layer "$2")
	[ -z "$below" ] && return 0 # a generated header or a library's
	[ "$above" -eq 0 ] && [ "$below" -eq 0 ] && return 0
	[ "$below" -lt "$above" ]
}

for f in $(find src -name '*.[ch]' | sort); do
	folder=${f#src/} folder=${folder%%/*} bad=0
	if [ -z "$(layer "$folder")" ]; then
		echo "$f: the folder '$folder' has no layer; give it one in tools/check-layers.sh"
		bad=1
	fi
	for to in $(sed -n 's/^#[ \t]*include "\([a-z]*\)\/.*/\1/p' "$f" | sort -u); do
		[ $bad -eq 0 ] || break
		if ! allowed "$folder" "$to"; then
			echo "$f: includes $to/, which is not below $folder/ (upward or sideways)"
			bad=1
		fi
	done
	if [ $bad -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done

# A file that defines `const struct KIND KIND_NAME =` or a *_command.c stands in its folder's table.
rows() { # folder, kind, table
	[ -f "$3" ] || return 0
	for f in "src/$1"/*.c; do
		name=$(sed -n "s/^const struct $2 $2_\([a-z0-9_]*\) = {.*/\1/p" "$f" | head -n 1)
		if [ -z "$name" ]; then
			case $f in *_"$2".c) echo "$f: defines no $2"; failed=$((failed + 1)) ;; esac
			continue
		fi
		if grep -q "^ROW($name)" "$3"; then
			passed=$((passed + 1))
		else
			echo "$f: $2 '$name' has no row in $3"
			failed=$((failed + 1))
		fi
	done
}
rows format format src/format/formats.def
rows cli command src/cli/commands.def
rows source source src/source/sources.def
rows symbol provider src/symbol/providers.def
rows ui/tui view src/ui/tui/views.def

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

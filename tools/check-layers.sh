#!/bin/sh
# check-layers.sh - fails when a folder includes upward or sideways, or when a .c file that defines a row
# of a table is not in that table. The layers are those of HACKING.md.
# Prints each offence and "N passed, N failed" (files).
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

# Sets $n to the layer of a folder, to nothing when it has none.
layer() {
	case $1 in
	base | bpf) n=0 ;;
	elf | profile) n=1 ;;
	process | format | analyze) n=2 ;;
	unwind | symbol) n=3 ;;
	source) n=4 ;;
	session) n=5 ;;
	ship | agent | live) n=6 ;;
	ui) n=7 ;;
	cli) n=8 ;;
	*) n='' ;;
	esac
}

# May folder $1 include from folder $2? base and bpf/abi.h know each other; nobody else may look sideways.
allowed() {
	[ "$1" = "$2" ] && return 0
	layer "$1" && above=$n
	layer "$2" && below=$n
	[ -z "$below" ] && return 0 # a generated header or a library's
	[ "$above" -eq 0 ] && [ "$below" -eq 0 ] && return 0
	[ "$below" -lt "$above" ]
}

# Every file with its own folder ("src/x/y.c x") and with each that it includes from ("src/x/y.c base").
included() {
	find src -name '*.[ch]' | sort | xargs awk '
		FNR == 1 { split(FILENAME, part, "/"); print FILENAME, part[2] }
		match($0, /^#[ \t]*include "[a-z]*\//) {
			to = substr($0, RSTART, RLENGTH - 1)
			sub(/.*"/, "", to)
			if (!seen[FILENAME, to]++) print FILENAME, to
		}'
}

file='' bad=0
count() { # of the file that is over
	[ -z "$file" ] || if [ $bad -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	bad=0
}
while read -r f to; do
	if [ "$f" != "$file" ]; then
		count
		file=$f folder=$to
		layer "$folder"
		[ -n "$n" ] || { echo "$f: the folder '$folder' has no layer; give it one in tools/check-layers.sh"; bad=1; }
	elif [ $bad -eq 0 ] && ! allowed "$folder" "$to"; then
		echo "$f: includes $to/, which is not below $folder/ (upward or sideways)"
		bad=1
	fi
done <<END
$(included)
END
count

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

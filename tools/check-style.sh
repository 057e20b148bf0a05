#!/bin/sh
# check-style.sh - what of the house style a script can see: sizes, opening comments, banned calls.
# Prints each offence and "N passed, N failed" (files). The reasons are in HACKING.md.
cd "$(dirname "$0")/.." || exit 1

# tools/check-style.sh itself names what it forbids.
files=$({ git ls-files 2>/dev/null || find . -type f | sed 's|^\./||'; } |
	grep -E '^(src/|test/.*\.(c|h|sh|t)$|tools/|fuzz/.*\.c$|bench/.*\.sh$|web/.*\.js$|bootstrap$)' |
	grep -v '^tools/check-style\.sh$' | while read -r f; do [ -f "$f" ] && echo "$f"; done)

# shellcheck disable=SC2086
awk '
BEGIN {
	FILE_MAX = 600; HEADER_MAX = 150; FUNCTION_MAX = 60
	WIDTH_MAX = 110 # .clang-format breaks at 100; a line that is a string may stay whole
	TAB = "        "
	# The model, the kernel boundary and the kernel'\''s types: one place each.
	big["src/profile/profile.h"] = big["src/bpf/abi.h"] = big["src/bpf/kernel.bpf.h"] = 1
	# Calls that overflow or hand a line to a shell; and, in library folders, that print or exit.
	everywhere = "strcpy|strcat|sprintf|vsprintf|gets|system|popen"
	libraries = everywhere "|exit|abort|printf|puts|putchar|perror"
}
function say(text) { print file ": " text; bad[file] = 1 }
function finish() {
	max = file ~ /^src\/.*\.h$/ && file !~ /\.bpf\.h$/ && !big[file] ? HEADER_MAX : FILE_MAX
	if (file && lines > max) say("has " lines " lines, at most " max)
	if (file && !opened) say("must start with a comment that says what it is")
}
FNR == 1 { finish(); file = FILENAME; n++; opened = start = 0 }
{ lines = FNR }
FNR <= 3 && /\/\*|^#!|^\/\/|^# |<!--/ { opened = 1 }
/(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/ { say("line " FNR ": finish it or leave it out") }
file ~ /\.(c|h|sh|def)$/ && /[ \t]$/ { say("line " FNR ": blanks at the end") }
file ~ /\.(c|h|sh|def)$/ && !/"/ {
	line = $0; gsub(/\t/, TAB, line)
	if (length(line) > WIDTH_MAX) say("line " FNR ": " length(line) " columns, at most " WIDTH_MAX)
}
file ~ /^src\/.*\.[ch]$/ {
	code = $0 # without comments and strings
	gsub(/"([^"\\]|\\.)*"/, "", code); gsub(/\/\*.*\*\/|^ \*.*|\/\/.*/, "", code)
	if (match(code, "(^|[^A-Za-z0-9_.>])(" (file ~ /^src\/cli\// ? everywhere : libraries) ")\\("))
		say("line " FNR ": " substr(code, RSTART, RLENGTH) ") is not used here")
	if (/^[a-z].*\(/) { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
	if (/^\{/) start = FNR
	if (/^\}/ && start) {
		if (FNR - start - 1 > FUNCTION_MAX)
			say(name "() has " FNR - start - 1 " lines, at most " FUNCTION_MAX)
		start = 0
	}
}
END {
	finish()
	for (f in bad) failed++
	printf "%d passed, %d failed\n", n - failed, failed
	exit failed > 0
}' $files

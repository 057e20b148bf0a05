# needs: gcc nm
# Each stage alone.

$ printf 'int leaf(int n) { return n * 3; }\nint main(int c, char **v) { (void)v; return leaf(c) == 7; }\n' >t.c; gcc -O1 -fno-inline -fcf-protection=none -o t t.c
$ waggle dump symbols t | awk '/ (leaf|main)$/ { print $1, $3 }' >ours; nm t | awk '/ T (leaf|main)$/ { print $1, $3 }' | sort >theirs; cmp ours theirs; wc -l <ours
2
$ at=$((0x$(nm t | awk '/ leaf$/ { print $1 }'))); waggle dump rows t | while read -r o rule; do case $o in *[!0-9a-f]*) ;; *) [ $((0x$o)) -gt $at ] || echo "$rule" ;; esac; done | tail -n 1 | sed 's/  .*//'
cfa=rsp+8 rbp=same ra=cfa-8
$ waggle dump rows t | grep -c '  bottom  _start+0x'
1
$ strip -o stripped t; waggle dump symbols stripped | grep -c ' main$'; waggle dump rows stripped | head -n 1 | sed 's/[0-9][0-9]*/N/g'
0
|# N rows from N descriptions, N of them bad
$ printf 'redis;main;read_[k] 3\n' >a.folded; waggle dump profile a.folded | grep -e '^samples' -e ' kernel ' -e samples_taken
     2 kernel  object=0+0x0 read
samples 1 (ns since start, cpu, task, stack, values)
                   3 samples_taken
$ waggle dump abi | grep unwind_rule
unwind_rule        16 bytes

$ printf 'static inline int sq(int n) { return n * n; }\nint f(int n)\n{\n\treturn sq(n) + 1;\n}\nint main(int c, char **v) { return f(c); }\n' >i.c; gcc -g -O2 -fno-ipa-icf -o i i.c; waggle dump lines i $(nm i | awk '$3 == "f" { print $1 }') | sed "s|$PWD/||"
sq
i.c:1
f
i.c:4
|
# Mistakes
$ waggle dump
! waggle: dump needs what to dump: rows, symbols, lines, profile, abi or stats
? 2
$ waggle dump rowz t
! waggle: there is nothing called 'rowz' to dump; did you mean 'rows'?
? 2
$ waggle dump rows
! waggle: dump rows takes one file
? 2
$ waggle dump rows missing
! waggle: cannot read 'missing': No such file or directory
? 1
$ waggle dump rows t.c
! waggle: cannot read 't.c': not an ELF file
? 1
$ head -c 2000 t >cut; waggle dump rows cut >out 2>err; echo $?; wc -l <err
1
1
$ head -c 40 t >cut; waggle dump symbols cut
! waggle: cannot read 'cut': not an ELF file: too short
? 1
$ printf 'int x;' | gcc -c -x c - -o bare.o; waggle dump rows bare.o 2>&1 | sed 's/^! //'
waggle: 'bare.o' has no call frame information

# What tables cost
$ waggle dump stats t >out; echo $?; head -n 1 out | wc -w; awk 'NR == 2 { print ($2 > 2), ($3 > $1 * 4), ($5 == $1 * 8), ($6 == $1 * 12), ($9 > 0), ($10 != "-"), $11 }' out
0
14
1 1 1 1 1 1 t
$ tail -n 3 out | sed 's/[0-9][0-9.]*/N/g; s/  */ /g'
 N N N N N N N N N N all
|# N files, N without a table; N bytes of tables in N of slabs, and N bytes of rules
|# N can be cached: N times faster than building them
$ mkdir tmp; TMPDIR=$PWD/tmp waggle dump stats t >out; ls -A tmp
$ gcc -O1 -Wl,--build-id=none -o noid t.c; waggle dump stats noid | awk 'NR == 2 { print $10, $11 }'
- noid
$ waggle dump stats t missing 2>&1 >/dev/null
waggle: cannot read 'missing': No such file or directory
? 1
$ waggle dump stats bare.o 2>&1 >/dev/null
waggle: 'bare.o': no call frame information
? 1

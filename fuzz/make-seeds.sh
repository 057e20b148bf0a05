#!/bin/sh
# make-seeds.sh - makes the small ELF files, call frame sections, debug information and jitdumps that fuzzing
# starts from. Needs cc, objcopy; writes fuzz/seeds/{elf,cfi,jitdump,dwarf,line} beside itself.
set -e
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > a.S <<'ASM'
	.text
	.globl _start
	.p2align 4
f:	.cfi_startproc
	.cfi_personality 0x1b, h
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register 6
	.cfi_remember_state
	leave
	.cfi_def_cfa 7, 8
	ret
	.cfi_restore_state
	.cfi_escape 0x0f, 0x03, 0x76, 0x78, 0x06
	.cfi_escape 0x10, 0x06, 0x02, 0x76, 0x70
	.fill 300, 1, 0x90
	.cfi_def_cfa 10, 0
	ret
	.cfi_endproc
h:	.cfi_startproc
	.cfi_signal_frame
	.cfi_escape 0x0f, 0x0b, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
	ret
	.cfi_endproc
	.fill 40, 1, 0x90
g:	.cfi_startproc
	.cfi_undefined 16
	.cfi_escape 0x0f, 0x06, 0x77, 0xf8, 0x00, 0x06, 0x23, 0x08
	call f
	.cfi_endproc
	.fill 2100, 1, 0x90
_start:	call g
ASM
link="cc -nostdlib -static -Wl,-z,noseparate-code,-z,max-page-size=16,-z,common-page-size=16"
$link -Wl,--build-id -Wl,--eh-frame-hdr -o eh a.S
sed 's/^f:/	.cfi_sections .debug_frame\n&/; /personality/d' a.S > b.S
$link -g -gz=zlib -o debug b.S
cp eh bare # without section headers: e_shoff, then e_shentsize, e_shnum, e_shstrndx
printf '\0\0\0\0\0\0\0\0' | dd of=bare bs=1 seek=40 conv=notrunc 2>/dev/null
printf '\0\0\0\0\0\0' | dd of=bare bs=1 seek=58 conv=notrunc 2>/dev/null
objcopy --only-keep-debug debug only
objcopy --add-gnu-debuglink=only eh linked
# Code that is known by its bytes or names: stubs, start code, clone, sigreturn, Go.
cat > c.S <<'ASM'
	.section .plt, "ax", @progbits
	.p2align 4
	.byte 0xff, 0x35, 1, 2, 3, 4, 0xff, 0x25, 1, 2, 3, 4, 0x0f, 0x1f, 0x40, 0
	.byte 0xff, 0x25, 1, 2, 3, 4, 0x68, 0, 0, 0, 0, 0xe9, 1, 2, 3, 4
	.section .plt.sec, "ax", @progbits
	endbr64
	.byte 0xf2, 0xff, 0x25, 1, 2, 3, 4, 0x0f, 0x1f, 0x44, 0, 0
	.section .init, "ax", @progbits
	sub $8, %rsp
	mov _start(%rip), %rax
	test %rax, %rax
	je 1f
	call *%rax
1:	add $8, %rsp
	ret
	.section .gopclntab, "a", @progbits
	.byte 0xf1, 0xff, 0xff, 0xff
	.text
	.globl _start
	.p2align 4
_start: ret
	.p2align 4
	lea _start(%rip), %rdi
	lea _start(%rip), %rax
	cmp %rdi, %rax
	je 1f
1:	ret
	.p2align 4
	cmpb $0, _start(%rip)
	jne 1f
	push %rbp
	mov %rsp, %rbp
	movb $1, _start(%rip)
	pop %rbp
1:	ret
	.p2align 4
clone:	.cfi_startproc
	nop
	.cfi_endproc
	syscall
	test %rax, %rax
	jz 1f
	ret
1:	.cfi_startproc
	.cfi_undefined 16
	hlt
	.cfi_endproc
	nop
	mov $15, %rax
	syscall
	.macro go name
	.type \name, @function
\name:	.cfi_startproc
	nop
	call *%rdi
	call *%r12
	call *%rax
	mov 56(%rbx), %rsp
	mov $15, %rax
	syscall
	.cfi_endproc
	.size \name, . - \name
	.endm
	go runtime.goexit.abi0
	go runtime.systemstack.abi0
	go runtime.mcall
	go runtime.morestack.abi0
	go runtime.sigreturn.abi0
	.fill 600, 1, 0x90
ASM
$link -o known c.S
objcopy -R .gopclntab known known-c # no longer Go: sigreturn by its bytes
mkdir -p "$here/seeds/elf" "$here/seeds/cfi" "$here/seeds/stubs"
for f in eh debug bare only linked known known-c; do cp $f "$here/seeds/elf/$f"; done
seed() { # kind, name, section, file
	objcopy --dump-section "$3=raw" "$4" /dev/null
	{ printf '%b' "\\$1"; head -c 4000 raw; } > "$here/seeds/cfi/$2"
}
objcopy --decompress-debug-sections debug plain
seed 01 eh .eh_frame eh
seed 03 terminated .eh_frame eh
seed 00 debug .debug_frame plain
seed 01 header .eh_frame_hdr eh
seed 01 program .eh_frame /bin/true

# Tables as the disk cache holds them, behind their head (cache_fuzz.c): counts, rules, rows.
mkdir -p "$here/seeds/cache"
zero() { head -c "$1" /dev/zero; }
rule() { printf '%b' "\\020\\0\\0\\0"; zero 8; printf '%b' "\\$1\\0\\0\\0"; }
head3() { # number of rows
	printf '%b' "h\\003\\0\\0\\0\\$1\\0\\0\\0\\0\\020\\0\\0\\0\\0\\0\\0"
	zero 24; zero 16; zero 12; printf '%b' '\011\0\0\0'; rule 001
}
{ head3 002; printf '%b' '\002\0\0\0\0\0\020\0'; } > "$here/seeds/cache/two"
{ head3 003; printf '%b' '\002\0\0\0\001\0\004\0\0\0\377\377\0\0\001\0'; } > "$here/seeds/cache/far"
# A jitdump with lines, frames and a move, whole and without the end of its last record.
mkdir -p "$here/seeds/jitdump"
cc -O1 -fomit-frame-pointer -o jitgen "$here/../test/workload/jitgen.c"
./jitgen dump 0.001 "$dir" > /dev/null
{ printf '\200'; cat jit-*.dump; } > "$here/seeds/jitdump/moved"
{ printf '\377'; cat jit-*.dump | head -c -20; } > "$here/seeds/jitdump/cut"
for f in plt plt.sec init text; do
	objcopy --dump-section ".$f=$here/seeds/stubs/$f" known /dev/null
done

# What doctor surveys: small files with DWARF 4 and 5, split, with a link to dwz's file.
mkdir -p "$here/seeds/survey" "$here/seeds/mappings"
printf 'int f(int n) { volatile int a[9]; for (int i = 0; i < n; i++) a[i] = n; return a[2]; }\n' > s.c
cc -gdwarf-5 -O1 -fno-omit-frame-pointer -c -o "$here/seeds/survey/five.o" s.c
cc -gdwarf-4 -gsplit-dwarf -O1 -c -o "$here/seeds/survey/four.o" s.c
cc -gdwarf-5 -gz=zlib -O1 -c -o zipped.o s.c
printf 'common.debug\0\1\2\3\4' > alt
objcopy --add-section .gnu_debugaltlink=alt zipped.o "$here/seeds/survey/alt.o"
cp bare "$here/seeds/survey/bare"
printf '%s\n' '7f00-7f01 r-xp 00002000 fd:01 1234   /a b' '7f02-7f03 rwxp 0 00:00 0' \
	'7f04-7f05 r-xp 0 08:02 9 /gone (deleted)' > "$here/seeds/mappings/maps"
printf 'ID=mint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="A"\n' > "$here/seeds/mappings/release"

# Debug information: a function with two levels of inlining, in the flavours there are. Clang is optional.
cat > d.c <<'C'
static inline __attribute__((always_inline)) int a(int x) { return x * x + 1; }
static inline __attribute__((always_inline)) int b(int x) { return a(x) - a(x + 2); }
int cold(int x) __attribute__((cold, noinline));
int cold(int x) { return x / 3; }
int _start(int x);
int _start(int x) { if (__builtin_expect(x > 100, 0)) return cold(b(x)); return b(x + 1); }
C
u16() { printf '%b' "\\0$(printf %o $(($1 & 255)))\\0$(printf %o $(($1 >> 8)))"; }
pack() { # flags, name, file with the sections, suffix, file with an index
	out="$here/seeds/dwarf/$2"
	printf '%b' "\\0$1" > "$out"
	: > all
	for s in info abbrev str line_str str_offsets line addr ranges rnglists aranges cu_index; do
		: > raw
		suffix=$4
		[ $s = cu_index ] && suffix=''
		objcopy --dump-section ".debug_$s$suffix=raw" "$3" /dev/null 2>/dev/null
		u16 "$(wc -c < raw)" >> "$out"
		cat raw >> all
	done
	cat all >> "$out"
}
mkdir -p "$here/seeds/dwarf" "$here/seeds/line"
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	for v in 4 5; do
		$cc -O2 -gdwarf-$v -nostdlib -static -ffunction-sections -o d$v d.c
		pack 0 $cc$v d$v ''
		objcopy --dump-section .debug_line=raw d$v /dev/null
		{ printf x; cat raw; } > "$here/seeds/line/$cc$v"
		$cc -O2 -gdwarf-$v -gsplit-dwarf -c -o s$v.o d.c
		pack 1 $cc${v}dwo s$v.dwo .dwo
		pack 1 $cc${v}skeleton s$v.o ''
	done
done
if command -v llvm-dwp >/dev/null; then
	llvm-dwp -o p.dwp s5.dwo && pack 3 package5 p.dwp .dwo
fi
# Stacks (stackfile_fuzz.c: a byte, then the file, or what is in it), and a process's mappings.
mkdir -p "$here/seeds/stackfile" "$here/seeds/maps"
stack="$here/../test/corpus/rust-1-1.stack"
{ printf '\0'; cat "$stack"; } > "$here/seeds/stackfile/packed"
{ printf '\1'; tail -c +9 "$stack" | zstd -dcq; } > "$here/seeds/stackfile/plain"
cat > "$here/seeds/maps/some" <<'MAPS'
55e4c0a00000-55e4c0a02000 r-xp 00001000 fd:01 1234                       /usr/bin/a b
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
7fff00000000-7fff00002000 r-xp 00000000 00:00 0                          [vdso]
7fff10000000-7fff10001000 r--s 00000000 00:10 99 /memfd:x (deleted)
MAPS

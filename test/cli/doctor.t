# needs: gcc objcopy strip
# What a file lacks for whole stacks and names.

$ printf 'int __attribute__((noinline)) leaf(int n) { int i, s = 0; for (i = 0; i < n; i++) s += i * s; return s; }\nint main(int c, char **v) { (void)v; return leaf(c) == 7; }\n' >t.c; gcc -gdwarf-4 -O1 -Wl,--build-id=0x0123456789abcdef -o full t.c; strip -o bare full; objcopy --only-keep-debug full full.debug; objcopy --add-gnu-debuglink=full.debug bare linked; gcc -O1 -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions -fomit-frame-pointer -nostdlib -static -Wl,-e,main -Wl,--build-id=none -o blind t.c; objcopy -R .eh_frame -R .eh_frame_hdr blind; cp full.debug keep; rm full.debug
$ waggle doctor full | sed 's/[0-9][0-9]* functions/N functions/; s/(.* looked at/(N looked at/; s/[0-9]* %/N %/' | tail -n +3 | sed "s|$PWD|DIR|"
DIR/full
  ok         unwinding: .eh_frame describes N functions, N % of the code
  ok         frame pointers: likely not (N looked at set one up);
             not needed here
  ok         symbols: N functions in .symtab
  ok         source lines: DWARF 4 in the file itself
  ok         build id: 0123456789abcdef
$ waggle doctor bare | grep -A4 symbols:
  missing    symbols: none
             Do not strip it (no -s, no strip); or keep its debug file (objcopy
             --only-keep-debug, --add-gnu-debuglink) beside it or give it with
             --debug-file.
  missing    source lines: none, and so no inlined functions
$ waggle doctor linked | grep -A1 'its debug'
  missing    symbols: none; its debug file full.debug is not here
             Do not strip it (no -s, no strip); or keep its debug file (objcopy
             --only-keep-debug, --add-gnu-debuglink) beside it or give it with
$ cp keep full.debug; waggle doctor linked | sed "s|$PWD|DIR|" | grep -A3 symbols:
  ok         symbols: 9 functions in DIR/full.debug
  ok         source lines: DWARF 4 in DIR/full.debug
  ok         build id: 0123456789abcdef
$ rm full.debug; waggle doctor bare --debug-file keep | grep -A3 symbols:
  ok         symbols: 9 functions in keep
  ok         source lines: DWARF 4 in keep
  ok         build id: 0123456789abcdef
$ waggle doctor blind | grep -A4 -e 'unwinding:' -e 'build id:'
  missing    unwinding: none
             Compile with -fasynchronous-unwind-tables and do not strip
             .eh_frame; only where that cannot be, with -fno-omit-frame-pointer.
  missing    frame pointers: no function that could be looked at
  ok         symbols: 2 functions in .symtab
--
  degraded   build id: none
             Link with -Wl,--build-id: debug files and servers find the file by
             it.

# Mistakes
$ waggle doctor missing
! waggle: cannot read 'missing': No such file or directory
? 1
$ waggle doctor .
! waggle: cannot read '.': it is a directory
? 1
$ waggle doctor t.c
! waggle: cannot read 't.c': not an ELF file
? 1
$ mkfifo pipe; waggle doctor pipe
! waggle: cannot read 'pipe': it is not a regular file
? 1
$ waggle doctor 999999999
! waggle: there is no process 999999999
? 4
$ waggle doctor 99999999999999999999
! waggle: there is no process 99999999999999999999
? 4
$ waggle doctor 0
! waggle: there is no process 0
? 4
$ waggle doctor full bare
! waggle: doctor takes one file or one process
? 2
$ waggle doctor --debug-file missing full
! waggle: cannot read 'missing': No such file or directory
? 1
$ waggle doctor --debug-dir t.c full
! waggle: cannot look for debug files in 't.c': not a directory
? 1
$ waggle doctor --debug-dir missing full
! waggle: cannot look for debug files in 'missing': No such file or directory
? 1
$ waggle doctor ''
! waggle: cannot read '': No such file or directory
? 1
$ : >123; waggle doctor ./123
! waggle: cannot read './123': not an ELF file: too short
? 1
$ head -c 100 full >cut; waggle doctor cut | grep -c ' missing '
4

# JSON is one object, the same facts
$ waggle doctor --json bare | tr ',' '\n' | grep -c -e '"key"' -e '"state":"degraded"' -e '"state":"missing"'
2
$ waggle doctor --json full >/dev/full
! waggle: cannot write 'standard output': No space left on device
? 1

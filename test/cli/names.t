# needs: gcc
# Where names are looked for: what is of no use is said.

$ printf 'a;b 100\n' >a.folded
$ printf 'int main(void) { return 0; }\n' >m.c; gcc -g -Wl,--build-id -o m m.c; waggle report a.folded --debug-file m >/dev/null
! 'm' was not used: nothing that needed names has its build id or debug link
! 100 samples
$ waggle report -q a.folded --debug-file m >/dev/null
$ waggle report a.folded --debug-file m.c
! waggle: cannot read 'm.c': not an ELF file: too short
? 1
$ waggle report a.folded --debug-dir nowhere
! waggle: cannot look for debug files in 'nowhere': No such file or directory
? 1
$ waggle report a.folded --symbolize --debuginfod-timeout soon
! waggle: --debuginfod-timeout takes a duration like 500ms, 10s or 2m, not 'soon'
? 2

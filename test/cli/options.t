# What a person gets wrong on the command line: one sentence, exit code 2.

$ waggle reprot x
! waggle: there is no command 'reprot'; did you mean 'report'?
? 2
$ waggle frobnicate
! waggle: there is no command 'frobnicate'; 'waggle -- frobnicate' profiles a program, 'waggle help' lists the commands
? 2
$ waggle help docter
! waggle: there is no command 'docter'; did you mean 'doctor'?
? 2
$ waggle report
! waggle: report needs the profile to read: waggle report FILE
? 2
$ waggle report --sybolize x
! waggle: there is no option --sybolize; did you mean '--symbolize'?
? 2
$ waggle report --by colour x
! waggle: --by takes one of nothing, comm, process, thread, not 'colour'
? 2
$ waggle report --from soon x
! waggle: --from takes a duration like 500ms, 10s or 2m, not 'soon'
? 2
$ waggle report --top 0 x
! waggle: --top takes a number from 1 to 1000000, not '0'
? 2
$ waggle report --top 5 --top 6 x
! waggle: --top is given twice: '5' and '6'
? 2
$ waggle report -o
! waggle: --output needs a value (FILE)
? 2
$ waggle report -Z x
! waggle: there is no option -Z
? 2
$ waggle report -p 1,,2 x
! waggle: --pid takes numbers separated by commas, not '1,,2'
? 2
$ waggle report -C 3-1 x
! waggle: --cpu takes processor numbers like 0-3,8, not '3-1'
? 2
$ waggle report --json=yes x
! waggle: --json takes no value
? 2
$ waggle report x -- ls
! waggle: report reads files; to profile a command: waggle -- ls
? 2
$ waggle report --
! waggle: '--' must be followed by a command
? 2
$ waggle doctor --jsn
! waggle: there is no option --jsn; did you mean '--json'?
? 2
$ waggle completion fish
! waggle: completion needs the shell: bash or zsh
? 2
$ waggle completion
! waggle: completion needs the shell: bash or zsh
? 2

# Contradictions
$ waggle report -U -K x
! waggle: --user-stacks-only and --kernel-stacks-only leave nothing
? 2
$ waggle report --from 5s --to 2s x
! waggle: --from must be before --to
? 2
$ waggle report --json --folded x
! waggle: --json and --folded both say what goes to standard output
? 2
$ waggle report --folded --format svg x
! waggle: --folded contradicts --format svg
? 2
$ waggle report --json -o - x
! waggle: --json and -o - both go to standard output
? 2
$ waggle report -o a.folded -o a.folded x
! waggle: 'a.folded' is given twice as output
? 2

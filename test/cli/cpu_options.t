# Options of cpu that can be judged before anything is loaded into the kernel, with and without "cpu".

$ waggle -Z
! waggle: there is no option -Z
? 2
$ waggle cpu -F 0 5
! waggle: --frequency takes a number from 1 to 100000, not '0'
? 2
$ waggle -F 99 -c 100000 5
! waggle: -F and -c exclude each other: a rate or a count, not both
? 2
$ waggle -U -K 5
! waggle: -U and -K exclude each other: nothing would be left
? 2
$ waggle --oracle 0 5
! waggle: --oracle takes a number from 1 to 1000000, not '0'
? 2
$ waggle --oracle-out . 5
! waggle: --oracle-out needs --oracle N
? 2
$ waggle --oracle 10 --oracle-out nowhere 5
! waggle: cannot write into 'nowhere': No such file or directory
? 1
$ waggle --oracle 10 -K 5
! waggle: --oracle is about user stacks, which -K leaves out
? 2
$ waggle -p 0
! waggle: --pid takes numbers from 1 to 4194304 separated by commas, not '0'
? 2
$ waggle soon
! waggle: there is no command 'soon'; 'waggle -- soon' profiles a program, 'waggle help' lists the commands
? 2
$ waggle 5 6
! waggle: '6' is one argument too many: only a duration is expected
? 2
$ waggle 5 -o x.bmp 2>&1 | sed 's/one of: .*/one of: ../'
waggle: no output format has the extension of 'x.bmp'; use --format, or one of: ..
$ waggle 5 -o nowhere/x.svg
! waggle: cannot write 'nowhere/x.svg': No such file or directory
? 1
$ waggle --keep '(' 5
! waggle: --keep: bad regular expression '(': missing closing parenthesis at character 2
? 2
$ waggle --
! waggle: '--' must be followed by a command
? 2

# What bcc's profile has and waggle has not: what to use instead
$ waggle --stack-storage-size 1000 5
! waggle: --stack-storage-size is not accepted: stacks are not kept in a table of fixed size; --max-profile bounds memory
? 2
$ waggle --cgroupmap /sys/fs/bpf/x 5
! waggle: --cgroupmap is not accepted: use --cgroup with the cgroup's directory
? 2
$ waggle --mntnsmap /sys/fs/bpf/x 5
! waggle: --mntnsmap is not accepted: use --cgroup or -p: a mount namespace's processes share one or the other
? 2

# Unwind tables
$ waggle --no-cache --cache-dir x 5
! waggle: --no-cache and --cache-dir exclude each other
? 2
$ waggle --cache-dir '' 5
! waggle: --cache-dir must not be empty
? 2
$ waggle --max-memory 4 5
! waggle: --max-memory takes a number from 8 to 4096, not '4'
? 2

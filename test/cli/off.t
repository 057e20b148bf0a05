# What off and wall accept, and how they refuse. None of these captures anything.

# Times without a unit are microseconds, as in bcc's offcputime.
$ waggle off -m 5x
! waggle: --min-block-time takes microseconds, or a duration like 5ms or 1s, not '5x'
? 2
$ waggle off -m 2000 -M 1ms
! waggle: -m must not be above -M: no wait would be left
? 2
$ waggle off -m 1ms -M 999
! waggle: -m must not be above -M: no wait would be left
? 2
$ waggle off --min-block-time=1.5s --max-block-time 1500000 --state Q
! waggle: --state takes letters of R, S, D, T, t, I separated by commas, or numbers as bcc does, not 'Q'
? 2

# States: the letters of ps, or bits as bcc has them.
$ waggle off --state Q
! waggle: --state takes letters of R, S, D, T, t, I separated by commas, or numbers as bcc does, not 'Q'
? 2
$ waggle off --state R,,S
! waggle: --state takes letters of R, S, D, T, t, I separated by commas, or numbers as bcc does, not 'R,,S'
? 2
$ waggle off --state 2x
! waggle: --state takes letters of R, S, D, T, t, I separated by commas, or numbers as bcc does, not '2x'
? 2
$ waggle off --state ''
! waggle: --state must not be empty
? 2

# Contradictions
$ waggle off -u -k
! waggle: -u and -k exclude each other: no thread would be left
? 2
$ waggle off -U -K
! waggle: -U and -K exclude each other: nothing would be left
? 2
$ waggle off --hops 0
! waggle: --hops takes a number from 1 to 8, not '0'
? 2
$ waggle off --hops 9
! waggle: --hops takes a number from 1 to 8, not '9'
? 2
$ waggle off --count --value off
! waggle: --count and --value off exclude each other
? 2
$ waggle off --max-keys 7
! waggle: --max-keys takes a number from 1024 to 16777216, not '7'
? 2
$ waggle off --drop-parks goo
! waggle: --drop-parks: no parks of 'goo' are known; did you mean 'go'?
? 2
$ waggle off --drop-parks go,java,
! waggle: --drop-parks: no parks of '' are known
? 2
$ waggle off 5 6
! waggle: '6' is one argument too many: only a duration is expected
? 2

# Rules of one's own are read before anything is captured.
$ waggle off --causes nowhere.txt
! waggle: cannot read 'nowhere.txt': No such file or directory
? 1
$ echo 'class nonsense' >bad.txt; waggle off --causes bad.txt
! waggle: bad.txt: line 1: there is no class of waits "class"
? 2
$ : >empty.txt; waggle wall --causes empty.txt -u -k
! waggle: -u and -k exclude each other: no thread would be left
? 2

# What bcc has and waggle has not, and what belongs to other commands.
$ waggle off --stack-storage-size 1024
! waggle: --stack-storage-size is not accepted: stacks are not kept in a table of fixed size; --max-keys is what an interval can hold
? 2
$ waggle off -F 99
! waggle: there is no option -F
? 2
$ waggle off --oracle-out /tmp
! waggle: --oracle-out needs --oracle N
? 2
$ waggle wall -m 5
! waggle: --min-block-time is not accepted: the times of wall add up; off looks at a part of the waits
? 2
$ waggle wall --state D
! waggle: --state is not accepted: the times of wall add up; off looks at a part of the waits
? 2
$ waggle wall --annotate
! waggle: --annotate is not accepted: in wall the class is always on the stack
? 2
$ waggle wall -F 0
! waggle: --frequency takes a number from 1 to 100000, not '0'
? 2
$ waggle wall -c 1000000
! waggle: there is no option -c
? 2

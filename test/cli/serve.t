# The live page: what is wrong is said before anything is opened.

$ waggle serve /no/such/recording
! waggle: cannot look at '/no/such/recording': No such file or directory
? 1

$ mkdir empty; waggle serve empty/
! waggle: there is no recording or profile in 'empty/'
? 1

$ waggle cpu --port 80
! waggle: --port, --bind, --host and --open need --serve
? 2

$ waggle serve --port 70000
! waggle: --port takes a number from 0 to 65535, not '70000'
? 2

$ printf 'a;b 1\n' >x.folded; waggle serve --bind nonsense x.folded; waggle serve --bind nonsense ./x.folded
! waggle: 'nonsense' is no address to listen on (127.0.0.1, ::1, 0.0.0.0 ..)
! waggle: 'nonsense' is no address to listen on (127.0.0.1, ::1, 0.0.0.0 ..)
? 2


# Bad input and bad output: one sentence, the documented exit code, nothing half-written.

$ printf 'a;b;c 70\na;b;d 30\n' >a.folded; waggle report -q a.folded -o a.waggle; mkdir dir
$ waggle report missing.folded
! waggle: cannot read 'missing.folded': No such file or directory
? 1
$ waggle report a.folded missing.folded -o x.folded; ls x.folded
! waggle: cannot read 'missing.folded': No such file or directory
! ls: cannot access 'x.folded': No such file or directory
? 2
$ waggle report dir
! waggle: cannot read 'dir': it is a directory
? 1
$ waggle report /dev/null
! waggle: cannot read '/dev/null': it is empty
? 1
$ head -c 300 /dev/zero >zero; waggle report zero
! waggle: cannot read 'zero': it is in no format that can be read here
? 1
$ printf 'not a profile at all\n' >text; waggle report text
! waggle: cannot read 'text': it is in no format that can be read here
? 1

# Unknown formats
$ waggle report a.folded -o x.bmp 2>&1 | sed 's/one of: .*/one of: ../'
waggle: no output format has the extension of 'x.bmp'; use --format, or one of: ..
$ waggle report a.folded -o noextension 2>&1 | sed 's/one of: .*/one of: ../'
waggle: no output format has the extension of 'noextension'; use --format, or one of: ..
$ waggle report a.folded --format foldde 2>&1 | sed 's/known: .*;/known: ..;/'
waggle: there is no output format 'foldde'; known: ..; did you mean 'folded'?
$ waggle report a.folded --value nanoseconds
! waggle: the profile has no value 'nanoseconds'; it has: samples
? 2

# Expressions
$ waggle report a.folded --keep '('
! waggle: --keep: bad regular expression '(': missing closing parenthesis at character 2
? 2
$ waggle report a.folded --drop '[a'
! waggle: --drop: bad regular expression '[a': missing terminating ] for character class at character 3
? 2
$ waggle report a.folded --comm '*'
! waggle: --comm: bad regular expression '*': quantifier does not follow a repeatable item at character 1
? 2
$ waggle report a.folded --keep '(a+)+$' | tail -n 1
! 0 samples

# Places that cannot be written
$ waggle report a.folded -o nowhere/x.folded
! waggle: cannot write 'nowhere/x.folded': No such file or directory
? 1
$ waggle report a.folded -o dir --format folded
! waggle: cannot write 'dir': Is a directory
? 1
$ waggle report a.folded --output-dir a.folded
! waggle: 'a.folded' is not a directory
? 1
$ waggle report a.folded --output-dir no/where
! waggle: cannot write into 'no/': No such file or directory
? 1
$ waggle report a.folded -q -o /dev/full --format folded
! waggle: cannot write '/dev/full': No space left on device
? 1
$ waggle report a.folded -q >/dev/full
! waggle: cannot write 'standard output': No space left on device
? 1
$ waggle report a.folded -q --json >/dev/full
! waggle: cannot write 'standard output': No space left on device
? 1
$ waggle help >/dev/full
! waggle: cannot write to standard output: No space left on device
? 1
$ waggle man >/dev/full
! waggle: cannot write to standard output: No space left on device
? 1

# A full disk (here: a limit on the size of files) leaves what was there and nothing else.
$ i=0; while [ $i -lt 3000 ]; do echo "main;function_$i;another_function_$i;leaf $i"; i=$((i + 1)); done >big.folded; echo old >out.folded; trap '' XFSZ; ulimit -f 8; waggle report -q big.folded -o out.folded 2>&1 | sed "s|$PWD|DIR|"
waggle: cannot write 'DIR/out.folded': File too large
$ cat out.folded; ls out*
old
out.folded

# A reader that goes away
$ waggle report -q big.folded | head -n 1
main;function_1;another_function_1;leaf 1

# Damaged recordings: all whole blocks are used and the damage is said.
$ size=$(stat -c %s a.waggle); head -c $((size - 5)) a.waggle >cut.waggle; waggle report cut.waggle 2>&1 | grep -c 'damage\|cut off'
1
$ waggle report -q --strict cut.waggle >/dev/null
! waggle: below the bar of --strict: blocks of the recording that were damaged or cut off
? 7
$ head -c 4 a.waggle >tiny.waggle; waggle report tiny.waggle
! waggle: cannot read 'tiny.waggle': this is not a waggle recording
? 1
$ head -c 8 a.waggle >magic.waggle; waggle report -q magic.waggle
! waggle: cannot read 'magic.waggle': the recording is cut off or damaged before its first whole block
? 1
$ cp a.waggle flip.waggle; printf 'XXXX' | dd of=flip.waggle bs=1 seek=30 conv=notrunc 2>/dev/null; waggle report flip.waggle 2>&1 | grep -c damage
1
$ gzip -c a.folded | head -c 20 >cut.folded.gz; waggle report -q cut.folded.gz
! waggle: cannot read 'cut.folded.gz': the gzip data is damaged at its very beginning
? 1

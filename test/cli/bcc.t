# needs: profile-bpfcc offcputime-bpfcc
# Every option of bcc's profile and offcputime is in doc/bcc.md, and waggle takes it or says what to use instead.

$ profile-bpfcc --help | sed -n '/^options:/,/^examples:/s/^  \(-.*\)/\1/p' | grep -o -e '--[a-z-]*' | sort -u >theirs; wc -l <theirs
15
$ for o in $(cat theirs); do grep -q -e "[\`, ]$o[\` ]" $T/../../doc/bcc.md || echo "$o is not in doc/bcc.md"; done
$ waggle man >ours; for o in $(cat theirs); do grep -q -F -e "$(printf %s "$o" | sed 's/-/\\-/g')" ours || echo "$o is unknown"; done
$ for l in $(profile-bpfcc --help | sed -n 's/^  -\([A-Za-z]\)[ ,].*/\1/p'); do waggle help cpu | grep -q -e "^  -$l, " || echo "-$l"; done
$ for o in $(sed -n '/^## `offcputime`/q; s/^| `\(--[a-z-]*\) [A-Z]*` | refused.*/\1/p' $T/../../doc/bcc.md); do waggle $o x 5 2>err; echo "$o $? $(grep -c 'is not accepted: ' err)"; done
--stack-storage-size 2 1
--cgroupmap 2 1
--mntnsmap 2 1

$ offcputime-bpfcc --help | sed -n '/^options:/,/^examples:/s/^  \(-.*\)/\1/p' | grep -o -e '--[a-z-]*' | sort -u >theirs; wc -l <theirs
13
$ sed -n '/^## `offcputime`/,$p' $T/../../doc/bcc.md >off.md; for o in $(cat theirs); do grep -q -e "[\`, ]$o[\` ]" off.md || echo "$o is not in doc/bcc.md"; done
$ for o in $(grep -v stack-storage theirs); do waggle help off | grep -q -e "$o" || echo "$o is unknown"; done
$ for l in $(offcputime-bpfcc --help | sed -n 's/^  -\([A-Za-z]\)[ ,].*/\1/p'); do waggle help off | grep -q -e "^  -$l, " || echo "-$l"; done
$ for o in $(sed -n 's/^| `\(--[a-z-]*\) [A-Z]*` | refused.*/\1/p' off.md); do waggle off $o x 5 2>err; echo "$o $? $(grep -c 'is not accepted: ' err)"; done
--stack-storage-size 2 1

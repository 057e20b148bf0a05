# Reading, filtering, merging and converting.

$ printf 'redis;main;aeMain;processCommand 70\nredis;main;aeMain;read_[k] 20\nnginx;main;worker;sendfile 10\n' >a.folded; printf 'redis;main;aeMain;processCommand 5\nperl;main 1\n' >b.folded
$ waggle report a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
! 100 samples
$ waggle report -q a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ waggle report -q -a a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read_[k] 20
$ waggle report -q -a -d a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;-;read_[k] 20
redis;main;aeMain;processCommand 70
$ waggle report -q --by nothing a.folded
main;aeMain;processCommand 70
main;aeMain;read 20
main;worker;sendfile 10
$ waggle report -q - <a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ gzip -k a.folded; waggle report -q a.folded.gz
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20

# Several files are one profile.
$ waggle report -q a.folded b.folded
nginx;main;worker;sendfile 10
perl;main 1
redis;main;aeMain;processCommand 75
redis;main;aeMain;read 20
$ waggle report -q a.folded a.folded --comm nginx
nginx;main;worker;sendfile 20

# Filters
$ waggle report -q a.folded --comm '^re'
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ waggle report -q a.folded --keep processCommand
redis;main;aeMain;processCommand 70
$ waggle report -q a.folded --drop 'read|send'
redis;main;aeMain;processCommand 70
$ waggle report -q a.folded --focus aeMain
redis;aeMain;processCommand 70
redis;aeMain;read 20
$ waggle report -q a.folded -U
nginx;main;worker;sendfile 10
redis;main;aeMain 20
redis;main;aeMain;processCommand 70
$ waggle report -q a.folded -K
nginx 10
redis 70
redis;read 20
$ waggle report a.folded --drop .
! 0 samples

# Outputs: each by its extension, whole, and said.
$ waggle report a.folded -o x.folded -o x.waggle; ls
a.folded
a.folded.gz
b.folded
x.folded
x.waggle
! wrote x.folded
! wrote x.waggle
! 100 samples
$ cmp x.folded a.folded || sort a.folded | sed 's/_\[k\]//' | diff x.folded -
x.folded a.folded differ: byte 1, line 1
$ waggle report -q x.waggle
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ waggle report -q x.waggle --format folded -o noext; cat noext
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ waggle report -q x.waggle -o - -o again.folded; cmp again.folded x.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
$ ln -s x.folded link.folded; waggle report -q b.folded -o link.folded; ls -l link.folded | sed 's/.*link/link/'; cat x.folded
link.folded -> x.folded
perl;main 1
redis;main;aeMain;processCommand 5
$ waggle report -q a.folded -o /dev/null --format folded

# The report for scripts
$ waggle report -q --json a.folded | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["value"]["total"], [(f["name"], f["self"], f["total"]) for f in r["functions"][:3]], [h["name"] for h in r["hottest_path"]], r["ledger"]["samples_taken"])'
100 [('processCommand', 70, 70), ('read', 20, 20), ('sendfile', 10, 10)] ['redis', 'main', 'aeMain', 'processCommand'] 100
$ waggle report -q --json --top 1 a.folded | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["functions"]))'
1

# A part answers for its own stacks only: kept, user stacks, whole, kernel stacks, share, cuts
$ printf '# waggle.ledger.%s\n' ticks_expected=110 samples_taken=100 user_stacks=100 user_stacks_whole=70 kernel_stacks=20 >n.folded; echo '# waggle.cut.gap=30' >>n.folded; printf 'redis;main;aeMain 50\nredis;main;read_[k] 20\napp;[cut: gap];f 30\n' >>n.folded; waggle report -q n.folded -o n.pb.gz
$ echo 'import json,sys; l=json.load(sys.stdin)["ledger"]; print(l["samples_taken"], l["user_stacks"], l["user_stacks_whole"], l["kernel_stacks"], l["whole_share"], [(c["reason"], c["samples"]) for c in l["cuts"]])' >stacks.py
$ for f in n.folded n.pb.gz; do for o in --drop=nosuch --comm=nosuch --from=1s --comm=redis --comm=app --focus=f -K -U; do echo "$f $o"; waggle report -q --json $f $o | python3 stacks.py; done; done
n.folded --drop=nosuch
100 100 70 20 0.7 [('gap', 30)]
n.folded --comm=nosuch
0 0 0 0 1.0 []
n.folded --from=1s
0 0 0 0 1.0 []
n.folded --comm=redis
70 70 70 20 1.0 []
n.folded --comm=app
30 30 0 0 0.0 [('gap', 30)]
n.folded --focus=f
30 30 0 0 0.0 [('gap', 30)]
n.folded -K
100 0 0 20 1.0 []
n.folded -U
100 100 70 0 0.7 [('gap', 30)]
n.pb.gz --drop=nosuch
100 100 70 20 0.7 [('gap', 30)]
n.pb.gz --comm=nosuch
0 0 0 0 1.0 []
n.pb.gz --from=1s
0 0 0 0 1.0 []
n.pb.gz --comm=redis
70 70 70 20 1.0 []
n.pb.gz --comm=app
30 30 0 0 0.0 [('gap', 30)]
n.pb.gz --focus=f
30 30 0 0 0.0 [('gap', 30)]
n.pb.gz -K
100 0 0 20 1.0 []
n.pb.gz -U
100 100 70 0 0.7 [('gap', 30)]
$ waggle report -q --json a.folded --comm redis | python3 stacks.py
90 0 0 0 1.0 []
$ waggle report n.folded --comm redis -o /dev/null --format folded
! wrote /dev/null
! 70 samples, 0 lost, 100 % of user stacks whole
$ for o in --drop=nosuch --from=1ns --comm=nosuch; do waggle report -q --json "$T/../../fuzz/seeds/recording/small.waggle" $o | python3 stacks.py; done
23 0 0 0 1.0 []
0 0 0 0 1.0 []
0 0 0 0 1.0 []

# A directory with everything, and one named by the time
$ waggle report -q a.folded --output-dir all; ls all; python3 -m json.tool all/ledger.json >/dev/null
flame.html
flame.svg
ledger.json
profile.pb.gz
profile.waggle
report.txt
stacks.folded
$ waggle report -q a.folded --output-dir auto; ls -d waggle-* | sed 's/[0-9]/N/g'; cmp all/stacks.folded waggle-*/stacks.folded
waggle-NNNNNNNN-NNNNNN

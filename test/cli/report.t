# Reading, filtering, merging and converting.

$ printf 'redis;main;aeMain;processCommand 70\nredis;main;aeMain;read_[k] 20\nnginx;main;worker;sendfile 10\n' >a.folded; printf 'redis;main;aeMain;processCommand 5\nperl;main 1\n' >b.folded
$ waggle report a.folded
nginx;main;worker;sendfile 10
redis;main;aeMain;processCommand 70
redis;main;aeMain;read 20
! 100 samples, 0 lost
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
! 0 samples, 0 lost

# Outputs: each by its extension, whole, and said.
$ waggle report a.folded -o x.folded -o x.waggle; ls
a.folded
a.folded.gz
b.folded
x.folded
x.waggle
! wrote x.folded
! wrote x.waggle
! 100 samples, 0 lost
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

# needs: mandoc man
# The manual page is printed from the same tables, and the readers of manual pages accept it.

$ waggle man >waggle.1; mandoc -Tlint -W error waggle.1
$ man -l --warnings waggle.1 >out 2>err; cat err; test -s out
$ sed -n 's/^.*--\([a-z-]*\).*/\1/p' out | sort -u >in_man; for c in cpu off wall top serve report doctor; do waggle help $c | sed -n 's/^  .. *--\([a-z-]*\).*/\1/p'; done | sort -u >in_help; comm -13 in_man in_help
$ for s in NAME SYNOPSIS DESCRIPTION 'WAGGLE REPORT' FORMATS 'EXIT STATUS'; do grep -q "^$s" out || echo "no section $s"; done

"""make.py [NAME..] - makes the corpus anew, or a part of it: starts real programs as the live tests do, and has
capture (capture.c) take some different stacks of each. Needs root. See HACKING.md.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, ROOT + "/test/live")

from harness import *
from more_targets import *

SECONDS, PER_PROCESS, PROCESSES = 12, 8, 3
CAPTURE = os.path.join(BUILD, "test/corpus/capture")
TARGETS = (Postgres, MariaDB, Redis, Nginx, Memcached, Node, Python, Java, Clang, Go, rust, OpenSSL, Signals,
           Plugins, lambda: Workload("C++", "generic"), lambda: Workload("static-pie", "split_static"))


def processes_of(name):
    """Processes of this name, the busiest first."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                stat = f.read()
        except OSError:
            continue
        comm = stat[stat.index("(") + 1:stat.rindex(")")]
        words = stat[stat.rindex(")") + 2:].split()
        if comm == name[:15]:
            found.append((-int(words[11]), int(pid)))
    return [pid for _, pid in sorted(found)]


def capture(t, into):
    t.begin(scratch())
    t.load(SECONDS)
    time.sleep(3)
    for i, pid in enumerate(processes_of(t.process)[:PROCESSES]):
        name = "%s-%d" % (t.name.lower().replace("+", "p"), i + 1)
        d = run([CAPTURE, into, name, pid, PER_PROCESS], 60)
        print(d.out.strip() or d.err.strip())


def main(names):
    into = os.environ.get("CORPUS_DIR", HERE)
    for make in TARGETS:
        t = make()
        if names and t.name.lower() not in names:
            continue
        try:
            capture(t, into)
        except Skip as e:
            print("%s: skipped: %s" % (t.name, e))
        finally:
            t.end()


main([a.lower() for a in sys.argv[1:]])

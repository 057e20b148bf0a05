"""real.py - real programs under load, system-wide at 999 Hz for 10 s: of the samples after the first second
that hold a user stack, 99 % must be whole for every program. Programs run in groups, so that each gets
its share of a small machine. Java compiles without frame pointers: it must be said so, no more.
"""
import os
import sys
import time

from harness import *
from targets import GROUPS

SECONDS, HZ, LEAST, ENOUGH = 10, 999, 0.99, 100
ROW = "%-12s %8s %8s %8s  %-7s %s"


def begin_group(classes, rows):
    """Starts what is installed; a target that does not start is a row of its own."""
    targets = []
    for make in classes:
        t = make()
        try:
            t.begin(scratch())
            targets.append(t)
        except Skip as e:
            rows.append((t.name, None, "skipped", str(e)))
        except (AssertionError, OSError) as e:
            rows.append((t.name, None, "FAILED", str(e)))
            t.end()
    return targets


def record(targets, path):
    for t in targets:
        t.load(SECONDS + 5)
    time.sleep(1.5)
    d = waggle("-q", "-F", HZ, "-o", path, SECONDS, timeout=60)
    for t in targets:
        t.end()
    check(d.rc == 0, d)


def of_process(folded, name):
    """Samples below a root "name (pid)"."""
    return folded.only(lambda s: s[0].rsplit(" (", 1)[0] == name[:15])


def judge(t, folded):
    """The row of one program: (name, counts, verdict, remark)."""
    # Inside execve the old program is gone and the new one has not begun: there is no user stack.
    mine = of_process(folded, t.process).only(lambda s: not (s[1:] and s[1].startswith("[cut: exec")))
    total, cut = mine.total(), mine.cut()
    share = 1 - cut.total() / total if total else 0
    why = {}
    for s, n in cut.stacks.items():
        place = "%s at %s" % (s[1], s[2] if len(s) > 2 else "-")
        why[place] = why.get(place, 0) + n
    remark = ", ".join("%d %s" % (n, w) for w, n in sorted(why.items(), key=lambda x: -x[1])[:6])
    if total < ENOUGH:
        verdict = "FAILED"
        remark = "too few samples to judge; " + remark
    elif t.name == "java":
        # What stops the walk must be the generated code, by name, and the rest must be whole.
        other = cut.only(lambda s: not s[1].startswith("[cut: frame pointer"))
        verdict = "ok" if other.total() <= (1 - LEAST) * total else "FAILED"
    else:
        verdict = "ok" if share >= LEAST else "FAILED"
    return (t.name, (total, total - cut.total(), share), verdict, remark)


def check_ledger(t, path, counts, rows):
    """waggle's own account of the same program, asked for by name, must say the same."""
    ledger = load_json(waggle_ok("report", path, "--from", "1s", "--comm", t.process, "--json"))["ledger"]
    total, whole, share = counts
    ok = abs(ledger["user_stacks"] - total) <= 0.02 * total + 20 and \
        abs(ledger["whole_share"] - share) <= 0.01
    rows.append(("its ledger", counts, "ok" if ok else "FAILED", "report --comm %s says %d of %d, share %.4f" % (
        t.process, ledger["user_stacks_whole"], ledger["user_stacks"], ledger["whole_share"])))


def run_group(classes, rows):
    targets = begin_group(classes, rows)
    folder = scratch()
    try:
        record(targets, folder + "/x.waggle")
        waggle_ok("report", folder + "/x.waggle", "--from", "1s", "--by", "process",
                  "-o", folder + "/x.folded")
        folded = Folded.of_file(folder + "/x.folded")
        for t in targets:
            rows.append(judge(t, folded))
            if t is targets[0]:
                check_ledger(t, folder + "/x.waggle", rows[-1][1], rows)
    except (AssertionError, OSError, KeyError, ValueError) as e:
        for t in targets:
            rows.append((t.name, None, "FAILED", str(e)[:1000]))
    finally:
        for t in targets:
            t.end()


def main(names):
    rows = []
    for classes in GROUPS:
        if names:
            classes = [c for c in classes if c().name.lower() in names]
        if classes:
            run_group(classes, rows)
    print(ROW % ("program", "samples", "whole", "share", "", "what was cut"))
    for name, counts, verdict, remark in rows:
        n = ("%d" % counts[0], "%d" % counts[1], "%.2f %%" % (100 * counts[2])) if counts else ("-",) * 3
        print(ROW % ((name,) + n + (verdict, remark)))
    count = {v: sum(r[2] == v for r in rows) for v in ("ok", "FAILED", "skipped")}
    print("%d passed, %d failed, %d skipped" % (count["ok"], count["FAILED"], count["skipped"]))
    return 1 if count["FAILED"] or not count["ok"] else 0


sys.exit(main([a.lower() for a in sys.argv[1:]]))

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
    mine = of_process(folded, t.process)
    total, cut = mine.total(), mine.cut()
    share = 1 - cut.total() / total if total else 0
    why = {}
    for s, n in cut.stacks.items():
        place = "%s at %s" % (s[1], s[2] if len(s) > 2 else "-")
        why[place] = why.get(place, 0) + n
    remark = ", ".join("%d %s" % (n, w) for w, n in sorted(why.items(), key=lambda x: -x[1])[:3])
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


def check_ledger(t, path, total):
    """waggle's own account of the same program must say the same."""
    d = waggle("report", path, "--from", "1s", "--comm", t.process, "--json")
    if d.rc != 0:
        return "report --comm failed: " + d.err.strip()[:100]
    ledger = load_json(d)["ledger"]
    if ledger["user_stacks"] and ledger["whole_share"] < LEAST and t.name != "java":
        return "ledger says whole_share %.4f" % ledger["whole_share"]
    return ""


def run_group(classes, rows):
    targets = begin_group(classes, rows)
    folder = scratch()
    try:
        record(targets, folder + "/x.waggle")
        waggle_ok("report", folder + "/x.waggle", "--from", "1s", "--by", "process",
                  "-o", folder + "/x.folded")
        folded = Folded.of_file(folder + "/x.folded")
        for t in targets:
            row = judge(t, folded)
            said_by_ledger = check_ledger(t, folder + "/x.waggle", row[1][0])
            if said_by_ledger:
                row = row[:2] + ("FAILED", row[3] + "; " + said_by_ledger)
            rows.append(row)
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

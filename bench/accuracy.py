"""accuracy.py [-s SECONDS] [PROGRAM..] - how true the walker's stacks are: real programs under load, at 99 and 999 Hz,
with the oracle asked about many samples; prints the tables of doc/accuracy.md as Markdown.

Two bars: of the frames that walker and oracle both have, 99.9 % are equal; and after the first seconds, in
which tables are built, 99.9 % of user stacks reach the bottom.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test/live"))

from harness import *
from more_targets import *

AGREE, WHOLE, WARM = 0.999, 0.999, 5
RATES = ((99, 1), (999, 5)) # Hz, and one sample in so many goes to the oracle
ROW = "| %s | %d | %s | %s | %s | %s | %s | %s | %s |"
HEAD = """| program | Hz | samples | frames compared | equal | stacks that differ | oracle stopped early | user stacks whole | |
|---|--:|--:|--:|--:|--:|--:|--:|---|"""


def percent(part, whole):
    """Not all must not look like all."""
    if not whole:
        return "-"
    p = 100.0 * part / whole
    return "%.3f %%" % (min(p, 99.999) if part < whole else p)


def capture(t, hz, every, seconds, folder):
    """One capture of one program: its whole JSON, and the ledger of what came after the warm-up."""
    path = "%s/%s-%d.waggle" % (folder, t.process, hz)
    d = waggle("-q", "-F", hz, "--max-overhead", 100, "--comm", t.process, "--oracle", every, "--oracle-out",
               folder, "--no-names", "-o", path, "--json", seconds, timeout=seconds + 60)
    check(d.rc == 0, d)
    warm = waggle_ok("report", path, "--from", "%ds" % WARM, "--json", timeout=120)
    return load_json(d), load_json(warm)["ledger"]


class Run:
    """What one program at one rate came to."""

    def __init__(self, name, hz, whole, warm):
        self.name, self.hz, self.oracle, self.warm = name, hz, whole["oracle"], warm
        self.samples = whole["ledger"]["samples_taken"]

    def agrees(self):
        o = self.oracle
        return o["frames"] >= 1000 and o["frames_equal"] >= AGREE * o["frames"]

    def whole(self):
        return self.warm["user_stacks_whole"] >= WHOLE * self.warm["user_stacks"] > 0

    def row(self):
        o, w = self.oracle, self.warm
        missed = [] if self.agrees() else ["agreement below the bar"]
        missed += [] if self.whole() else ["whole stacks below the bar"]
        return ROW % (self.name, self.hz, "{:,}".format(self.samples), "{:,}".format(o["frames"]),
                      percent(o["frames_equal"], o["frames"]), o["differ"], o["oracle_stopped"],
                      percent(w["user_stacks_whole"], w["user_stacks"]), "**%s**" % ", ".join(missed) if missed else "")


def run_group(makers, seconds, folder):
    targets, runs = [], []
    try:
        for make in makers:
            t = make()
            try:
                t.begin(scratch())
                targets.append(t)
            except Skip as e:
                print("%s: skipped: %s" % (t.name, e), file=sys.stderr)
        for t in targets:
            t.load(len(targets) * len(RATES) * (seconds + 6) + 10)
        time.sleep(3)
        for t in targets:
            for hz, every in RATES:
                runs.append(Run(t.name, hz, *capture(t, hz, every, seconds, folder)))
                print(runs[-1].row(), file=sys.stderr)
    finally:
        for t in targets:
            t.end()
    return runs


def causes(runs, differs):
    """Every row of the runs' causes, added up over programs: (verdict, reason, file, program) -> stacks."""
    total = {}
    for r in runs:
        for c in r.oracle["causes"]:
            if c["differs"] == differs and c["verdict"] != "same":
                key = (c["verdict"], c["reason"], c["file"], r.name)
                total[key] = total.get(key, 0) + c["stacks"]
    return sorted(total.items(), key=lambda x: -x[1])


def cuts(runs):
    total = {}
    for r in runs:
        for c in r.warm["cuts"]:
            key = (c["reason"], os.path.basename(c["file"]), r.name)
            total[key] = total.get(key, 0) + c["samples"]
    return sorted(total.items(), key=lambda x: -x[1])


def table(title, head, rows):
    print("\n### %s\n" % title)
    if not rows:
        print("None.")
        return
    print("| " + " | ".join(head) + " |\n|" + "---|" * (len(head) - 1) + "--:|")
    for key, n in rows:
        print("| %s | %s |" % (" | ".join(k or "-" for k in key), "{:,}".format(n)))


def files(runs):
    total = {}
    for r in runs:
        for f in r.oracle["files"]:
            n = total.setdefault(f["file"], [0, 0])
            n[0] += f["frames"]
            n[1] += f["equal"]
    print("\n### By file\n\n| file | frames compared | equal |\n|---|--:|--:|")
    for name, (n, equal) in sorted(total.items(), key=lambda x: -x[1][0])[:25]:
        print("| %s | %s | %s |" % (name, "{:,}".format(n), percent(equal, n)))


def examples(runs):
    for r in runs:
        for x in r.oracle["examples"]:
            print("\n%s, %d Hz, %s from frame %d on:" % (r.name, r.hz, x["verdict"], x["at"]), file=sys.stderr)
            for who in ("walk", "oracle"):
                words = ["%s%s+%#x" % (">" if i == x["at"] else "", f["file"], f["offset"])
                         for i, f in enumerate(x[who])]
                print("  %-6s %s" % (who, " ".join(words[max(0, x["at"] - 3):x["at"] + 4])), file=sys.stderr)


def main(args):
    seconds = 20
    if args[:1] == ["-s"]:
        seconds, args = int(args[1]), args[2:]
    folder, runs = os.environ.get("ORACLE_OUT") or scratch(), []
    for makers in ORACLE_GROUPS:
        if args:
            makers = [m for m in makers if m().name.lower() in args]
        try:
            runs += run_group(makers, seconds, folder)
        except (AssertionError, OSError, KeyError) as e:
            print("FAILED: %s" % str(e)[:2000], file=sys.stderr)
    print(HEAD)
    for r in runs:
        print(r.row())
    table("Where they differ", ("how", "why", "file", "program", "stacks"), causes(runs, True))
    table("Where one of them stopped early", ("who", "why", "file", "program", "stacks"), causes(runs, False))
    table("User stacks cut short after warm-up", ("why", "file", "program", "samples"), cuts(runs))
    files(runs)
    examples(runs)
    good = sum(r.agrees() and r.whole() for r in runs)
    print("\n%d passed, %d failed" % (good, len(runs) - good))
    return 0 if runs and good == len(runs) else 1


sys.exit(main([a.lower() for a in sys.argv[1:]]))

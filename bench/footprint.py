"""footprint.py - waggle alone on a busy machine: what it takes of processors and memory at 99 Hz with clang,
node, postgres and java running; what its unwind tables of all files met take; how fast they are built.
"""
import os
import re
import time

from harness import *
import loads
import targets
import tools
from show import *

WARM, STEADY = 8, 20  # seconds


class Busy:
    """Keeps every processor busy with four kinds of programs; says which are there."""
    def __init__(self):
        self.running, self.missing = [], []
        self.database, self.java = targets.Postgres(), targets.Java()

    def begin(self):
        for load in (loads.Clang(), loads.Node()):
            self.attempt(load.name, self.begin_loop, load)
        self.attempt("postgres", self.begin_database)
        self.attempt("java", self.begin_java)

    def attempt(self, name, function, *args):
        try:
            function(*args)
        except (Skip, AssertionError) as e:
            self.missing.append("%s (%s)" % (name, str(e).splitlines()[0][:100]))

    def begin_loop(self, load):
        load.begin()
        one = " ".join("'%s'" % a if " " in str(a) else str(a) for a in load.commands()[0])
        self.running.append(start(["sh", "-c", "while :; do %s; done" % one], cwd=load.folder))

    def begin_database(self):
        self.database.begin(scratch())
        self.database.load(120)

    def begin_java(self):
        self.java.begin(scratch())
        self.java.load(120)

    def end(self):
        for p in self.running:
            stop(p)
        self.java.end()
        self.database.end()


def files_met(recording):
    d = run([WAGGLE, "dump", "profile", recording], 120)
    paths = re.findall(r"^ +\d+ file +(/.*) build-id=\S* pid=\d+$", d.out, re.M)
    return sorted(p for p in set(paths) if os.path.isfile(p))


STATS_HEAD = ["rows", "rules", "bytes", "B/row", "8B-rows", "12B-rows", "build ms", "Mrows/s", "on disk",
              "load ms", "file"]


def stats_of(paths):
    """What `waggle dump stats` makes of files: [(path, rows, bytes, build ms, load ms)], and of all of them."""
    d = run([WAGGLE, "dump", "stats"] + paths, 300)
    check(d.rc == 0, d)
    head, *lines = [x for x in d.out.splitlines() if not x.startswith("#")]
    check(re.split(r"\s{2,}", head.strip()) == STATS_HEAD, "waggle dump stats has other columns:", head)
    rows = []
    for line in lines:
        n, _, packed, _, _, _, build, _, _, load, path = line.split(None, 10)
        rows.append((path, int(n), int(packed), float(build), float(load) if load != "-" else 0.0))
    check(rows and rows[-1][0] == "all", "waggle dump stats says", d.out[-300:])
    return rows[:-1], rows[-1]


def table_of_tables(paths, table_bytes):
    rows, everything = stats_of(paths)
    _, n, packed, build, load = everything
    rate, each = n / build * 1e3, packed / n

    def row(name, n, packed, build, load):
        return [name, "%d" % n, "%.2f" % (packed / n), "%.1f ms" % build, "%.1f" % (n / build / 1e3 if build else 0),
                "%.1f ms" % load]
    print("### Unwind tables of the %d files met\n" % len(paths))
    table(["file", "rows", "bytes a row", "built in", "M rows/s", "from the disk cache in"],
          [row(os.path.basename(r[0]), *r[1:]) for r in sorted(rows, key=lambda r: -r[1])[:8] if r[1]] +
          [row("all of them", *everything[1:])])
    print("In this run all tables together took %s of the kernel's memory.\n" % size(table_bytes))
    return {"rate": rate, "row": each}


LOST = ("lost_timer", "lost_ring_full", "lost_stack", "lost_memory_cap", "lost_scratch_busy")


def lost(ledger):
    """All the ledger calls lost, by cause, also by causes this page does not know."""
    return {k: v for k, v in ledger.items() if k in LOST or k.startswith("lost_") and isinstance(v, int) and v}


def footprint():
    print("## Footprint at 99 Hz on a busy machine\n")
    progress("footprint")
    tool = tools.Waggle()
    if tool.absent():
        print("waggle is absent: %s\n" % tool.absent())
        return {}
    busy = Busy()
    busy.begin()
    if busy.missing:
        print("(without %s)\n" % "; ".join(busy.missing))
    time.sleep(1)
    tool.begin(99)
    begun = time.monotonic()
    time.sleep(WARM)
    first, then = tool.running_cost(), time.monotonic()
    time.sleep(STEADY)
    steady = [(b - a) / (time.monotonic() - then) for a, b in zip(first, tool.running_cost())]
    elapsed = time.monotonic() - begun
    tool.end()
    busy.end()
    return footprint_show(tool, steady, elapsed)


def footprint_show(tool, steady, elapsed):
    folded, ledger = tool.stacks(), tool.ledger()
    share = (tool.cpu + tool.bpf) / (elapsed * CPUS)
    memory = tool.rss + max(tool.maps, ledger["own_bpf_maps"])
    losses = lost(ledger)
    print("Programs seen: %s.\n" % ", ".join(
        "%s %.0f %%" % (c, 100 * n / folded.total()) for c, n in folded.comms().most_common(7)))
    table(["", "measured"], [
        ["waggle's processor time, user + system", "%.3f s in %.1f s" % (tool.cpu, elapsed)],
        ["its BPF programs", "%.3f s" % tool.bpf],
        ["of the machine (%d processors), start and naming included" % CPUS, "%.2f %%" % (100 * share)],
        ["of the machine after %d s of warm-up, for %d s" % (WARM, STEADY),
         "%.2f %% + %.2f %% in BPF" % tuple(100 * x / CPUS for x in steady)],
        ["peak RSS", size(tool.rss)],
        ["BPF maps, by descriptors held", size(tool.maps)],
        ["BPF maps, by the ledger (tables inside)", size(ledger["own_bpf_maps"])],
        ["samples", "%d of %d due" % (folded.total(), 99 * elapsed * CPUS)],
        ["lost", ", ".join("%s %d" % x for x in losses.items() if x[1]) or "none"],
        ["user stacks whole", "%.2f %%" % (100 * ledger["whole_share"])]])
    result = {"share": share, "steady": sum(steady) / CPUS, "memory": memory, "lost": sum(losses.values())}
    try:
        result.update(table_of_tables(files_met(tool.file), ledger["own_unwind_tables"]))
    except (AssertionError, ValueError, KeyError) as e:
        print("tables: failed: %s\n" % str(e).splitlines()[0][:200])
    return result

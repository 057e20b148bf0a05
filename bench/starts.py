"""starts.py - from starting a tool to its first sample, and to the first whole one.

A program that is in another function every few milliseconds (test/workload/ticker.c) is the clock: the
earliest function a profile shows tells when its first sample was taken, whatever the profiler.
"""
import statistics
import time

from harness import *
import tools
from show import *


def first_sample(tool, slot_ms, seconds):
    """Seconds from starting the tool to the first sample, and to the first whole one. The end of the
    slot counts, so a reading is at most one slot too long."""
    clock = start_logged([workload("ticker"), 120, slot_ms])
    wait_for(lambda: "truth" in said(clock))
    time.sleep(0.1)
    tool.begin(999)
    time.sleep(seconds)
    tool.end()
    stop(clock)
    folded = tool.stacks().comm("ticker")
    offset = tool.begun - truths(said(clock))[0]["start"]
    slots = {True: [], False: []}
    for s in folded.stacks:
        for f in s[1:]:
            if f.startswith("slot_"):
                whole = any(tools.BOTTOM.match(x) for x in s[1:5]) and not s[1].startswith("[cut")
                slots[bool(whole)].append(int(f[5:8], 8))
    first = min(slots[True] + slots[False], default=None)
    whole = min(slots[True], default=None)
    return [None if x is None else max(0.0, (x + 1) * slot_ms / 1e3 - offset) for x in (first, whole)]


def waggle_with(cache):
    tool = tools.Waggle()
    tool.cache = cache
    return tool


def variants(rounds):
    """(name, function that makes the tool, slot in ms, seconds to run, runs)"""
    rows = [("waggle, nothing cached", tools.Waggle, 2, 0.85, max(5, rounds))]
    if tools.has_option("--cache-dir"):
        cache = scratch()
        rows.append(("waggle, with its disk cache", lambda: waggle_with(cache), 2, 0.8, max(6, rounds + 1)))
    return rows + [(m.name, m, 10, 5, 1) for m in tools.ALL if m is not tools.Waggle]


def readings(name, make, slot_ms, seconds, runs):
    progress("first sample", name)
    why = make().absent()
    if why:
        return "absent: " + why
    try:
        return [first_sample(make(), slot_ms, seconds) for _ in range(runs)]
    except (AssertionError, OSError, ValueError, KeyError) as e:
        return "failed: " + str(e).splitlines()[0][:80]


def starts(rounds):
    """{"cold": seconds to the first whole sample, "cached": the same}"""
    print("## From start to the first sample\n")
    print("A program that runs in another function every few milliseconds is the clock. The files' pages are in "
          "memory for every tool; median (longest) of the runs.\n")
    rows, result = [], {}
    for row in variants(rounds):
        got = readings(*row)
        if isinstance(got, str):
            rows.append([row[0], got, ""])
            continue
        if "disk cache" in row[0]:
            got = got[1:]  # the first fills the cache
        cells = []
        for i in (0, 1):
            seen = [g[i] for g in got if g[i] is not None]
            cells.append("%.0f (%.0f) ms" % (1e3 * statistics.median(seen), 1e3 * max(seen))
                         if seen else "none")
            if seen and i and row[0].startswith("waggle"):
                result["cached" if "disk cache" in row[0] else "cold"] = statistics.median(seen)
        rows.append([row[0]] + cells)
    if not any("disk cache" in r[0] for r in rows):
        rows.insert(1, ["waggle, with its disk cache", "absent: no option --cache-dir", ""])
    table(["tool", "first sample", "first whole sample"], rows)
    return result

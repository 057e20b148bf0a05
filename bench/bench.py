"""bench.py - waggle, perf, bpftrace and bcc beside each other on the same work, as Markdown tables.

For each load and rate: the work is timed without any profiler before and after, and once under each
profiler running system-wide; with BENCH_ROUNDS > 1 medians are taken. What is compared:
  slow-down   processor time and wall time of the work, against the median of the runs without
  tool CPU    user + system seconds of the tool and its children, with its BPF programs' run time
  RSS, maps   peak resident memory; kernel memory of its BPF maps
  written     bytes of its output
  samples     those of the target's processes, against rate x the processor time the kernel charged them
  bottom      share of the target's stacks whose outermost frame is where a program or thread starts
  readable    processor seconds more until its output is folded stacks
"""
import os
import platform
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "test/live")]

from harness import *   # noqa: E402
import loads            # noqa: E402
import tools            # noqa: E402
from show import *      # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
SETTLE = 4.0  # bcc needs most of it to compile its program


# -- side by side ----------------------------------------------------------------------------------

def under(make, load, hz):
    """One run of the load under one tool: a dictionary of numbers, or a sentence."""
    tool = make()
    why = tool.absent()
    if why:
        return "absent: " + why
    tool.begin(hz)
    time.sleep(SETTLE)
    begun = time.monotonic()
    wall, cpu = load.work()
    tool.end()
    row = {"wall": wall, "cpu": cpu, "tool": tool.cpu + tool.bpf, "rss": tool.rss, "maps": tool.maps,
           "wrote": tool.wrote, "during": time.monotonic() - begun + SETTLE}
    before = os.times()
    folded = tool.stacks()
    after = os.times()
    row["readable"] = after.children_user + after.children_system - before.children_user - \
        before.children_system
    mine = folded.only(lambda s: s[0] in load.comms)
    row["samples"] = mine.total() / (hz * cpu)
    row["bottom"] = tools.bottom_share(mine)
    return row


def side_by_side(make_load, hz):
    load = make_load()
    try:
        load.begin()
    except Skip as e:
        print("%s: skipped, %s\n" % (load.name, e))
        return {}
    bare, rows, absent = [], {}, {}
    try:
        for i in range(ROUNDS):
            progress(load.name, hz, "Hz, round", i + 1, "bare")
            bare.append(load.work())
            for make in tools.ALL:
                progress(load.name, hz, "Hz, round", i + 1, make.name)
                try:
                    r = under(make, load, hz)
                except (AssertionError, OSError, ValueError, KeyError) as e:
                    r = "failed: " + str(e).splitlines()[0][:80]
                if isinstance(r, str):
                    absent[make.name] = r
                else:
                    rows.setdefault(make.name, []).append(r)
        progress(load.name, hz, "Hz, bare")
        bare.append(load.work())
    finally:
        load.end()
    wall = statistics.median(b[0] for b in bare)
    cpu = statistics.median(b[1] for b in bare)
    noise = max(abs(b[1] / cpu - 1) for b in bare)
    print("### %s, %d Hz\n" % (load.name, hz))
    print("Without a profiler: %.2f s, %.2f s of processor time; %d runs differ by up to %.1f %% in "
          "processor time.\n" % (wall, cpu, len(bare), noise * 100))
    medians = {t: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for t, rs in rows.items()}
    print_side(medians, absent, wall, cpu)
    return medians


def print_side(medians, absent, wall, cpu):
    ours = medians.get("waggle")
    out = []
    for make in tools.ALL:
        m = medians.get(make.name)
        if not m:
            out.append([make.name, absent.get(make.name, "absent")] + [""] * 9)
            continue
        out.append([make.name, percent(m["cpu"] / cpu - 1), percent(m["wall"] / wall - 1),
                    "%.2f s" % m["tool"], "%.2f s" % max(0, m["readable"]), size(m["rss"]), size(m["maps"]),
                    size(m["wrote"]), "%.1fx" % (m["wrote"] / ours["wrote"]) if ours else "-",
                    "%.1f %%" % (100 * m["samples"]), "%.1f %%" % (100 * m["bottom"])])
    table(["tool", "slow-down (CPU)", "(wall)", "tool CPU", "+ readable", "peak RSS", "BPF maps", "written",
           "/ waggle's", "samples / due", "reach the bottom"], out)


# -- from start to first sample --------------------------------------------------------------------

def first_sample(make):
    """Seconds from starting the tool to the first sample, and to the first whole one."""
    tool = make()
    why = tool.absent()
    if why:
        return why
    clock = start_logged([workload("ticker"), 120])
    wait_for(lambda: "truth" in said(clock))
    time.sleep(0.2)
    tool.begin(999)
    time.sleep(5.5)
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
    return [None if x is None else max(0.0, (x + 1) * 0.01 - offset) for x in (first, whole)]


def starts():
    print("## From start to the first sample\n")
    print("A program that runs in another function every 10 ms is the clock; caches are empty.\n")
    rows, result = [], {}
    for make in tools.ALL:
        progress("first sample", make.name)
        try:
            got = [first_sample(make) for _ in range(max(3, ROUNDS) if make is tools.Waggle else 1)]
        except (AssertionError, OSError, ValueError, KeyError) as e:
            got = ["failed: " + str(e).splitlines()[0][:80]]
        if isinstance(got[0], str):
            rows.append([make.name, got[0], ""])
            continue
        cells = []
        for i in (0, 1):
            seen = [g[i] for g in got if g[i] is not None]
            cells.append("%.0f ms" % (1000 * statistics.median(seen)) if seen else "none")
            if seen:
                result.setdefault(make.name, {})[i] = statistics.median(seen)
        rows.append([make.name] + cells)
    table(["tool", "first sample", "first whole sample"], rows)
    return result


# -- waggle alone ----------------------------------------------------------------------------------

def footprint():
    """99 Hz, system-wide, with clang, node and postgres keeping every processor busy."""
    import targets
    print("## Footprint at 99 Hz on a busy machine\n")
    progress("footprint")
    database = targets.Postgres()
    tool = tools.Waggle()
    if tool.absent():
        print("waggle is absent: %s\n" % tool.absent())
        return {}
    with_database = True
    try:
        database.begin(scratch())
    except (Skip, AssertionError) as e:
        print("(without postgres: %s)\n" % e)
        with_database = False
    compile_, script = loads.Clang(), loads.Node()
    compile_.begin()
    script.begin()
    if with_database:
        database.load(60)
    busy = [start(["sh", "-c", "while :; do %s; done" % " ".join(
        "'%s'" % a if " " in str(a) else str(a) for a in load.commands()[0])], cwd=load.folder)
        for load in (compile_, script)]
    time.sleep(1)
    tool.begin(99)
    begun = time.monotonic()
    time.sleep(5)
    first, then = tool.running_cost(), time.monotonic()
    time.sleep(15)
    steady = [(b - a) / (time.monotonic() - then) for a, b in zip(first, tool.running_cost())]
    elapsed = time.monotonic() - begun
    tool.end()
    for b in busy:
        stop(b)
    database.end()
    folded, ledger = tool.stacks(), tool.ledger()
    share = (tool.cpu + tool.bpf) / (elapsed * CPUS)
    print("Programs seen: %s.\n" % ", ".join(
        "%s %.0f %%" % (c, 100 * n / folded.total()) for c, n in folded.comms().most_common(6)))
    table(["", "measured"], [
        ["waggle's processor time, user + system", "%.3f s in %.1f s" % (tool.cpu, elapsed)],
        ["its BPF programs", "%.3f s" % tool.bpf],
        ["of the machine (%d processors), start and naming included" % CPUS, "%.2f %%" % (100 * share)],
        ["of the machine while sampling (from the 5th second on)", "%.2f %% + %.2f %% in BPF" % tuple(
            100 * x / CPUS for x in steady)],
        ["peak RSS", size(tool.rss)], ["BPF maps", size(tool.maps)],
        ["the ledger's own account", "%.3f s, %s, %s" % (ledger["own_cpu"] / 1e9,
                                                        size(ledger["own_peak_rss"]),
                                                        size(ledger["own_bpf_maps"]))],
        ["samples", "%d of %d due" % (folded.total(), 99 * elapsed * CPUS)],
        ["user stacks whole", "%.2f %%" % (100 * ledger["whole_share"])]])
    return {"share": share, "steady": sum(steady) / CPUS, "memory": tool.rss + max(tool.maps, ledger["own_bpf_maps"])}


def make_folded(path, stacks=60000):
    """A large, deterministic folded file: stacks like a server's, 10 to 60 frames of some 4000 names."""
    state = 12345

    def random(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (state >> 33) % n
    with open(path, "w") as f:
        for i in range(stacks):
            depth, at, words = 10 + random(50), random(16), ["server", "_start", "main"]
            for level in range(depth):
                at = (at * 31 + random(3)) % 4001
                words.append("ns::module%d::function_%d_with_a_name" % (at % 97, at))
            f.write("%s %d\n" % (";".join(words), 1 + random(50)))
    return os.path.getsize(path)


def timed(args, seconds=600, stdout=None):
    """Processor seconds and peak memory of a command."""
    with open(stdout or os.devnull, "wb") as out:
        p = start(args, stdout=out)
        used, rss = tools.reap(p, seconds)
    check(p.returncode == 0, args, "exit code", p.returncode)
    return used.ru_utime + used.ru_stime, rss


def converting():
    print("## Folded to SVG, and reports of large recordings\n")
    progress("converting")
    folder, rows, result = scratch(), [], {}
    n = make_folded(folder + "/big.folded")
    script = os.environ.get("FLAMEGRAPH_PL", "")
    if not os.path.exists(WAGGLE):
        print("waggle is absent\n")
        return {}
    ours, rss = timed([WAGGLE, "report", "-q", folder + "/big.folded", "-o", folder + "/x.svg"])
    rows.append(["waggle report big.folded -o x.svg", "%.2f s" % ours, size(rss)])
    if script and os.path.exists(script):
        theirs, their_rss = timed(["perl", script, folder + "/big.folded"], 600, folder + "/y.svg")
        result["svg"] = theirs / ours
        rows.append(["flamegraph.pl", "%.2f s (%.1fx)" % (theirs, theirs / ours), size(their_rss)])
    else:
        rows.append(["flamegraph.pl", "absent: FLAMEGRAPH_PL does not name it", ""])
    recording = folder + "/big.waggle"
    busy = start([workload("threads"), 50, 30])
    other = start([workload("generic"), 30])
    run([WAGGLE, "-q", "-F", 10000, "-o", recording, "15"], 120)
    stop(busy)
    stop(other)
    for e in ("folded", "svg", "pb.gz", "html"):
        used, rss = timed([WAGGLE, "report", "-q", recording, "-o", folder + "/r." + e])
        rows.append(["waggle report big.waggle -o x." + e, "%.2f s" % used, size(rss)])
    total = Folded.of_file(folder + "/r.folded").total()
    print("big.folded: %s, 60000 stacks. big.waggle: %s, %d samples (15 s at 10 kHz).\n" %
          (size(n), size(os.path.getsize(recording)), total))
    table(["", "processor time", "peak RSS"], rows)
    return result


def goals(sides, first, foot, conversion):
    """The bars this project set itself, beside what was measured."""
    rows = []

    def bar(what, limit, value, text, ok):
        rows.append([what, limit, text if value is not None else "not measured",
                     "-" if value is None else "yes" if ok(value) else "**no**"])
    ratios = [m["perf --call-graph dwarf"]["wrote"] / m["waggle"]["wrote"] for m in sides.values()
              if "waggle" in m and "perf --call-graph dwarf" in m]
    ratio = min(ratios) if ratios else None
    share, memory, svg = foot.get("share"), foot.get("memory"), conversion.get("svg")
    whole = first.get("waggle", {}).get(1)
    bar("tool CPU at 99 Hz, share of a busy machine, 20 s with start and naming", "<= 0.5 %", share, "%.2f %%" % (100 * (share or 0)),
        lambda x: x <= 0.005)
    bar("the same while sampling", "<= 0.5 %", foot.get("steady"), "%.2f %%" % (100 * foot.get("steady", 0)),
        lambda x: x <= 0.005)
    bar("written, against perf's DWARF mode (worst load)", ">= 50x less", ratio, "%.0fx" % (ratio or 0),
        lambda x: x >= 50)
    bar("start to first whole sample, no cache", "<= 300 ms", whole, "%.0f ms" % (1000 * (whole or 0)),
        lambda x: x <= 0.3)
    bar("peak RSS + BPF maps with clang, node, postgres", "<= 80 MB", memory, size(memory or 0),
        lambda x: x <= 80e6)
    bar("folded to SVG, against flamegraph.pl", ">= 20x faster", svg, "%.1fx" % (svg or 0),
        lambda x: x >= 20)
    print("## Against the project's own bars\n")
    table(["", "bar", "measured", "reached"], rows)


def versions():
    def line(*args):
        try:
            d = run(args)
            return (d.out + d.err).strip().splitlines()[0]
        except (OSError, IndexError):
            return "absent"
    print("Linux %s, %d processors; %s; %s; %s.\n" % (
        platform.release(), CPUS, line(WAGGLE, "--version"), line("perf", "--version"),
        line("bpftrace", "--version")))


def main(parts):
    sides, first, foot, conversion = {}, {}, {}, {}
    versions()
    was = tools.bpf_stats("1")
    if was is not None:
        later(tools.bpf_stats, was)
    if "side" in parts:
        print("## Side by side, system-wide\n")
        for make in loads.ALL:
            if os.environ.get("BENCH_LOADS", "").lower() in make.name.lower():
                for hz in (99, 999) if make in (loads.Steps, loads.Redis) else (99,):
                    sides[make.name, hz] = side_by_side(make, hz)
    if "start" in parts:
        first = starts()
    if "footprint" in parts:
        foot = footprint()
    if "convert" in parts:
        conversion = converting()
    goals(sides, first, foot, conversion)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["side", "start", "footprint", "convert"]))

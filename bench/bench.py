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

from harness import *            # noqa: E402
import loads                     # noqa: E402
import tools                     # noqa: E402
from bars import bars            # noqa: E402
from cost import costs           # noqa: E402
from footprint import footprint  # noqa: E402
from giant import giant          # noqa: E402
from look import looks           # noqa: E402
from show import *               # noqa: E402
from starts import starts        # noqa: E402
from waits import waits          # noqa: E402

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


def all_side_by_side():
    print("## Side by side, system-wide\n")
    sides = {}
    for make in loads.ALL:
        if os.environ.get("BENCH_LOADS", "").lower() in make.name.lower():
            for hz in (99, 999) if make in (loads.Steps, loads.Redis) else (99,):
                sides[make.name, hz] = side_by_side(make, hz)
    return sides


# -- waggle alone ----------------------------------------------------------------------------------

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


def versions():
    def line(*args):
        try:
            d = run(args)
            return (d.out + d.err).strip().splitlines()[0]
        except (OSError, IndexError):
            return "absent"
    print("Linux %s, %d processors, load average %.1f at the start; %s; %s; %s.\n" % (
        platform.release(), CPUS, os.getloadavg()[0], line(WAGGLE, "--version"),
        line("perf", "--version"), line("bpftrace", "--version")))


def naming(parts):
    """names.py, where it has been written: a dictionary with ratio, warm and equal for the bars."""
    if "names" not in parts:
        return {}
    if not os.path.exists(os.path.join(HERE, "names.py")):  # the live tests have one of that name too
        print("## Names\n\nnot measured: bench/names.py is not there\n")
        return {}
    progress("names")
    import names
    try:
        return names.measure()
    except (AssertionError, AttributeError, OSError, ValueError, KeyError) as e:
        print("names: failed: %s\n" % str(e).splitlines()[0][:200])
    return {}


def main(parts):
    versions()
    was = tools.bpf_stats("1")
    if was is not None:
        later(tools.bpf_stats, was)
    sides = all_side_by_side() if "side" in parts else {}
    cost = costs(max(3, ROUNDS), loads.SCALE) if "cost" in parts else {}
    first = starts(ROUNDS) if "start" in parts else {}
    foot = footprint() if "footprint" in parts else {}
    conversion = converting() if "convert" in parts else {}
    names = naming(parts)
    big = giant() if "giant" in parts else {}
    if "off" in parts:
        waits(max(3, ROUNDS), loads.SCALE)
    looked = looks() if "look" in parts else {}
    bars(sides, first, foot, conversion, cost, big, names, looked)
    return 0


PARTS = ["side", "cost", "start", "footprint", "convert", "names", "giant", "off", "look"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PARTS))

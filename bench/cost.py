"""cost.py - what one frame of a stack costs in the kernel, by the kernel's own account.

waggle's walk beside bpf_get_stackid and bpf_get_stack (bench/peer.c), on the same program, the same event at
the same rate, one after the other in rounds. The kernel counts runs and run time of every program (bpf
statistics). From that is taken what a run costs that only finds the sample was not asked for (measured in
each round with a name nobody has), then what an empty program costs; what is left is divided by frames.
waggle's figure includes finding the mapping and the table of every frame, the hash and the handing over;
bpf_get_stackid's includes its hash and bucket; bpf_get_stack's is the walk alone.

Then the cost of whole tools for one sample, and what the sampled program loses by it.
"""
import glob
import json
import os
import re
import signal
import statistics
import time

from harness import *
import loads
import tools
from show import *

NOBODY = "nobody-has-it"
PEERS = ("peer_stackid", "peer_stack")


def bench_program(name):
    return os.path.join(BUILD, "bench", name)


# -- one measurement: runs, ns, hits, frames -------------------------------------------------------

def peer(program, hz, seconds, comm):
    d = run([bench_program("peer"), bench_program("peer.bpf.o"), program, hz, seconds, comm], 60)
    check(d.rc == 0, d)
    return json.loads(d.out)


def program_ids(pid):
    """Of the BPF programs a process holds."""
    ids = set()
    for info in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(info) as f:
                ids.update(re.findall(r"^prog_id:\s*(\d+)", f.read(), re.M))
        except OSError:
            pass
    return sorted(ids)


def samples_between(recording, begin, end):
    """(samples, their frames, how many are whole) of a recording between two times (ns since 1970)."""
    d = run([WAGGLE, "dump", "profile", recording], 120)
    check(d.rc == 0, d)
    depth, cut, section, cuts, n, frames, whole, origin = {0: 0}, {0: False}, "", set(), 0, 0, 0, 0
    for line in d.out.splitlines():
        words = line.split()
        if not line.startswith(" "):
            section = words[0] if words else ""
            if section == "time":
                origin = int(words[2])
        elif section == "frames" and words[1] == "cut":
            cuts.add(words[0])
        elif section == "nodes":
            node, parent = int(words[0]), int(words[1])
            is_cut = words[2] in cuts
            depth[node] = depth.get(parent, 0) + (not is_cut)
            cut[node] = is_cut or cut.get(parent, False)
        elif section == "samples" and begin <= origin + int(words[0]) < end:
            n, stack = n + 1, int(words[3])
            frames += depth[stack]
            whole += not cut[stack]
    return n, frames, whole


def watched(p, seconds):
    """Runs and run time of a process's programs meanwhile; nothing while it is still loading them."""
    d = run([bench_program("peer"), "watch", seconds] + (program_ids(p.pid) or [0]), 60)
    return json.loads(d.out) if d.rc == 0 else {"runs": 0}


def ours(hz, seconds, comm, settle):
    """User frames only and no names: an inlined function is no frame that was walked. Measured from
    `settle` seconds after the start on, when the tables of all files met are there."""
    file = scratch() + "/x.waggle"
    p = start_logged([WAGGLE, "-q", "-U", "--no-names", "--event", "cpu-clock", "-F", hz, "--stats",
                      "--comm", comm, "-o", file] + tools.full_rate() + [600])
    check(wait_for(lambda: watched(p, 0.05)["runs"] or p.poll() is not None, 30), "waggle takes no sample")
    time.sleep(settle)
    check(p.poll() is None, "waggle ended:", said(p)[-500:])
    m = watched(p, seconds)
    check(m["runs"], "waggle took no sample in", seconds, "s")
    time.sleep(0.3)
    os.kill(p.pid, signal.SIGINT)
    check(finish(p, 60) == 0, said(p)[-500:])
    m["hits"], m["frames"], m["whole"] = samples_between(file, m["begin"], m["end"])
    return m


def per_sample(m, skip):
    """ns of one sample of the target, with those that were not asked for taken out."""
    return (m["ns"] - skip * (m["runs"] - m["hits"])) / m["hits"]


def one_round(hz, seconds, comm, settle):
    """{variant: (ns per sample without an empty run, frames per sample)}, and the cost of an empty run."""
    m = peer("peer_empty", hz, seconds / 2, comm)
    empty = m["ns"] / m["runs"]
    result = {}
    for name in PEERS:
        m = peer(name, hz, seconds / 2, NOBODY)
        skip = m["ns"] / m["runs"]
        m = peer(name, hz, seconds, comm)
        check(m["hits"] > 20, name, "met only", m["hits"], "samples of", comm)
        result[name] = per_sample(m, skip) - empty, m["frames"] / m["hits"], m["failed"] / m["hits"]
    m = ours(hz, seconds / 2, NOBODY, 0.3)
    skip = m["ns"] / m["runs"]
    m = ours(hz, seconds, comm, settle)
    check(m["hits"] > 20, "waggle met only", m["hits"], "samples of", comm)
    result["waggle"] = per_sample(m, skip) - empty, m["frames"] / m["hits"], 1 - m["whole"] / m["hits"]
    # The same walker, the same population of stacks: it does not say how deep they were.
    ns, _, failed = result["peer_stackid"]
    result["peer_stackid"] = ns, result["peer_stack"][1], failed
    return result, empty


# -- rounds ----------------------------------------------------------------------------------------

NAMES = {"peer_stackid": "bpf_get_stackid", "peer_stack": "bpf_get_stack", "waggle": "waggle"}


def rounds_of(title, hz, seconds, comm, rounds, settle=0.7):
    """Prints a table; returns the median of the rounds' ratios waggle / bpf_get_stackid per frame."""
    seen, empties = [], []
    for i in range(rounds):
        progress("cost", title, hz, "Hz, round", i + 1)
        try:
            result, empty = one_round(hz, seconds, comm, settle)
        except (AssertionError, ValueError, KeyError, ZeroDivisionError) as e:
            print("%s, %d Hz: failed: %s\n" % (title, hz, str(e).splitlines()[0][:200]))
            continue
        seen.append(result)
        empties.append(empty)
    if not seen:
        return None
    print("### %s, %d Hz\n" % (title, hz))
    print("An empty program: %.0f ns (taken off below).\n" % statistics.median(empties))
    rows = []
    for name in ("waggle",) + PEERS:
        ns = [r[name][0] for r in seen]
        frame = [r[name][0] / max(1, r[name][1]) for r in seen]
        ratio = [r["waggle"][0] / max(1, r["waggle"][1]) / f for r, f in zip(seen, frame)]
        rows.append([NAMES[name], "%.2f / %.2f" % (min(ns) / 1e3, statistics.median(ns) / 1e3),
                     "%.1f" % statistics.median(r[name][1] for r in seen),
                     "%.0f / %.0f" % (min(frame), statistics.median(frame)),
                     "%.2fx" % statistics.median(ratio),
                     "%.2f %%" % (100 * statistics.median(r[name][2] for r in seen))])
    table(["", "us a sample, min / median", "frames", "ns a frame, min / median", "waggle / this",
           "not whole, or no stack"], rows)
    return statistics.median(r["waggle"][0] / r["waggle"][1] / (r["peer_stackid"][0] / r["peer_stackid"][1])
                             for r in seen)


def beside(program, mode, function, *args):
    """Runs the function while the program keeps every processor busy, before others if need be: samples of
    others have to be taken out of the account by what they cost on average."""
    p = start_logged(["nice", "-n", "-10", workload(program), 100000, CPUS, mode])
    time.sleep(0.5)
    try:
        return function(*args)
    finally:
        stop(p)


def beside_clang(function, *args):
    load = loads.Clang()
    try:
        load.begin()
    except Skip as e:
        print("clang: skipped, %s\n" % e)
        return None
    busy = [start(["sh", "-c", "while :; do %s; done" % c[-1]], cwd=load.folder)
            for c in load.commands()]
    time.sleep(1)
    try:
        return function(*args)
    finally:
        for p in busy:
            stop(p)
        load.end()


# -- whole tools -----------------------------------------------------------------------------------

def pace(p):
    """Chunks of work for one processor second, from the truth depth prints at its end."""
    t = truths(said(p))[0]
    return t["chunks"] / t["cpu"]


def bare_pace(seconds):
    p = start_logged([workload("depth_fp"), seconds, CPUS])
    check(finish(p, seconds + 30) == 0, said(p))
    return pace(p)


def whole_tool(make, hz, seconds):
    """CPU for one sample while it samples, afterwards for readable stacks, and the program's pace."""
    tool = make()
    why = tool.absent()
    if why:
        return why
    tool.begin(hz)
    time.sleep(2.5)
    p = start_logged([workload("depth_fp"), seconds, CPUS])
    time.sleep(0.5)
    first, then = tool.running_cost(), time.monotonic()
    time.sleep(seconds - 1)
    spent = sum(tool.running_cost()) - sum(first)
    samples = (time.monotonic() - then) * hz * CPUS
    check(finish(p, 30) == 0, said(p))
    tool.end()
    before = os.times()
    folded = tool.stacks()
    after = os.times()
    naming = after.children_user + after.children_system - before.children_user - before.children_system
    return {"sampling": spent / samples, "naming": naming / max(1, folded.total()), "pace": pace(p),
            "bottom": tools.bottom_share(folded.only(lambda s: s[0] == "depth_fp"))}


def whole_tools(hz, seconds, rounds):
    makes = (tools.Waggle, tools.PerfFp, tools.PerfDwarf, tools.Bpftrace)
    seen, absent, bare = {m.name: [] for m in makes}, {}, []
    for i in range(rounds):
        bare.append(bare_pace(seconds))
        for make in makes:
            progress("cost of", make.name, "round", i + 1)
            try:
                r = whole_tool(make, hz, seconds)
            except (AssertionError, OSError, ValueError, KeyError) as e:
                r = "failed: " + str(e).splitlines()[0][:80]
            if isinstance(r, str):
                absent[make.name] = r
            else:
                seen[make.name].append(r)
        bare.append(bare_pace(seconds))
    print("### Whole tools, the same program, warm, %d Hz\n" % hz)
    print("While sampling, without start and end. *Work lost* is by how much less the program got done for its "
          "processor time; runs without a profiler differ by up to %.1f %%.\n" %
          (100 * max(abs(b / statistics.median(bare) - 1) for b in bare)))
    rows = []
    for name, rs in seen.items():
        if not rs:
            rows.append([name, absent.get(name, "absent"), "", "", ""])
            continue
        middle = {k: statistics.median(r[k] for r in rs) for k in rs[0]}
        rows.append([name, "%.1f us" % (1e6 * middle["sampling"]), "%.1f us" % (1e6 * middle["naming"]),
                     percent(1 - middle["pace"] / statistics.median(bare)),
                     "%.1f %%" % (100 * middle["bottom"])])
    table(["tool", "tool CPU a sample (with BPF)", "+ readable", "work lost", "reach the bottom"], rows)


def costs(rounds, scale):
    """All of it; {"warm": ratio, "cold": the worse ratio}."""
    print("## What a frame costs\n")
    seconds = max(1.0, 2 * scale)
    result = {"warm": beside("depth_fp", "warm", rounds_of, "60 functions deep, caches warm", 5000, seconds,
                             "depth_fp", rounds)}
    cold = [beside("depth_fp", "thrash", rounds_of, "The same, caches thrashed between samples", hz,
                   seconds * (2 if hz < 500 else 1), "depth_fp", rounds) for hz in (99, 999)]
    if None not in cold:
        result["cold"] = max(cold)
    beside("depth", "warm", rounds_of, "Without frame pointers, caches warm", 5000, seconds, "depth", rounds)
    for hz in (99, 999):
        beside_clang(rounds_of, "clang++ -O2 (no frame pointers)", hz, seconds * 2, "wb-clang++", rounds, 5)
    whole_tools(999, max(4, 5 * scale), rounds)
    return result

"""agree.py - waggle, perf and bpftrace look at the same process at the same time: the share of samples
below each function must be the same within sampling error (three standard deviations of the difference
of two binomial shares, and one point for what the tools themselves disturb).
"""
import collections
import math
import os
import shutil
import sys
import time

from harness import *
from peers import *

HZ, SECONDS, LARGE = 999, 5, 0.03


def bare(name):
    """A function's name without return type, template and parameter lists: tools differ in them."""
    out, depth = "", 0
    name = re.sub(r" \[clone [^]]*\]|\.(?:cold|constprop|isra|part)\b(?:\.\d+)*", "", name)
    for c in name.replace("operator<", "operator ").replace("(anonymous namespace)", "anonymous"):
        depth += c in "<("
        out += c if depth == 0 else ""
        depth -= c in ">)"
    return out.removesuffix(" const").split(" ")[-1]


def defined(program):
    """The functions of the program itself; what libraries' aliases are called is each tool's choice."""
    d = run(["nm", "-C", "--defined-only", program])
    return {bare(line.split(None, 2)[2]) for line in d.out.splitlines() if " t " in line.lower()}


def inclusive(folded, known):
    """Share of samples with the function anywhere in the stack, once per stack."""
    total, shares = folded.total(), collections.Counter()
    for s, n in folded.stacks.items():
        for name in {bare(f) for f in s[1:]} & known:
            shares[name] += n
    return {k: v / total for k, v in shares.items()}, total


def same(name, known, waggle_folded, peer, peer_folded):
    """Every function the peer finds large must be as large here; says which is not."""
    ours, n = inclusive(waggle_folded.settled(HZ, CPUS), known)
    theirs, m = inclusive(peer_folded, known)
    check(n > 1000 and m > 1000, "samples:", n, m)
    compared = 0
    wrong = []
    for f, share in sorted(theirs.items(), key=lambda kv: -kv[1]):
        # Frame pointers skip whoever called code that has set up none: here the vDSO, out of the leaf.
        if share < LARGE or (peer in ("perf fp", "bpftrace") and f.endswith("_0")):
            continue
        p = (share * m + ours.get(f, 0) * n) / (n + m)
        allowed = 3 * math.sqrt(p * (1 - p) * (1 / n + 1 / m)) + 0.01
        compared += 1
        if abs(share - ours.get(f, 0)) > allowed:
            wrong.append("%s: %.2f %% by waggle, %.2f %% by %s (%.2f allowed)" %
                         (f, ours.get(f, 0) * 100, share * 100, peer, allowed * 100))
    check(not wrong, "%d of %d functions of %s differ:" % (len(wrong), compared, name),
          "\n    ".join([""] + wrong[:12]))
    check(compared >= 5, "only", compared, "functions to compare with", peer, peer_folded.show())
    return compared


def watch(program, *peers):
    """Runs the workload with waggle and the peers beside each other; folded stacks of each."""
    name = os.path.basename(program)
    folder = scratch()
    target = start_logged([program, SECONDS + 120])  # bpftrace names functions afterwards, of what is still there
    time.sleep(0.3)
    args = {
        "waggle": [WAGGLE, "-q", "-F", HZ, "-p", target.pid, "-o", folder + "/x.folded", SECONDS],
        "perf fp": ["perf", "record", "-q", "-e", "cpu-clock", "-F", HZ, "-g", "-p", target.pid,
                    "-o", folder + "/fp.data", "--", "sleep", SECONDS],
        # 999 copies of 8 KiB a second outrun perf's buffer, and what it loses is not lost evenly.
        "perf dwarf": ["perf", "record", "-q", "-e", "cpu-clock", "-F", 499, "-m", "16M",
                       "--call-graph", "dwarf,8192", "-p", target.pid, "-o", folder + "/dwarf.data", "--", "sleep", SECONDS],
        "bpftrace": ["timeout", "-s", "INT", SECONDS + 1, "bpftrace", "-e", bpftrace_program(HZ, pid=target.pid)],
    }
    running = {t: start_logged(args[t]) for t in ("waggle",) + peers}
    for t, p in running.items():
        rc = finish(p, 60)
        check(rc == 0 or t == "bpftrace", t, "exit code", rc, said(p)[-500:])
    stop(target)
    out = {"waggle": lambda: Folded.of_file(folder + "/x.folded"),
           "perf fp": lambda: perf_folded(folder + "/fp.data"),
           "perf dwarf": lambda: perf_folded(folder + "/dwarf.data"),
           "bpftrace": lambda: bpftrace_folded(said(running["bpftrace"]))}
    return {t: out[t]().comm(name[:15]) for t in running}


def compare(name, *peers):
    for tool in {p.split()[0] for p in peers}:
        if not shutil.which(tool):
            raise Skip(tool + " is not installed")
    seen = watch(workload(name), *peers)
    known = defined(workload(name))
    counts = [same(name, known, seen["waggle"], p, seen[p]) for p in peers]
    if name.startswith("split"):
        for p in peers:
            check(abs(hot_shares(seen[p])[0]["hot70"] - 0.7) < 0.05, "the peer itself is off:", p)
    return ", ".join("%s: %d functions" % x for x in zip(peers, counts))


@case("with frame pointers: waggle = perf = bpftrace")
def frame_pointers():
    return compare("split_fp", "perf fp", "bpftrace")


@case("without frame pointers: waggle = perf's DWARF mode")
def no_frame_pointers():
    return compare("split", "perf dwarf")


@case("C++ with exceptions, templates and inlining: waggle = perf's DWARF mode")
def cplusplus():
    return compare("generic", "perf dwarf")


@case("mostly in the kernel: waggle = perf's DWARF mode")
def in_kernel():
    return compare("syscalls", "perf dwarf")


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1] if len(sys.argv) > 1 else None))

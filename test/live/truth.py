"""truth.py - is what the profile says what happened? Known splits, known depths and short lives: nothing
may be missing and nothing misplaced. The truth comes from the workloads' own CPU clocks.
"""
import os
import re
import shutil
import time

from harness import *

# The twin runs for a moment first. From then on the file is known and there is no excuse: every single
# stack of the workload proper must be whole.
def warm(name, *args, first="0.4"):
    script = FIRST[2].replace("exec", '"$1" %s 2>/dev/null; shift; exec' % first)
    return [*FIRST[:2], script, "sh", twin(name), workload(name), *args]


def check_settled(mine, hz, cpus=1):
    """No stack may be cut but those with an excuse."""
    cut = mine.settled(hz, cpus).cut()
    check(not cut.total(), cut.total(), "stacks cut:", cut.show())


def check_all(mine, truth, hz):
    """Shares within 2 points, every stack whole, as many samples as processor time was used."""
    n = check_split(mine, truth)
    for p in PATHS:
        check_whole(mine, p)
    # What remains is the start of the program: execve itself, and the dynamic loader's own file.
    cut = mine.cut().without(mine.cut("exec"), mine.cut("table pending"), mine.in_copy())
    check(not cut.total(), cut.total(), "stacks cut although the file was known:", cut.show())
    check(mine.cut().total() <= 0.002 * mine.total() + 5, mine.cut().show())
    check(n >= 0.93 * mine.total(), "only", n, "of", mine.total(), "samples are in the paths",
          mine.only(lambda s: not any(f[:3] == "hot" for f in s)).show())
    expected = truth["cpu"] * hz
    check(abs(n - expected) <= 0.04 * expected + 0.15 * hz, n, "samples,", round(expected), "expected")
    return "%d samples of %d" % (n, expected)


def split_command(hz, seconds, binary="split"):
    d = waggle_ok("-F", hz, "60", "--", *warm(binary, seconds, CPUS))
    return check_all(Folded.parse(d.out).comm(binary), split_truth(d.err), hz)


def split_pid(hz, seconds):
    p = start_held(warm("split", seconds, CPUS))
    w = capture("-F", hz, "-p", p.pid, "60")
    time.sleep(1.5)
    release(p)
    check(finish(p) == 0, "split failed")
    f = captured(w)
    check(set(f.comms()) <= {"split", "warm_split", "sh", "nice"}, "other programs:", f.comms())
    return check_all(f.comm("split"), split_truth(said(p)), hz)


def split_system(hz, seconds):
    p = start_held(warm("split", seconds, CPUS))
    w = capture("-F", hz, seconds + 5)
    time.sleep(1.5)
    release(p)
    check(finish(p) == 0, "split failed")
    return check_all(captured(w).comm("split"), split_truth(said(p)), hz)


@case("a file never met before: first stacks may be cut for 300 ms, none after")
def cold():
    fresh = os.path.join(scratch(), "cold")
    shutil.copy(workload("split"), fresh)
    d = waggle_ok("-F", 999, "30", "--", *FIRST, fresh, 3, CPUS)
    mine = Folded.parse(d.out).comm("cold")
    check_split(mine, split_truth(d.err), 4)
    check_settled(mine, 999, CPUS)
    return "%d of %d cut" % (mine.cut().total(), mine.total())


@case("70/20/10 within 2 points, 99 Hz, -- command")
def command_99():
    return split_command(99, 9)


@case("70/20/10 within 2 points, 999 Hz, -- command")
def command_999():
    return split_command(999, 3)


@case("70/20/10 within 2 points, 99 Hz, -p")
def pid_99():
    return split_pid(99, 9)


@case("70/20/10 within 2 points, 999 Hz, -p")
def pid_999():
    return split_pid(999, 3)


@case("70/20/10 within 2 points, 99 Hz, system-wide")
def system_99():
    return split_system(99, 9)


@case("70/20/10 within 2 points, 999 Hz, system-wide")
def system_999():
    return split_system(999, 3)


@case("70/20/10 with frame pointers")
def frame_pointers():
    return split_command(999, 2, "split_fp")


@case("70/20/10 as a static-pie executable")
def static_pie():
    return split_command(999, 2, "split_static")


@case("70/20/10 at a fixed address (no PIE)")
def no_pie():
    return split_command(999, 2, "split_nopie")


def short_lives(*exec_word):
    p = start_held(warm("short", 500, 20, CPUS, *exec_word, first="20 20"))
    w = capture("-F", 999, "-p", p.pid, "60")
    time.sleep(1.5)
    release(p)
    check(finish(p, 60) == 0, "short failed")
    truth = truths(said(p))[0]
    check(truth["longest_ms"] < 250, "a child lived", truth["longest_ms"], "ms: machine too busy")
    mine = captured(w).comm("short")
    chain = tuple("short_%d" % i for i in range(20, -1, -1))
    inside = mine.only(lambda s: any(re.fullmatch(r"short_[0-9]+", f) for f in s))
    whole = inside.only(lambda s: s[1] == "_start" and all(f in s for f in chain))
    # The rest is how processes begin and end: fork, exec, the dynamic loader.
    check(mine.total() >= 0.93 * truth["cpu"] * 999, "only", mine.total(), "samples in", truth["cpu"], "s")
    expected = truth["work"] * 999
    check(abs(inside.total() - expected) <= 0.07 * expected, inside.total(), "samples in the work,", round(expected),
          "expected of", mine.total())
    check(whole.total() >= 0.99 * inside.total(), whole.total(), "of", inside.total(), "whole and named",
          inside.without(whole).show())
    cut = mine.cut()
    check(cut.total() <= 0.01 * mine.total() + 20, cut.total(), "of", mine.total(), "cut", cut.show())
    return "%d samples, %d whole" % (inside.total(), whole.total())


@case("500 forked processes of 20 ms each are whole and named")
def short_forks():
    return short_lives()


@case("500 executed processes of 20 ms each are whole and named")
def short_execs():
    return short_lives("exec")


# -- odd code --------------------------------------------------------------------------------------

def whole_share(program, args, path=None, least=0.99):
    """Runs a workload; but for the first moment, this share of its samples reaches _start. Returns them."""
    folded = scratch() + "/x.folded"
    waggle_ok("-F", 999, "-o", folded, "30", "--", program, *args)
    mine = Folded.of_file(folded).comm(os.path.basename(program)[:15])
    check(mine.total() >= 100, "only", mine.total(), "samples")
    mine = mine.settled(999, CPUS)
    cut = mine.cut()
    check(cut.total() <= (1 - least) * mine.total(), cut.total(), "of", mine.total(), "cut", cut.show())
    if path:
        check_whole(mine, path)
    return mine


@case("samples inside the kernel carry the whole user stack", together=True)
def in_kernel():
    mine = whole_share(workload("syscalls"), [2], "kern")
    inside = mine.only(lambda s: s[-1] != "kern_0" and "kern_0" in s)
    check(inside.total() > 0.8 * mine.total(), "only", inside.total(), "of", mine.total(),
          "samples show what kern_0 called", mine.show())
    return "%d samples" % mine.total()


@case("recursion 120 deep is whole", together=True)
def deep_120():
    mine = whole_share(workload("deep"), [120, 2])
    right = mine.only(lambda s: s.count("deep_recurse") == 120 and s[1] == "_start")
    check(right.total() >= 0.97 * mine.total(), right.total(), "of", mine.total(), mine.show(2))


@case("recursion deeper than the frame limit is said to be cut by depth, and counted", together=True)
def deep_900():
    d = waggle_ok("-F", 999, "--max-frames", "128", "--json", "30", "--", workload("deep"), 900, 2)
    report = load_json(d)
    cuts = {c["reason"]: c["samples"] for c in report["ledger"]["cuts"]}
    check(cuts.get("depth", 0) > 300, "cuts by depth:", cuts)
    check(report["ledger"]["whole_share"] < 0.1, "whole_share", report["ledger"]["whole_share"])
    rows = functions(report)
    check(rows["deep_leaf"]["total"] > 300, rows["deep_leaf"]) # what it calls is inlined
    total = rows["deep_recurse"]["total"]
    check(total <= report["ledger"]["samples_taken"], "recursion counted more than once:", total)


@case("recursion 900 deep is whole", together=True)
def deep_900_whole():
    d = waggle_ok("-F", 199, "30", "--", workload("deep"), 900, 2)
    mine = Folded.parse(d.out).comm("deep")
    right = mine.only(lambda s: s.count("deep_recurse") == 900 and s[1] == "_start")
    check(right.total() >= 0.9 * mine.total(), right.total(), "of", mine.total(), mine.cut().show(1))


@case("a library loaded and unloaded all the time is whole from its first sample on")
def plugins():
    folder = scratch()
    libs = [os.path.join(folder, "libplug%d.so" % i) for i in range(3)]
    for lib in libs:
        shutil.copy(workload("plugin"), lib)
    mine = whole_share(workload("plugin_host"), libs + [3])
    inside = mine.only(lambda s: "plug_0" in s)
    check(inside.total() > 0.8 * mine.total(), "only", inside.total(), "of", mine.total(), "named")
    check_whole(inside, "plug")
    check("host_call" in inside.stacks.most_common(1)[0][0], inside.show(1))


@case("a caller that ends in a call to a noreturn function is named right", together=True)
def noreturn():
    mine = whole_share(workload("noreturn"), [2])
    inside = mine.having("jump_away")
    check(inside.total() > 0.9 * mine.total(), inside.total(), "of", mine.total(), mine.show())
    right = inside.only(lambda s: s[s.index("jump_away") - 1] == "ends_in_call" and s[1] == "_start")
    check(right.total() == inside.total(), right.total(), "of", inside.total(), inside.show())


@case("signal handlers: whole, or said to be cut", together=True)
def signals():
    d = waggle_ok("-F", 999, "30", "--", workload("signals"), 2)
    mine = Folded.parse(d.out).comm("signals")
    inside = mine.having("signals_handler")
    check(inside.total() > 0.3 * mine.total(), "only", inside.total(), "samples in the handler")
    honest = inside.only(lambda s: s[1].startswith("[cut: ") or ("under_0" in s and s[1] == "_start"))
    check(honest.total() == inside.total(), inside.total() - honest.total(), "neither", inside.show())
    check_whole(mine.only(lambda s: "signals_handler" not in s and not s[1].startswith("[cut")), "under")
    return "%d of %d whole" % (inside.only(lambda s: s[1] == "_start").total(), inside.total())


@case("the vDSO: whole, or said to be cut", together=True)
def vdso():
    d = waggle_ok("-F", 999, "30", "--", workload("vdso"), 2)
    mine = Folded.parse(d.out).comm("vdso")
    inside = mine.only(lambda s: len(s) > 2 and s[-1] not in ("vdso_loop", "vdso_outer"))
    honest = mine.only(lambda s: s[1].startswith("[cut: ") or s[1] == "_start" or "main" not in s)
    check(honest.total() == mine.total(), mine.total() - honest.total(), "neither", mine.show())
    return "%d of %d whole" % (inside.only(lambda s: s[1] == "_start").total(), inside.total())


@case("a process that executes another program: both named by their own files", together=True)
def execs():
    d = waggle_ok("-F", 999, "30", "--", workload("execs"), 1, workload("split"), 2)
    f = Folded.parse(d.out)
    before, after = f.comm("execs"), f.comm("split")
    check(before.having("before_exec").total() > 0.8 * before.total(), before.show())
    check_split(after, split_truth(d.err), 4)
    check_settled(after, 999)
    for p in PATHS:
        check_whole(after.only(lambda s: not s[1].startswith("[cut")), p)
    check(not after.having("before_exec").total(), "the old program's names in the new one")


@case("C++ names are demangled and exceptions are walked through", together=True)
def cplusplus():
    mine = whole_share(workload("generic"), [3])
    text = mine.show(10000)
    for name in ("zoo::polygon<", "zoo::throw_at_depth", "zoo::sort_and_pick<"):
        check(name in text, "no", name, mine.show(3))
    check("_ZN" not in text, "a mangled name:", text[text.find("_ZN"):][:100])
    thrown = mine.only(lambda s: any(f.startswith("zoo::throw_at_depth") for f in s))
    check(thrown.total() > 50, "samples under throw:", thrown.total())


@case("Rust names are demangled", together=True)
def rust():
    program = workload("mix")
    if not os.path.exists(program):
        raise Skip("no rustc to build it with")
    mine = whole_share(program, [3])
    named = mine.only(lambda s: any("mix::worker" in f for f in s))
    check(named.total() > 0.9 * mine.total(), named.total(), "of", mine.total(), mine.show(3))
    text = mine.show(10000)
    check("_ZN" not in text and "_RN" not in text, "a mangled name")


@case("200 busy threads, 999 Hz: all whole, each under its own name")
def many_threads():
    p = start_logged([workload("threads"), 200, 6])
    time.sleep(0.7)
    mine = Folded.parse(waggle_ok("-F", 999, "3").out).only(lambda s: s[0].startswith("worker-"))
    finish(p)
    check(mine.total() > 500, "samples", mine.total())
    for s in mine.stacks:
        odd = int(s[0].split("-")[1]) % 2
        check(("even_work" if odd else "odd_work") not in s, "a thread under another's name:", s)
    check(len(mine.comms()) > 50, "threads seen:", len(mine.comms()))
    check_settled(mine, 999, CPUS)

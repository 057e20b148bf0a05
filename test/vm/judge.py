"""judge.py LABEL EXPECT FOLDER CONFIG - is what waggle said in a guest of the kernel matrix what happened there?

FOLDER holds what guest.sh left (NAME.out, .err, .rc of every step, .folded and .json of captures), CONFIG is
the kernel's configuration: it tells what doctor must find. The truths are the workloads' own, as in the
live tests. An emulated processor has no sense of time: nothing here judges speed, and shares are compared with
a wider margin. Prints a line a check and "N passed, N failed" at the end. Standard library only.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../live"))
from harness import Folded, PATHS, Skip, check, check_split, truths  # noqa: E402
from off import READY, WAITED, WOKEN, Waits, check_sums, own, show, truth_of  # noqa: E402
from off import in_order as chain_in_order  # noqa: E402

CPUS = 2
# Of the stacks that no table was being built for. One in a hundred may be cut: the mapping tree caught in the
# middle of a change by the thread that changes it, a stack page that fork is copying just then.
WHOLE = 0.99
# An emulated processor takes a second for the first tables; they must arrive, that is all.
PENDING = 0.7
# When so many of the ticks never came, the host gave the guest too little time to judge shares or the time a
# table takes. How stacks end is judged all the same.
BUSY = 0.25

_checks = []


class Guest:
    def __init__(self, label, folder, config):
        self.label, self.folder = label, folder
        with open(config, encoding="utf-8") as f:
            self.config = set(line.strip() for line in f)

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def rc(self, step):
        return int(self.text(step + ".rc"))

    def json(self, name):
        return json.loads(self.text(name))

    def folded(self, step):
        check(self.rc(step) == 0, "exit code", self.rc(step), self.text(step + ".err")[-400:])
        return Folded.parse(self.text(step + ".folded"))

    def ledger(self, step):
        return self.json(step + ".json")["ledger"]

    def busy(self, step):
        """How much of the capture's time the host kept the guest waiting, when that was too much."""
        l = self.ledger(step)
        lost = l["lost_timer"] / max(l["ticks_expected"], 1)
        return "the host was too busy: %d %% of the ticks never came" % (lost * 100) if lost > BUSY else ""

    def built_with(self, *options):
        return all("CONFIG_%s=y" % o in self.config for o in options)


def expects(kind, title):
    def add(function):
        _checks.append((kind, title, function))
        return function
    return add


# -- what doctor and refusals say --------------------------------------------------------------------

def doctor_states(g):
    d = g.json("doctor.out")
    return d, {c["key"]: c["state"] for c in d["features"]}


def check_pmu(g, state):
    there = "cpu" in g.text("pmu.out").split()
    check(state == ("ok" if there else "degraded"), "cycles:", state, "with", g.text("pmu.out").split())
    return there


@expects("works", "doctor finds what this kernel was built with")
def doctor(g):
    d, states = doctor_states(g)
    check(g.rc("doctor") == 0 and d["can_profile"], "exit code", g.rc("doctor"))
    check(d["kernel"] == g.text("release.out").strip(), d["kernel"])
    for key in ("btf", "ringbuf", "task_pt_regs", "bpf_loop", "maple_tree", "tp_btf", "cpu_clock"):
        check(states[key] == "ok", key, "is", states[key])
    for key, options in (("kprobe", ["KPROBES"]),
                         ("fentry", ["FUNCTION_TRACER", "DYNAMIC_FTRACE_WITH_DIRECT_CALLS"])):
        right = "ok" if g.built_with(*options) else "degraded"
        check(states[key] == right, key, "is", states[key], "and should be", right)
    pmu = check_pmu(g, states["cycles"])
    return "kprobe %s, fentry %s, %s" % (states["kprobe"], states["fentry"],
                                         "hardware counters" if pmu else "no hardware counters")


@expects("works", "doctor names this kernel's known faults and how each is avoided")
def hazards(g):
    version = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", g.text("release.out")).groups())
    rows = {}
    for h in g.json("doctor.out")["hazards"]:  # one mended on several branches has several rows
        if not rows.get(h["key"], {"affects": False})["affects"]:
            rows[h["key"]] = h
    check(rows["uprobe_helper"]["affects"] == (version < (6, 13)), rows["uprobe_helper"])
    check(rows["private_stack"]["affects"] == (version >= (6, 13)), rows["private_stack"])
    refused = [k for k in rows if rows[k]["affects"] and rows[k]["state"] == "refused"]
    check(not refused, "refused and yet run:", refused)
    return ", ".join("%s %s" % (k, rows[k]["state"]) for k in sorted(rows) if rows[k]["affects"])


@expects("works", "--event cycles is refused in one sentence where there is no counter")
def cycles(g):
    if "cpu" in g.text("pmu.out").split():
        check(g.rc("cycles") == 0, g.text("cycles.err"))
        return "there is one"
    said = g.text("cycles.err")
    check(g.rc("cycles") == 6, "exit code", g.rc("cycles"), said)
    check("no hardware cycle counter" in said and said.count("\n") == 1, said)


@expects("refused", "doctor says it cannot, and what is missing")
def doctor_refuses(g):
    d, states = doctor_states(g)
    check(g.rc("doctor") == 6 and d["exit"] == 6 and not d["can_profile"], "exit code", g.rc("doctor"))
    for key in ("bpf_loop", "maple_tree", "task_pt_regs"):
        check(states[key] == "missing", key, "is", states[key])
    for key in ("btf", "ringbuf", "tp_btf", "cpu_clock"):
        check(states[key] == "ok", key, "is", states[key])
    check_pmu(g, states["cycles"])
    faults = {h["key"]: h["state"] for h in d["hazards"] if h["affects"]}
    check(faults.get("old_verifier") == "refused", faults)


@expects("refused", "a capture is refused in one sentence, exit code 6, and leaves no file")
def capture_refused(g):
    said = g.text("plain.err")
    check(g.rc("plain") == 6, "exit code", g.rc("plain"), said)
    for word in ("this kernel (%s) is too old" % g.text("release.out").strip(), "bpf_loop helper (Linux 5.17)",
                 "maple tree of mappings (Linux 6.1)", "Linux 6.1 or newer is needed"):
        check(word in said, "not said:", word, "in", said)
    check(said.count("\n") == 1, "more than a line:", said)
    check(not os.path.exists(os.path.join(g.folder, "plain.folded")), "plain.folded was written")
    return said.strip()


# -- stacks ------------------------------------------------------------------------------------------

def steady(g, step, comm, least=100):
    """A program's samples without those met while a table was built; nearly all must be whole."""
    mine = g.folded(step).comm(comm)
    pending, cut = mine.cut("table pending").total(), mine.cut()
    late, known = cut.total() - pending, mine.total() - pending
    # A busy host stops a processor in the middle of a change of mappings, for longer than others look again.
    check(late <= (1 - WHOLE) * (3 if g.busy(step) else 1) * known + 1, late, "of", known, "cut", cut.show())
    if g.busy(step) and (mine.total() < least or pending > PENDING * mine.total()):
        raise Skip(g.busy(step))
    check(mine.total() >= least, "only", mine.total(), "samples of", comm)
    check(pending <= PENDING * mine.total(), pending, "of", mine.total(), "cut while a table was built")
    return mine.only(lambda s: not s[1].startswith("[cut"))


def share(part, whole, least, what):
    check(part.total() + 3 >= least * whole.total(), part.total(), "of", whole.total(), what, whole.show(3))
    return "%d of %d" % (part.total(), whole.total())


def in_order(folded, path, depth, below):
    """Every stack in the path has its functions in order from the outermost on, somewhere below `below`.
    The way down to the innermost takes time on an emulated processor: some may be on it."""
    chain = tuple("%s_%d" % (path, i) for i in range(depth, -1, -1))
    inside = folded.only(lambda s: chain[0] in s)

    def ordered(s):
        at, found = s.index(chain[0]), [f for f in s if f in chain]
        return below in s[:at] and tuple(found) == chain[:len(found)] == s[at:at + len(found)]

    right = inside.only(ordered)
    check(inside.total() > 0 and right.total() == inside.total(), right.total(), "of", inside.total(),
          "in order", inside.only(lambda s: s not in right.stacks).show(3))
    return share(inside.only(lambda s: chain[-1] in s), inside, 0.85, "at the innermost")


def split(g, step, comm, truth):
    mine = steady(g, step, comm)
    for p in PATHS if mine.total() > 300 else PATHS[:1]:
        in_order(mine, p, 60, "split_run")
    if g.busy(step):
        return "%d samples; shares not judged: %s" % (mine.total(), g.busy(step))
    return "%d samples" % check_split(mine, truth, 6)


@expects("works", "70/20/10, 60 frames deep, all whole")
def split_command(g):
    rows = truths(g.text("split.err"))
    check(len(rows) == 2, "truths", rows)
    cpu = sum(r["cpu"] for r in rows)
    return split(g, "split", "split", {p: sum(r[p] * r["cpu"] for r in rows) / cpu for p in PATHS})


def split_of_many(g, nth, comm):
    rows = truths(g.text("many.err"))
    check(len(rows) == 3, "truths", rows)
    return split(g, "many", comm, rows[nth])


@expects("works", "70/20/10 as a static-pie executable")
def split_static(g):
    return split_of_many(g, 0, "split_static")


@expects("works", "70/20/10 at a fixed address")
def split_nopie(g):
    return split_of_many(g, 1, "split_nopie")


@expects("works", "a process that executes another program: both named by their own files")
def execs(g):
    before = steady(g, "many", "execs", 20)
    word = split_of_many(g, 2, "split_fp")
    share(before.having("before_exec"), before, 0.3, "in before_exec")
    check(not g.folded("many").comm("split_fp").having("before_exec").total(), "the old program's names")
    return word


@expects("works", "recursion 60 deep is whole")
def deep(g):
    mine = steady(g, "many", "deep")
    right = mine.only(lambda s: s.count("deep_recurse") == 60 and s[1] == "_start")
    return share(right, mine, 0.6, "60 deep")


@expects("works", "signal handlers are walked through to the interrupted code")
def signals(g):
    mine = steady(g, "many", "signals")
    inside = mine.having("signals_handler")
    share(inside, mine, 0.2, "in the handler")
    check(all(s[1] == "_start" for s in inside.stacks), "not whole:", inside.show())
    share(inside.having("under_0"), inside, 0.85, "above the path")
    in_order(mine, "under", 60, "main")
    return "%d in the handler" % inside.total()


@expects("works", "the vDSO is whole")
def vdso(g):
    mine = steady(g, "many", "vdso")
    inside = mine.only(lambda s: "vdso_loop" in s and s[-1] != "vdso_loop" and s[1] == "_start")
    return share(inside, mine, 0.3, "in what vdso_loop calls")


@expects("works", "samples inside the kernel carry the whole user stack")
def in_kernel(g):
    mine = steady(g, "many", "syscalls")
    in_order(mine, "kern", 60, "main")
    return share(mine.only(lambda s: "kern_0" in s and s[-1] != "kern_0"), mine, 0.3, "below kern_0")


@expects("works", "a call to a function that never returns is named right")
def noreturn(g):
    mine = steady(g, "many", "noreturn", 20).having("jump_away")
    right = mine.only(lambda s: s[s.index("jump_away") - 1] == "ends_in_call" and s[1] == "_start")
    check(mine.total() > 10 and right.total() == mine.total(), right.total(), "of", mine.total(), mine.show())


@expects("works", "threads, each under its own name")
def threads(g):
    n = 0
    for i in range(8):
        mine = steady(g, "many", "worker-%d" % i, 20)
        inside = mine.having(("odd_work" if i % 2 else "even_work"))
        share(inside.only(lambda s: "thread_main" in s[2:5]), mine, 0.9, "in its own function")
        n += inside.total()
    return "%d samples" % n


@expects("works", "libraries loaded and unloaded all the time")
def plugins(g):
    mine = steady(g, "many", "plugin_host")
    share(mine.having("plug_0"), mine, 0.3, "in a library")
    return in_order(mine, "plug", 60, "plugin_entry")


@expects("works", "C++ exceptions are walked through")
def exceptions(g):
    mine = steady(g, "many", "generic")
    thrown = mine.only(lambda s: any(f.startswith("zoo::throw_at_depth") for f in s))
    check(thrown.total() > 10, "samples under throw:", thrown.total(), mine.show(3))
    return "%d samples" % mine.total()


@expects("works", "60 processes forked and 60 executed, 20 ms each")
def storm(g):
    mine = steady(g, "storm", "short")
    rows = truths(g.text("storm.err"))
    check(len(rows) == 2 and all(r["children"] == 60 for r in rows), rows)
    exec_n = g.folded("storm").only(lambda s: s[1:2] == ("[exec]",)).total()
    return "%s at the innermost, %d inside execve" % (in_order(mine, "short", 20, "main"), exec_n)


@expects("works", "mappings that change all the time")
def churn(g):
    row = truths(g.text("churn.err"))[0]
    check(row["churns"] > 1000, "churns:", row["churns"])
    burn = steady(g, "churn", "churn-burn")
    in_order(burn, "stay", 60, "churn_burn")
    share(burn.only(lambda s: "stay_0" in s), burn, 0.9, "in stay_0")
    # The thread that changes them is interrupted inside the change now and then, where nobody can look.
    mine = g.folded("churn").comm("churn-map")
    cut = mine.cut("map tree").total()
    check(cut <= 0.03 * mine.total(), cut, "of", mine.total(), mine.cut().show())
    return "%d changes, %d look-ups repeated, %d and %d samples, %d cut by the change" % (
        row["churns"], g.ledger("churn")["walk_retries"], burn.total(), mine.total(), cut)


@expects("works", "attached to a process that runs")
def attach(g):
    mine = steady(g, "attach", "split")
    other = set(g.folded("attach").comms()) - {"split"}
    check(not other, "other programs:", other)
    in_order(mine, PATHS[0], 60, "split_run")
    return "%d samples" % mine.total()


@expects("works", "nothing is lost between the kernel and the profile")
def lossless(g):
    for step in ("split", "many", "storm", "churn", "attach"):
        l = g.ledger(step)
        for key in ("lost_ring_full", "lost_stack", "lost_memory_cap", "lost_scratch_busy", "files_failed"):
            check(l[key] == 0, step, key, l[key])
        ends = l["samples_taken"] + l["ticks_idle"] + l["ticks_filtered"]
        check(abs(ends - l["ticks_seen"]) <= CPUS, step, "ticks", l["ticks_seen"], "ended", ends)


# -- waiting -----------------------------------------------------------------------------------------

def waits(g, step):
    """What waggle off or wall saw, when it loads and every stack that it recognised was the right one."""
    check(g.rc(step) == 0, "exit code", g.rc(step), g.text(step + ".err")[-400:])
    w = Waits(os.path.join(g.folder, step + ".pb.gz"), g.ledger(step))
    w.report = g.json(step + ".json")
    l = w.ledger
    check(l.get("recognised_wrong", 0) == 0, l["recognised_wrong"], "recognised stacks were others")
    check(l.get("recognised_checked", 0) == l.get("stacks_recognised", 0), "not all were checked:", l)
    for key in ("lost_keys", "lost_threads", "lost_switches", "lost_ring_full", "lost_stack"):
        check(l.get(key, 0) == 0, step, key, l.get(key, 0))
    return w


def recognised(g, w):
    """None can be where the kernel does not count changes of mappings (before 6.4)."""
    n, least = w.ledger["stacks_recognised"], w.ledger["switches_seen"] / 10
    old = tuple(int(v) for v in re.match(r"(\d+)\.(\d+)", g.text("release.out")).groups()) < (6, 4)
    check(old or n >= least, "only", n, "stacks recognised in", w.ledger["switches_seen"], "switches")
    return "%d recognised in %d switches, none wrong" % (n, w.ledger["switches_seen"])


def check_waited(got, truth):
    """The truth is timed around the calls; what the thread ran meanwhile it did not wait."""
    least = 0.99 * truth["seconds"] - truth["cpu"]
    check(least <= got <= 1.01 * truth["seconds"], got, "s waited of", truth["seconds"], "with", truth["cpu"], "run")


@expects("works", "off: 300 waits for an answer: whole, in their class, and as long as they were")
def off_pipe(g):
    w, t = waits(g, "off"), truth_of(g.text("off.out"))[-1]
    mine = [s for s in w.having("main", "work_pipe", "wait_pipe") if s.labels["process"] == "waits"]
    total, cls = w.ns(mine), w.classes(mine)
    check(total, "no wait in wait_pipe", show(w.samples))
    cut = [s for s in mine if s.stack[0] != "_start"]
    check(w.ns(cut) <= (1 - WHOLE) * total, "not whole:", w.ns(cut), "of", total, show(cut))
    check(sum(cls[c] for c in cls if c not in READY | {"pipe"}) <= 0.01 * total, dict(cls))
    check_waited(total / 1e9, t)
    return "%.2f of %.2f s, %s" % (total / 1e9, t["seconds"], recognised(g, w))


@expects("works", "off: A waits for B waits for C: the parts of the chain add up to the wait")
def off_chain(g):
    w = waits(g, "chain")
    names = re.findall(r"^([ABC]): truth", g.text("chain.out"), re.M)
    t = dict(zip(names, truth_of(g.text("chain.out"))))
    mine = w.having("a_waits")
    total = w.ns(mine) / 1e9
    check_waited(total, t["A"])
    hops = [s for s in mine if chain_in_order(s.stack, ["a_waits", WOKEN + "thread-b]", WAITED, "b_waits",
                                                        WOKEN + "thread-c]"])]
    check(w.ns(hops) / 1e9 >= 0.8 * w.ns([s for s in mine if s.labels.get("class") not in READY]) / 1e9,
          w.ns(hops) / 1e9, "s over two wakers of", total, show(mine))
    return "%.2f of %.2f s, %s" % (w.ns(hops) / 1e9, total, recognised(g, w))


@expects("works", "wall: every thread's time adds up to the clock, within 1 %")
def wall_sums(g):
    w = waits(g, "wall")
    tids = set(g.text("wall.tids").split()) & set(g.text("wall.tids_after").split())
    check(len(tids) >= 13, "threads:", sorted(tids))
    words = check_sums(w, tids, w.report["meta"]["duration_ns"])
    asleep = w.having("asleep_thread")
    check(len({s.labels["tid"] for s in asleep}) == 8, "asleep:", {s.labels["tid"] for s in asleep})
    # Below the thread's own function come two of the C library, which has no symbols for them here.
    cut = [s for s in asleep if s.stack.index("asleep_thread") != 2 or s.stack[0].startswith("[cut")]
    check(not cut, "not whole:", show(cut, "wall"))
    return "%s, %s" % (words, recognised(g, w))


@expects("works", "every program passes this kernel's verifier, whatever the options")
def verifier(g):
    said = g.text("verifier.out")
    check(g.rc("verifier") == 0 and "refused" not in said, said, g.text("verifier.err"))
    rows = [line.split() for line in said.splitlines()[1:]]
    check(rows, said)
    return ", ".join("%s %s" % (r[0], r[2]) for r in rows)


# -- the kernel's own view ---------------------------------------------------------------------------

WRONG = re.compile(r"WARNING:|BUG:|Oops|general protection|Call Trace|scheduling while atomic|double fault|"
                   r"nable to handle|detected stall|self-detected|blocked for more than")


@expects("both", "the kernel complains of nothing and is not tainted")
def healthy(g):
    check(g.text("tainted.out").strip() == "0", "tainted:", g.text("tainted.out"))
    bad = [line for line in g.text("dmesg.out").splitlines() if WRONG.search(line)]
    check(not bad, "\n    ".join(bad[:5]))
    check("Linux version" in g.text("dmesg.out"), "dmesg does not reach back to the start")


def main():
    label, expect, folder, config = sys.argv[1:5]
    g, passed, failed, skipped = Guest(label, folder, config), 0, 0, 0
    for kind, title, function in _checks:
        if kind not in (expect, "both"):
            continue
        try:
            word = function(g) or ""
            passed += 1
            print(("ok      %-5s %-74s %s" % (label, title, word)).rstrip())
        except Skip as e:
            skipped += 1
            print("skipped %-5s %-74s %s" % (label, title, e))
        except (AssertionError, OSError, KeyError, ValueError, TypeError, IndexError) as e:
            failed += 1
            print("FAILED  %-5s %s\n  %s: %s" % (label, title, type(e).__name__, e))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not passed else 0


sys.exit(main())

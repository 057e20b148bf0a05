"""off.py - time that is not spent computing, against programs that know how long they waited, for what and where:
blocked by cause, ready without a processor, held back, asleep all the time; who ended the waits; filters; and
that nothing is lost where there is much. The profiles are read as pprof, with all their labels.
"""
import os
import re
import shutil
import time

from harness import *
from pprof import Pprof
from targets import MariaDB, Postgres

READY = {"run-queue", "preempted", "yielded", "throttled"}
BOTTOM = ("_start", "clone3", "__clone3", "clone", "__clone")
WOKEN, WAITED = "[woken by ", "[which waited]"


class Waits(Pprof):
    """A profile of waits with its ledger. `value`: "off" or "wall"; `untold`: the witness's account."""

    def __init__(self, path, ledger, untold):
        Pprof.__init__(self, path)
        self.ledger, self.untold = ledger, untold
        self.value = "wall" if "wall" in self.types else "off"

    def having(self, *path):
        """Samples with these functions one right above the other, in the sleeper's part of the stack."""
        n = len(path)
        return [s for s in self.samples
                if any(own(s)[i:i + n] == path for i in range(len(own(s)) - n + 1))]

    def of(self, **labels):
        return [s for s in self.samples if all(str(s.labels.get(k, "")) == str(v) for k, v in labels.items())]

    def ns(self, samples, classes=None):
        return sum(s.values[self.value] for s in samples if not classes or s.labels.get("class") in classes)

    def not_seen(self, **labels):
        """Seconds that these threads waited in an unknown place, and how often: because the kernel did not tell
        of the switch. A witness that is no part of waggle counted for each thread how many were not told."""
        mine = [s for s in self.of(**{"class": "other"}, **labels) if s.stack[0] == "[not seen]"]
        per = collections.Counter()
        for s in mine:
            per[int(s.labels["tid"])] += s.values["waits"]
        for tid, n in per.items():
            check(n <= self.untold[tid], "thread", tid, "has", n, "waits not seen,", self.untold[tid],
                  "of its switches were not told:", show(mine, self.value))
        n = sum(per.values())
        check(n <= self.ledger.get("switches_untold", 0), n, "waits not seen,", self.ledger)
        return self.ns(mine) / 1e9, n

    def classes(self, samples):
        c = collections.Counter()
        for s in samples:
            c[s.labels.get("class", "none")] += s.values[self.value]
        return c


def own(sample):
    """The stack without who ended the wait."""
    for i, f in enumerate(sample.stack):
        if f.startswith(WOKEN):
            return sample.stack[:i]
    return sample.stack


def count(samples, classes):
    return sum(s.values["waits"] for s in samples if s.labels.get("class") in classes)


def show(samples, value="off", n=6):
    rows = ["%s %s %s" % (s.values.get(value), s.labels.get("class"), ";".join(s.stack))
            for s in sorted(samples, key=lambda s: -s.values.get(value, 0))[:n]]
    return "\n    " + "\n    ".join(rows)


def near(got, want, share, *words, lost=0):
    """Within a share of what it should be; in seconds. A hundred microseconds are nobody's fault, and it may be
    less by what was `lost` because the kernel did not tell of it."""
    check(-share * want - 1e-4 - lost <= got - want <= share * want + 1e-4, *words,
          "%.4f s, %.4f s true, %.4f s not seen" % (got, want, lost))


def watch_untold():
    """Begins to count the switches that the kernel does not tell of: on some virtual machines those to and from
    the hypervisor's own threads. Returns the function that ends it and gives the counts by thread."""
    p = subprocess.Popen([os.path.join(BUILD, "test/witness/switches")], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    later(p.wait)
    later(p.stdin.close)
    check(p.stdout.readline() == "ready\n", "the witness of switches does not start")
    return lambda: collections.Counter({int(t): int(n) for t, n in map(str.split, p.communicate()[0].splitlines())})


def off(options, command=(), what="off", seconds=60, ok=(0,)):
    """Runs waggle off or wall: the profile, and what the command said."""
    folder = scratch()
    args = [what, "-q", "-o", folder + "/x.pb.gz", "-o", folder + "/x.waggle", "--max-overhead", "100"] + list(options)
    watched = watch_untold()
    d = waggle(*(args + (["--"] + list(command) if command else [])), timeout=seconds)
    untold = watched()
    check(d.rc in ok, "exit code", d.rc, "of", d)
    report = load_json(waggle_ok("report", folder + "/x.waggle", "--json"))
    w = Waits(folder + "/x.pb.gz", report["ledger"], untold)
    w.report, w.rc = report, d.rc
    return w, d.out


def warmed(name, first, *args):
    """The workload, after a short run of the same file under another name: its unwind tables are there then."""
    return ["sh", "-c", '"$0" %s > /dev/null; sleep 0.5; exec "$@"' % first, twin(name), workload(name), *args]


def truth_of(text):
    rows = truths(re.sub(r"^\w+: ", "", text, flags=re.M))
    check(rows, "no truth was printed:", text[:300])
    return rows


def blocked(truth):
    """What the thread itself knows of its waits, but for what it was ready in them."""
    return truth["seconds"] - truth["queue"]


# -- blocked ---------------------------------------------------------------------------------------

def check_blocked(kind, cls, truth, w):
    """The waits of waits.c: in main;work_KIND;wait_KIND, down to the bottom, in their class and no other."""
    path = ("main", "work_" + kind, "wait_" + kind)
    mine = w.having(*path)
    check(mine, "no wait in", path, show(w.samples))
    for s in mine:
        check(s.stack[0] in BOTTOM, "not whole:", s)
    other = {c: ns for c, ns in w.classes(mine).items() if c != cls and c not in READY}
    check(sum(other.values()) <= 0.01 * w.ns(mine), "in other classes:", other, show(mine))
    ready = w.ns(mine, READY) / 1e9
    got, want = w.ns(mine, {cls}) / 1e9, truth["seconds"] - ready
    # What the call computes is in the truth too; the thread's own clock says how much that is at most.
    lost, unseen = w.not_seen(tid=int(truth["tid"]))
    check(0.97 * want - truth["cpu"] - lost - 1e-4 <= got <= 1.03 * want + 1e-4, kind, cls, "blocked", got, "s beside", ready,
          "s ready:", truth, show(w.samples))
    check(ready <= truth["queue"] + 0.01 * truth["seconds"], ready, "s ready,", truth["queue"], "true")
    # A socket also wakes its reader when the other side has taken what it wrote: more waits than calls. Where the
    # answer is there before the thread sleeps (it was preempted on the way) there are fewer: the kernel counted.
    n = count(mine, {cls})
    most = 2.1 if cls in ("network", "pipe") else 1.03
    least = 0.97 * min(truth["waits"], truth["switches"]) - 1 - unseen
    check(least <= n <= most * truth["waits"] + 1, n, "waits,", truth["waits"], "true")
    longest = max(s.values["longest"] for s in mine if s.labels["class"] == cls) / 1e9
    check(longest <= truth["longest"] + 1e-4, "longest", longest, "true", truth["longest"])
    for s in mine:
        took = s.labels.get("took", 0)
        check(took and took <= s.values["longest"] < 2 * took, "length", took, "of", s)
    return "%.3f s of %.3f s in %d waits, %d switches" % (w.ns(mine, {cls}) / 1e9, truth["seconds"], n, truth["switches"])


KINDS = [("sleep", "sleep"), ("signal", "signal"), ("poll", "poll"), ("epoll", "poll"), ("pipe", "pipe"),
         ("unix", "pipe"), ("tcp", "network"), ("udp", "network"), ("child", "child"), ("mutex", "lock"),
         ("fault", "page-fault")]


def blocked_case(kind, cls):
    @case("blocked: %s, 100 times for 10 ms, is %s at its whole stack" % (kind, cls), together=True)
    def one():
        w, out = off([], [workload("waits"), kind, 100, 10])
        return check_blocked(kind, cls, truth_of(out)[0], w)


for _kind, _cls in KINDS:
    blocked_case(_kind, _cls)


@case("blocked: a lock of the kernel, held for 10 ms", together=True)
def kernel_lock():
    w, out = off([], [workload("waits"), "inode", 50, 10, scratch()])
    return check_blocked("inode", "kernel-lock", truth_of(out)[0], w)


def disk_file(folder):
    """4 MiB on a real disk, and the number of that."""
    path = folder + "/blocks"
    with open(path, "wb") as f:
        f.write(os.urandom(4 << 20))
        os.fsync(f.fileno())
    dev = os.stat(path).st_dev
    if not os.path.exists("/sys/dev/block/%d:%d" % (os.major(dev), os.minor(dev))):
        raise Skip("the scratch folder is not on a disk")
    return path, "%d:%d" % (os.major(dev), os.minor(dev))


def slow_disk(device, reads):
    """A cgroup in which the device gives so many reads a second; the path of its list of processes."""
    v1, v2, group = "/sys/fs/cgroup/blkio", "/sys/fs/cgroup", "/waggle-live-slow-%d" % os.getpid()
    if os.path.isdir(v1):
        folder, name, text = v1 + group, "blkio.throttle.read_iops_device", "%s %d" % (device, reads)
    elif "io" in read(v2 + "/cgroup.subtree_control").split():
        folder, name, text = v2 + group, "io.max", "%s riops=%d" % (device, reads)
    else:
        raise Skip("no cgroup controller slows disks down here")
    os.makedirs(folder, exist_ok=True)
    later(os.rmdir, folder)
    try:
        write(folder + "/" + name, text)
    except OSError as e:
        raise Skip("the kernel does not slow disks down: %s" % e)
    return folder + "/cgroup.procs"


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def write(path, text):
    with open(path, "w") as f:
        f.write(str(text))


def inside(procs, command):
    """The command as it runs in a cgroup."""
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', procs] + list(command)


@case("blocked: O_DIRECT reads of a disk with 50 reads a second are disk", together=True)
def disk():
    path, device = disk_file(scratch())
    w, out = off([], inside(slow_disk(device, 50), [workload("waits"), "read", 60, 0, path]))
    return check_blocked("read", "disk", truth_of(out)[0], w)


@case("blocked: O_DIRECT reads as fast as the disk can", together=True)
def fast_disk():
    path, _ = disk_file(scratch())
    w, out = off([], [workload("waits"), "read", 2000, 0, path])
    t, mine = truth_of(out)[0], w.having("main", "work_read", "wait_read")
    check_fast(w, mine, t, "disk")
    return "%.0f us each" % (w.ns(mine, {"disk"}) / 1e3 / t["waits"])


def check_fast(w, mine, truth, cls):
    """Short waits: what such a call costs in processor time is no small part of it. All of the thread's time is
    on a processor, ready or blocked; in the class are at least all that is neither, at most the whole call."""
    got, ready = w.ns(mine, {cls}) / 1e9, w.ns(mine, READY) / 1e9
    least = truth["seconds"] - truth["queue"] - truth["cpu"]
    lost, _ = w.not_seen(tid=int(truth["tid"]))
    check(0.9 * least - lost <= got <= 1.01 * truth["seconds"] - ready, "blocked", got, "ready", ready, "truth", truth)
    near(got + ready, truth["seconds"], 0.03 + truth["cpu"] / truth["seconds"], "all", truth, lost=lost)


@case("blocked: fsync is writeback", together=True)
def fsync():
    path, _ = disk_file(scratch())
    w, out = off([], [workload("waits"), "fsync", 100, 0, path])
    t, mine = truth_of(out)[0], w.having("main", "work_fsync", "wait_fsync")
    classes = w.classes(mine)
    check(classes["writeback"] >= 0.97 * sum(ns for c, ns in classes.items() if c not in READY), classes)
    check_fast(w, mine, t, "writeback")


# -- ready -----------------------------------------------------------------------------------------

def check_ready(mode, main_class):
    w, out = off([], warmed("ready", "0.1 1 burn 0", 3, 2, mode, 0))
    for t in truth_of(out):
        # What a new thread waits for its first moment on a processor is before the truth begins.
        working = [s for s in w.of(tid=int(t["tid"])) if "busy_work" in s.stack]
        ready, lost = w.ns(working, READY) / 1e9, w.not_seen(tid=int(t["tid"]))[0]
        near(ready, t["queue"], 0.03, "ready", w.classes(working), "queue:", lost=lost)
        near(t["cpu"] + ready, t["elapsed"], 0.03, "processor and queue", lost=lost)
        check(w.ns(working) - ready * 1e9 <= 0.01e9 * t["elapsed"], "blocked in busy_work:", show(working))
        # Who yields is preempted as well where others want the processor; who does not yield never has yielded.
        least = 0.99 if mode == "burn" else 0.5
        check(w.ns(working, {main_class}) >= least * w.ns(working, READY), "not", main_class, w.classes(working))
    return ", ".join("%.0f %% ready" % (100 * t["queue"] / t["elapsed"]) for t in truth_of(out))


@case("ready: two busy threads on one processor are preempted, not blocked", together=True)
def preempted():
    return check_ready("burn", "preempted")


@case("ready: two threads that yield to each other have yielded", together=True)
def yielded():
    return check_ready("yield", "yielded")


def cpu_group(share):
    """A cgroup that gets so much of one processor: (list of processes, function that reads how long it was
    held back, ns)."""
    v1, v2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"
    if os.path.exists(v1 + "/cpu.cfs_period_us"):
        folder = v1 + "/waggle-live-quota"
        os.makedirs(folder, exist_ok=True)
        write(folder + "/cpu.cfs_period_us", 100000)
        write(folder + "/cpu.cfs_quota_us", int(share * 100000))
        write(folder + "/cpu.shares", 200000)  # so that it runs as soon as it may
        key, unit = "throttled_time", 1
    elif "cpu" in read(v2 + "/cgroup.subtree_control").split():
        folder = v2 + "/waggle-live-quota"
        os.makedirs(folder, exist_ok=True)
        write(folder + "/cpu.max", "%d 100000" % (share * 100000))
        write(folder + "/cpu.weight", 10000)
        key, unit = "throttled_usec", 1000
    else:
        raise Skip("no cgroup controller holds processes back here")
    later(os.rmdir, folder)
    return folder + "/cgroup.procs", lambda: unit * int(re.search(key + r" (\d+)", read(folder + "/cpu.stat")).group(1))


@case("throttled: a cgroup with a twentieth of a processor is held back for the rest", together=True)
def throttled():
    procs, held = cpu_group(0.05)
    before = held()
    w, out = off([], inside(procs, [workload("ready"), 4, 1, "burn", 0]))
    t, true = truth_of(out)[0], (held() - before) / 1e9
    mine = w.of(tid=int(t["tid"]))
    check(true > 0.5 * t["elapsed"], "the kernel did not hold it back:", true)
    got = w.ns(mine, {"throttled"}) / 1e9
    check(abs(got - true) <= 0.1 * true, "throttled", got, "true", true, w.classes(mine))
    return "%.2f s, %.2f s by the kernel" % (got, true)


# -- wall ------------------------------------------------------------------------------------------

def check_sums(w, tids, elapsed):
    """Every thread's parts add up to the time that passed."""
    worst, per = 0, collections.Counter()
    for s in w.samples:
        per[s.labels.get("tid")] += s.values["wall"]
    for t in tids:
        off_by = per[str(t)] / elapsed - 1
        check(abs(off_by) <= 0.01, "thread", t, "has", per[str(t)] / 1e9, "s of", elapsed / 1e9,
              dict(w.classes(w.of(tid=t))))
        worst = max(worst, abs(off_by))
    return "%d threads, at most %.2f %% off" % (len(tids), 100 * worst)


def threads_of(pids):
    return {int(t) for p in pids for t in (os.listdir("/proc/%d/task" % p) if os.path.isdir("/proc/%d/task" % p) else [])}


def wall_of(pids, seconds, options=()):
    """(profile, threads that were there all the time)."""
    before = threads_of(pids)
    w, _ = off(["-p", ",".join(map(str, pids)), *options, seconds], what="wall")
    return w, before & threads_of(pids)


@case("wall: threads asleep for the whole time are there, with their stacks", together=True)
def asleep():
    p = start_logged([workload("asleep"), 12])
    check(wait_for(lambda: "asleep" in said(p)), "asleep does not say so")
    w, tids = wall_of([p.pid], 3)
    check(len(tids) == 13, tids)
    words = check_sums(w, tids, w.report["meta"]["duration_ns"])
    for way, cls in (("pipe", "pipe"), ("lock", "lock"), ("poll", "poll"), ("sleep", "sleep")):
        mine = w.having("asleep_thread", "asleep_" + way)
        check({s.labels["tid"] for s in mine if s.labels.get("class") == cls} >= set(), mine)
        check(len({s.labels["tid"] for s in mine}) == 3, way, "is there for", {s.labels["tid"] for s in mine})
        check(set(w.classes(mine)) == {cls}, way, w.classes(mine))
        for s in mine:
            check(s.stack[0] in BOTTOM, "not whole:", s)
            check(s.stack[-1].startswith("[blocked: "), "no class as the leaf:", s.stack[-1])
    return words


@case("wall: busy, ready and waiting threads add up", together=True)
def wall_mixed():
    ready = start_logged([workload("ready"), 8, 2, "burn", 0])
    waits = start_logged([workload("waits"), "mutex", 700, 10])
    time.sleep(0.5)
    w, tids = wall_of([ready.pid, waits.pid], 4)
    check(len(tids) >= 5, tids)
    words = check_sums(w, tids, w.report["meta"]["duration_ns"])
    stop(ready)
    stop(waits)
    return words


@case("wall: on a processor is what the thread says it used", together=True)
def wall_cpu():
    w, out = off(["-F", "499"], [workload("ready"), 3, 2, "burn", 0], what="wall")
    for t in truth_of(out):
        mine = w.of(tid=int(t["tid"]))
        near(w.ns(mine, {"on-cpu"}) / 1e9, t["cpu"], 0.02, "on the processor")
        if t["cpu"] > 1:  # samples enough to say where
            working = w.ns([s for s in mine if "busy_work" in s.stack], {"on-cpu"})
            check(working >= 0.95e9 * t["cpu"], "only", working / 1e9, "s of it in busy_work", w.classes(mine))


@case("wall: postgres under pgbench adds up, every thread of it")
def wall_postgres():
    t = Postgres()
    try:
        t.begin(scratch())
        t.load(8)
        time.sleep(1)
        mine = []
        check(wait_for(lambda: mine.extend(descendants(t.started[0].pid, "postgres")) or len(mine) >= 6), mine)
        mine = set(mine)
        w, tids = wall_of(mine, 5)
        check(len(tids) >= 6, "only", tids)
        return check_sums(w, tids, w.report["meta"]["duration_ns"])
    finally:
        t.end()


def descendants(root, name):
    return [int(p) for p in run(["pgrep", "-x", name]).out.split() if root in ancestors(int(p))]


def ancestors(pid):
    up = []
    while pid > 1:
        m = re.search(r"^PPid:\t(\d+)", read("/proc/%d/status" % pid), re.M)
        pid = int(m.group(1)) if m else 0
        up.append(pid)
    return up


# Born when it can run for the first time, gone at its last switch (a state of EXIT_DEAD or TASK_DEAD's kin).
LIVES = """tracepoint:sched:sched_process_fork { printf("> %llu %d %d\\n", nsecs, args->parent_pid, args->child_pid); }
tracepoint:sched:sched_wakeup_new { printf("+ %llu %d\\n", nsecs, args->pid); }
tracepoint:sched:sched_switch /args->prev_state & 48/ { printf("- %llu %d\\n", nsecs, args->prev_pid); }"""


def watch_lives():
    """Another tool's account of which thread lived from when to when."""
    if not shutil.which("bpftrace"):
        raise Skip("bpftrace is not installed")
    p = start_logged(["unshare", "-m", "sh", "-c", "mount -t tracefs waggle /sys/kernel/tracing 2>/dev/null; "
                      "exec bpftrace -e '%s'" % LIVES], env=dict(os.environ, BPFTRACE_PERF_RB_PAGES="512"))
    check(wait_for(lambda: "Attaching" in said(p), 20), "bpftrace does not start:", said(p)[-300:])
    time.sleep(1)
    return p


def lives(text, root):
    """Nanoseconds that the descendants of `root` lived, by thread."""
    born, lived, family = {}, {}, {root}
    events = sorted((int(w[1]), ">+-".index(w[0]), w) for w in map(str.split, text.splitlines())
                    if w and w[0] in (">", "+", "-"))  # processors' buffers are read one after the other
    for at, _, word in events:
        if word[0] == ">" and int(word[2]) in family:
            family.add(int(word[3]))
        elif word[0] == "+" and int(word[2]) in family - {root}:
            born[int(word[2])] = at
        elif word[0] == "-" and int(word[2]) in born:
            lived[int(word[2])] = at - born.pop(int(word[2]))
    return lived


@case("wall: a parallel make, every second of every short process")
def wall_make():
    folder = scratch()
    with open(folder + "/Makefile", "w") as f:
        f.write("all: %s\n%%.o: %%.c\n\t@$(CC) -O2 -c -o $@ $<\n" % " ".join("f%d.o" % i for i in range(24)))
    for i in range(24):
        with open(folder + "/f%d.c" % i, "w") as f:
            f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int n)\n{\n"
                    "\treturn printf(\"%%d\", n);\n}\n" % i)
    watch = watch_lives()
    w, _ = off([], ["make", "-s", "-j4", "-C", folder], what="wall")
    time.sleep(0.5)
    stop(watch, 2)
    tids = {int(s.labels["tid"]) for s in w.samples}
    # make itself is there before the capture begins.
    make = min(int(s.labels["tid"]) for s in w.samples if s.labels.get("comm") == "make")
    true = lives(said(watch), make)
    check(len(true) >= 24 * 3, "bpftrace saw only", len(true), "processes")
    per = collections.Counter()
    for s in w.samples:
        per[int(s.labels["tid"])] += s.values["wall"]
    check(set(true) <= tids, "never seen:", len(set(true) - tids), "of", len(true))
    got, want = sum(per[t] for t in true), sum(true.values())
    check(abs(got / want - 1) <= 0.01, "processes lived", want / 1e9, "s, accounted for", got / 1e9)
    for t, ns in true.items():
        check(abs(per[t] - ns) <= 0.01 * ns + 1e6, "process", t, "lived", ns / 1e6, "ms, accounted for", per[t] / 1e6)
    return "%d processes, %.2f s, %.2f %% off" % (len(true), want / 1e9, 100 * abs(got / want - 1))


# -- wakers ----------------------------------------------------------------------------------------

def in_order(stack, words):
    """Are these in the stack in this order, with others between them?"""
    rest = iter(stack)
    return all(any(f == w or (w.endswith("*") and f.startswith(w[:-1])) for f in rest) for w in words)


def check_chain(w, words, truth, share=0.9):
    mine = [s for s in w.samples if in_order(s.stack, words)]
    near_waits = [s for s in w.samples if words[0] in s.stack]
    got = w.ns(mine) / 1e9
    check(got >= share * truth, "only", got, "s of", truth, "in", words, show(near_waits))
    return got


def check_sure(w, words, truth):
    return check_chain(w, words, blocked(truth) - w.not_seen(tid=int(truth["tid"]))[0], 0.95)


@case("wakers: a sleep is ended by the timer, an answer by the helper")
def wakers():
    w, out = off(["--wakers"], warmed("waits", "pipe 5 1", "sleep", 100, 10))
    check_sure(w, ["wait_sleep", WOKEN + "timer]"], truth_of(out)[0])
    for kind in ("pipe", "unix", "tcp", "udp", "poll"):
        w, out = off(["--wakers"], warmed("waits", "pipe 5 1", kind, 50, 10))
        # Whoever wakes does it below help_answer, whose frames follow from the leaf to the root.
        check_sure(w, ["wait_" + kind, WOKEN + "helper]", "help_answer", "main"], truth_of(out)[0])


@case("wakers: A waits for B waits for C, who sleeps: the chain with its times", together=True)
def handoff():
    w, out = off(["--hops", "4"], [workload("handoff"), 100, 10])
    names = re.findall(r"^([ABC]): truth", out, re.M)
    t = dict(zip(names, truth_of(out)))
    chain = ["a_waits", WOKEN + "thread-b]", "b_thread", WAITED, "b_waits", "b_thread", WOKEN + "thread-c]", "c_thread",
             WAITED, "c_waits", "c_thread", WOKEN + "timer]"]
    lost = sum(w.not_seen(tid=int(x["tid"]))[0] for x in t.values())
    # C sleeps, and when it may go on it can be that it gets no processor for a while: the chain ends there.
    got = check_chain(w, chain, blocked(t["C"]) - lost)
    # A may wait before C sleeps: as long as C, on its way there, is ready or runs. That is the last part's, too.
    check(got <= sum(t["C"][k] for k in ("seconds", "queue", "cpu")), "more than C slept:", got, t["C"])
    check_chain(w, chain[4:], blocked(t["C"]) - lost)
    check_chain(w, chain[9:], blocked(t["C"]) - lost)
    check_chain(w, chain[:3], blocked(t["A"]) - lost, 0.97)
    check_chain(w, chain[:8], blocked(t["B"]) - lost)
    near(w.ns(w.having("a_waits")) / 1e9, t["A"]["seconds"], 0.03, "A's parts:", lost=lost)
    return "%.3f s of A's %.3f s" % (got, t["A"]["seconds"])


@case("wakers: A waits for B waits for C's disk read", together=True)
def handoff_disk():
    path, device = disk_file(scratch())
    w, out = off(["--hops", "4"], inside(slow_disk(device, 50), [workload("handoff"), 60, 0, path]))
    names = re.findall(r"^([ABC]): truth", out, re.M)
    t = dict(zip(names, truth_of(out)))
    lost = {n: w.not_seen(tid=int(t[n]["tid"]))[0] for n in "ABC"}
    got = check_chain(w, ["a_waits", WOKEN + "thread-b]", "b_thread", WAITED, "b_waits", WOKEN + "thread-c]", "c_thread",
                          WAITED, "c_waits"], blocked(t["C"]) - sum(lost.values()))
    reads = w.having("c_thread", "c_waits")
    near(w.ns(reads, {"disk"} | READY) / 1e9, t["C"]["seconds"], 0.03, "C's reads", w.classes(reads), lost=lost["C"])
    return "%.3f s of A's %.3f s" % (got, t["A"]["seconds"])


# -- locks -----------------------------------------------------------------------------------------

@case("locks: the contended mutex is first, with who holds it", together=True)
def locks():
    w, out = off(["--locks"], warmed("convoy", "200 20 mutex", 2000, 20, "mutex"))
    locks = w.report["waits"]["locks"]
    check(locks, "no locks")
    hot = locks[0]
    check("convoy_lock" in hot["waiter"] and hot["threads"] >= 15, "waiter", hot)
    check("convoy_0" in hot.get("waker", []), "holder", hot)
    check(re.match(r"0x[0-9a-f]+$", hot["address"]), hot["address"])
    t = truth_of(out)[0]
    mine = [s for s in w.having("convoy_0", "convoy_lock") if s.labels["comm"] == "convoy"]  # not its twin
    # What they computed on the way to sleep and back is in the time they waited, and in no wait.
    got = w.ns(mine, {"lock"} | READY) / 1e9
    lost = sum(w.not_seen(tid=tid)[0] for tid in {s.labels["tid"] for s in mine})
    near(got + t["locking"], t["waited"], 0.01, "all threads at the lock:", w.classes(mine), t, lost=lost)
    at = [s for s in mine if s.labels.get("lock") == hot["address"]]
    check(w.ns(at, {"lock"}) >= 0.99 * w.ns(mine, {"lock"}), "not all of it at", hot["address"])
    check(abs(hot["time"] - w.ns(at)) <= 0.01 * hot["time"], "the table says", hot["time"], "the samples", w.ns(at))
    return "%.4f s of %.4f s, %.4f s computed" % (got, t["waited"], t["locking"])


def status_clients(t, n):
    """Clients that all want InnoDB's account of itself, which it writes to a file under one mutex: whoever is not
    writing waits for that, however few processors there are."""
    sock = re.search(r"--mysql-socket=(\S+)", " ".join(t.bench)).group(1)
    many = scratch() + "/many.sql"
    write(many, "show engine innodb status;\n" * 20000)
    return [start(["sh", "-c", "exec mariadb --no-defaults -S %s -u root < %s" % (sock, many)])
            for _ in range(n)]


@case("locks: mariadbd's hot lock and its holder are first")
def locks_mariadb():
    t = MariaDB()
    try:
        t.begin(scratch())
        clients = status_clients(t, 24)
        time.sleep(1.5)
        w, _ = off(["--locks", "--no-idle", "-p", t.started[0].pid, "5"])
        hot = w.report["waits"]["locks"][0]
        for c in clients:
            stop(c)
        check("ha_show_status" in hot["waiter"], "waiter", hot)
        check("ha_show_status" in hot.get("waker", []), "holder", hot)
        check(hot["threads"] == 24, hot)
        return "%s, %d threads, %.1f s" % (hot["address"], hot["threads"], hot["time"] / 1e9)
    finally:
        t.end()


# -- filters ---------------------------------------------------------------------------------------

@case("filters: by length of the wait", together=True)
def by_length():
    sleep = [workload("waits"), "sleep", 50, 10]
    for options, there in ((["-m", "5ms"], True), (["-m", "60ms"], False), (["-M", "60ms"], True), (["-M", "5ms"], False),
                           (["-m", "9000", "-M", "60000"], True)):
        w, _ = off(options, sleep)
        n = count([s for s in w.samples if "wait_sleep" in s.stack], {"sleep"})
        check(n >= 40 if there else n == 0, options, "gives", n, "waits of 10 ms")
        check(there or w.ledger.get("waits_filtered", 0) >= 40, options, "not counted as filtered:", w.ledger)


@case("filters: by state", together=True)
def by_state():
    path, _ = disk_file(scratch())
    for options, sleeps, reads in ((["--state", "S"], True, False), (["--state", "D"], False, True), (["--state", "S,D"], True, True),
                                   (["--state", "2"], False, True), (["--state", "R"], False, False)):
        w, _ = off(options, ["sh", "-c", "%s sleep 30 5; %s read 300 0 %s" % (workload("waits"), workload("waits"), path)])
        for name, cls, there in (("wait_sleep", "sleep", sleeps), ("wait_read", "disk", reads)):
            n = count([s for s in w.samples if name in s.stack], {cls})
            check(n >= 25 if there else n == 0, options, "gives", n, "of", name)


def is_kernel_thread(pid):
    """PF_KTHREAD of its flags (include/linux/sched.h)."""
    fields = read("/proc/%s/stat" % pid).rpartition(")")[2].split()
    return len(fields) > 6 and int(fields[6]) & 0x200000


@case("filters: user threads only, kernel threads only, without idle waits", together=True)
def by_kind():
    kernel = {int(p) for p in os.listdir("/proc") if p.isdigit() and is_kernel_thread(p)}
    w, _ = off(["-k", "2"])
    mine = [s for s in w.samples if os.path.exists("/proc/" + s.labels["tid"])]
    check(mine and all(is_kernel_thread(s.labels["tid"]) for s in mine),
          "not kernel threads:", [s for s in mine if not is_kernel_thread(s.labels["tid"])][:2])
    p = start([workload("waits"), "pipe", 3000, 10])
    w, _ = off(["-u", "2"])
    check(w.having("wait_pipe") and not any(int(s.labels["tid"]) in kernel for s in w.samples),
          "kernel threads in -u:", [s for s in w.samples if int(s.labels["tid"]) in kernel][:2])
    w, _ = off(["--no-idle", "2"])
    idle = {"poll", "sleep", "signal", "kernel-idle"}
    check(w.having("wait_pipe") and not w.ns(w.samples, idle), "idle waits in --no-idle:", w.classes(w.samples))
    stop(p)


@case("filters: one thread of a process", together=True)
def by_tid():
    p = start_logged([workload("asleep"), 8])
    check(wait_for(lambda: "asleep" in said(p)), "asleep does not say so")
    tid = max(threads_of([p.pid]))
    w, _ = off(["-t", tid, "2"])
    check({s.labels["tid"] for s in w.samples} == {str(tid)}, {s.labels["tid"] for s in w.samples})


# -- much ------------------------------------------------------------------------------------------

@case("100,000 distinct (task, stack): none lost by default")
def many_keys():
    w, out = off([], warmed("manykeys", "1 1", 100, 10), seconds=120)
    t = truth_of(out)[-1]
    lost = {k: w.ledger[k] for k in ("lost", "lost_keys", "lost_threads", "lost_switches", "lost_ring_full") if w.ledger.get(k)}
    check(not lost, lost)
    mine = [s for s in w.samples if "key_wait" in s.stack and s.labels["process"] == "manykeys"]
    keys = {(s.labels["tid"], tuple(f for f in s.stack if f.startswith("key_"))) for s in mine
            if s.labels["class"] == "sleep"}
    # The kernel's own count of voluntary switches differs by a handful in 100,000 from its switch events; and those
    # that it left out (on virtual machines) are waits at no place, and in the ledger.
    _, unseen = w.not_seen(process="manykeys")
    check(abs(t["keys"] - len(keys)) <= unseen + 1e-4 * t["keys"], len(keys), "keys of", t["keys"], unseen, "not seen")
    check(count(mine, {"sleep"}) == len(keys), count(mine, {"sleep"}), "waits in", len(keys), "keys")
    # What is not waiting is the way into the sleep and out of it, some microseconds of a hundred.
    naps = w.ns([s for s in mine if "clock_nanosleep" in s.stack]) / 1e9
    check(0.9 * t["slept"] <= naps <= 1.01 * t["slept"], naps, "s, true", t["slept"])
    return "%d keys" % len(keys)


@case("too little room for keys: the loss is in the ledger, and in the exit code under --strict", together=True)
def few_keys():
    w, out = off(["--max-keys", "1024", "--strict"], [workload("manykeys"), 100, 10], seconds=120, ok=(7,))
    t = truth_of(out)[0]
    check(w.ledger.get("lost_keys", 0) > 0, w.ledger)
    n = count([s for s in w.samples if "key_wait" in s.stack], {"sleep"})
    check(n < t["keys"], "nothing was lost in so little room:", n)
    return "%d kept, %d lost" % (n, w.ledger["lost_keys"])


@case("switches of 200 threads, 60 deep: counted, all of them at whole stacks")
def deep_ring():
    w, out = off([], [workload("convoy"), 40000, 200, "ring"])
    t = truth_of(out)[0]
    mine = w.having("convoy_1", "convoy_0", "convoy_turn")
    n = count(mine, {"lock"})
    check(abs(n - t["steps"]) <= 0.05 * t["steps"] + 200, n, "waits of", t["steps"])
    chain = tuple("convoy_%d" % i for i in range(60, -1, -1))
    cut = [s for s in mine if not any(s.stack[i:i + 61] == chain for i in range(3, 8)) or s.stack[0] not in BOTTOM]
    check(count(cut, {"lock"}) <= 0.001 * n, "not whole:", show(cut, n=2))
    check(w.ledger.get("recognised_wrong", 0) == 0, w.ledger)
    return "%d waits, %d recognised" % (n, w.ledger.get("stacks_recognised", 0))

"""harness.py - what the live tests share: starting things and being sure they end, reading folded stacks,
the truths that workloads print, and counting passes. Standard library only.

A test is a function marked @case("what it shows"); it fails by AssertionError (use check()), and may
raise Skip. Nothing is killed but what was started here, by its pid.
"""
import atexit
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("B", os.path.join(ROOT, "build"))
WAGGLE = os.environ.get("WAGGLE", os.path.join(BUILD, "waggle"))
CPUS = len(os.sched_getaffinity(0))

# So that what is measured gets the processors on a machine that others use too.
FIRST = ("sh", "-c", 'echo -10 > /proc/self/autogroup; exec nice -n -5 "$@"', "sh")

_running = []
_cleanups = []
_cases = []


class Skip(Exception):
    pass


def workload(name):
    return os.path.join(BUILD, "test/workload", name)


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


# -- processes -------------------------------------------------------------------------------------

class Done:
    """A command that has ended: rc, out, err, seconds."""

    def __init__(self, rc, out, err, seconds, args):
        self.rc, self.out, self.err, self.seconds, self.args = rc, out, err, seconds, args

    def __str__(self):
        return "%s -> %s\n%s" % (" ".join(self.args), self.rc, self.err[-1500:])


def unlimited(args):
    """A rate that was asked for is meant: the governor, which would lower it, has tests of its own."""
    if args[0] != WAGGLE or "-F" not in args or "--max-overhead" in args:
        return args
    at = args.index("-F")
    return args[:at] + ["--max-overhead", "100"] + args[at:]


def start(args, **how):
    """Starts a program in a session of its own; it is ended with stop(), at the latest at exit."""
    args = unlimited([str(a) for a in args])
    how.setdefault("stdin", subprocess.DEVNULL)
    how.setdefault("stdout", subprocess.DEVNULL)
    how.setdefault("stderr", subprocess.DEVNULL)
    how.setdefault("start_new_session", True)
    p = subprocess.Popen(args, **how)
    _running.append(p)
    return p


def start_logged(args, **how):
    """start() with standard output and error kept in files: read them with said(p)."""
    log = tempfile.NamedTemporaryFile("w+b", prefix="waggle-live-", delete=False)
    later(os.unlink, log.name)
    p = start(args, stdout=log, stderr=subprocess.STDOUT, **how)
    p.log = log.name
    return p


def start_held(args, **how):
    """A program that does nothing until release(p): time to attach to it first. Its pid stays."""
    p = start_logged(["sh", "-c", 'read x && exec "$@"', "sh"] + list(args), stdin=subprocess.PIPE, **how)
    return p


def release(p):
    p.stdin.write(b"\n")
    p.stdin.close()


def said(p):
    with open(p.log, encoding="utf-8", errors="replace") as f:
        return f.read()


def finish(p, seconds=30):
    """Waits for what start() started to end by itself; its exit code."""
    try:
        rc = p.wait(seconds)
    except subprocess.TimeoutExpired:
        stop(p, signal.SIGKILL)
        raise AssertionError("did not end within %d s: %s" % (seconds, p.args))
    _running.remove(p)
    return rc


def forget(p):
    """For one that somebody else has waited for."""
    if p in _running:
        _running.remove(p)


def stop(p, sig=signal.SIGTERM, patience=5):
    """Ends what start() started, with everything that is left in its session's process group."""
    if p in _running:
        _running.remove(p)
    for s in (sig, signal.SIGKILL):
        try:
            os.killpg(p.pid, s)
        except ProcessLookupError:
            pass
        try:
            return p.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    return None


def run(args, timeout=60, **how):
    args = [str(a) for a in args]
    begun = time.monotonic()
    p = start(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(p, signal.SIGKILL)
        raise AssertionError("did not end within %d s: %s" % (timeout, " ".join(args)))
    finally:
        if p in _running:
            _running.remove(p)
    return Done(p.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"),
                time.monotonic() - begun, args)


def waggle(*args, timeout=60):
    return run([WAGGLE] + list(args), timeout)


def waggle_ok(*args, timeout=60):
    d = waggle(*args, timeout=timeout)
    check(d.rc == 0, "exit code", d.rc, "of", d)
    return d


def twin(name):
    """The same file under another name: met there first, its tables are ready when it runs as itself."""
    path = workload("warm_" + name)
    if not os.path.exists(path) or not os.path.samefile(path, workload(name)):
        mine = "%s.%d" % (path, os.getpid())  # another lane may be making it, too
        os.link(workload(name), mine)
        os.replace(mine, path)
        if os.path.exists(mine):  # it was there already, and was the same file
            os.unlink(mine)
    return path


def capture(*args):
    """Starts waggle beside something else; captured() waits for it and gives its folded stacks."""
    folder = scratch()
    w = start([WAGGLE] + list(args), stdout=open(folder + "/out", "wb"), stderr=open(folder + "/err", "wb"))
    w.folder = folder
    return w


def captured(w, seconds=20):
    rc = finish(w, seconds)
    with open(w.folder + "/err", encoding="utf-8", errors="replace") as f:
        check(rc == 0, "exit code", rc, "of", w.args, f.read()[-1000:])
    return Folded.of_file(w.folder + "/out")


def later(function, *args):
    """Called at the end whatever happens, last first."""
    _cleanups.append((function, args))


def tidy():
    tidy_running()
    while _cleanups:
        function, args = _cleanups.pop()
        try:
            function(*args)
        except OSError as e:
            print("clean up: %s" % e, file=sys.stderr)


atexit.register(tidy)
for _s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_s, lambda number, frame: sys.exit(128 + number))


def scratch():
    path = tempfile.mkdtemp(prefix="waggle-live-")
    os.chmod(path, 0o755)
    later(shutil.rmtree, path, True)
    return path


def wait_for(condition, seconds=10, step=0.05):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return False


# -- folded stacks ---------------------------------------------------------------------------------

class Folded:
    """Lines "comm;outer;..;leaf N" as a counter of tuples."""

    def __init__(self, stacks=None):
        self.stacks = collections.Counter(stacks or {})

    @staticmethod
    def parse(text):
        f = Folded()
        for line in text.splitlines():
            stack, _, n = line.rpartition(" ")
            check(stack and n.isdigit(), "not a folded line:", line[:200])
            f.stacks[tuple(stack.split(";"))] += int(n)
        return f

    @staticmethod
    def of_file(path):
        with open(path, encoding="utf-8", errors="replace") as f:
            return Folded.parse(f.read())

    def total(self):
        return sum(self.stacks.values())

    def only(self, test):
        return Folded({s: n for s, n in self.stacks.items() if test(s)})

    def comm(self, name):
        return self.only(lambda s: s[0] == name)

    def comms(self):
        c = collections.Counter()
        for s, n in self.stacks.items():
            c[s[0]] += n
        return c

    def having(self, frame):
        return self.only(lambda s: frame in s[1:])

    def cut(self, reason=""):
        return self.only(lambda s: s[1:] and s[1].startswith("[cut: " + reason))

    def in_copy(self):
        """Stacks taken while the kernel copies, after a fork, the very page that the stack is in: the page's
        entry in the page table is empty meanwhile, so nobody can read it. waggle must say so."""
        return self.cut("stack read]").only(lambda s: "do_wp_page" in s)

    def settled(self, hz, cpus=1):
        """Without what has an excuse to be cut: the first moment, while tables were built, and pages in copy."""
        pending, copied = self.cut("table pending"), self.in_copy()
        check(pending.total() <= 0.3 * hz * cpus, pending.total(), "stacks cut while a table was built")
        check(copied.total() <= 2 * cpus, copied.total(), "stacks cut while a page was copied", copied.show())
        return self.without(pending, copied)

    def without(self, *others):
        """The stacks that are in none of the others."""
        return self.only(lambda s: not any(s in o.stacks for o in others))

    def show(self, n=5):
        rows = ["%d %s" % (c, ";".join(s)[:600]) for s, c in self.stacks.most_common(n)]
        return "\n    " + "\n    ".join(rows)


# -- truths ----------------------------------------------------------------------------------------

PATHS = ("hot70", "hot20", "hot10")


def truths(text):
    """The "truth key value .." lines a workload printed, each a dictionary."""
    rows = []
    for line in text.splitlines():
        if line.startswith("truth "):
            words = line.split()[1:]
            rows.append(dict(zip(words[::2], map(float, words[1::2]))))
    return rows


def split_truth(text):
    """Several processes' splits, weighted by their time."""
    rows = truths(text)
    check(rows, "split printed no truth:", text[:300])
    cpu = sum(r["cpu"] for r in rows)
    t = {p: sum(r[p] * r["cpu"] for r in rows) / cpu for p in PATHS}
    t["cpu"] = cpu
    return t


def hot(folded):
    """Samples in each of split's three paths."""
    return {p: folded.only(lambda s: any(f.startswith(p + "_") for f in s)) for p in PATHS}


def hot_shares(folded):
    h = {p: f.total() for p, f in hot(folded).items()}
    total = sum(h.values())
    check(total > 0, "no sample of any path:", folded.show())
    return {p: n / total for p, n in h.items()}, total


def check_split(folded, truth, points=2.0):
    shares, total = hot_shares(folded)
    for p in PATHS:
        check(abs(shares[p] - truth[p]) * 100 <= points,
              "%s: %.2f %% reported, %.2f %% true (%d samples)" %
              (p, shares[p] * 100, truth[p] * 100, total))
    return total


def check_whole(folded, path, depth=60, root="_start"):
    """Every stack in the path has its functions in order from the outermost on, below main and `root`.
    (The innermost may be missing: a sample can hit the way down or up.)"""
    chain = tuple("%s_%d" % (path, i) for i in range(depth, -1, -1))
    known, bad, n, full = set(chain), Folded(), 0, 0
    for s, c in folded.stacks.items():
        inside = tuple(f for f in s if f in known)
        if not inside:
            continue
        n += c
        full += c if len(inside) == len(chain) else 0
        at = s.index(inside[0])
        if inside != chain[:len(inside)] or s[at:at + len(inside)] != inside or s[1] != root \
                or "main" not in s[:at]:
            bad.stacks[s] += c
    check(n > 0, "no sample of", path, folded.show())
    check(not bad.stacks, bad.total(), "of", n, "samples of", path, "not whole:", bad.show(3))
    check(full >= 0.97 * n, "only", full, "of", n, "samples of", path, "are at its end", folded.show(3))
    return n


def functions(report):
    """The functions of a --json report by name."""
    return {f["name"]: f for f in report["functions"]}


def load_json(done):
    try:
        return json.loads(done.out)
    except ValueError as e:
        raise AssertionError("not one JSON object: %s: %s" % (e, done.out[:300]))


# -- cases -----------------------------------------------------------------------------------------

def case(title, together=False):
    """A case; `together`: others may run beside it, because nothing it measures is the machine's."""
    def add(function):
        function.together = together
        _cases.append((title, function))
        return function
    return add


def all_cases():
    """(title, function) of each, in order."""
    return list(_cases)


LANES = 3  # cases that may run beside one another: they mostly sleep


def run_one(title, function):
    """Runs a case and prints what became of it; returns its place in (passed, failed, skipped)."""
    begun = time.monotonic()
    try:
        word = function() or ""
        print("ok      %-62s %5.1f s  %s" % (title, time.monotonic() - begun, word))
        return 0
    except Skip as e:
        print("skipped %-62s %s" % (title, e))
        return 2
    except (AssertionError, OSError, KeyError, ValueError, TypeError, IndexError) as e:
        print("FAILED  %s\n  %s: %s" % (title, type(e).__name__, e))
        return 1
    finally:
        tidy()
        sys.stdout.flush()


def run_lane(cases):
    """In a process of its own, which prints and exits; returns its pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        counts = [0, 0, 0]
        for title, function in cases:
            counts[run_one(title, function)] += 1
        print("lane: %d %d %d" % tuple(counts))
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def run_together(cases, counts):
    """Cases in lanes, each with its output in a file of its own, shown when all are over."""
    out = os.dup(1)
    lanes = []
    for i in range(LANES):
        mine = cases[i::LANES]
        f = tempfile.TemporaryFile("w+")
        os.dup2(f.fileno(), 1)
        lanes.append((run_lane(mine), f, len(mine)))
        os.dup2(out, 1)
    os.close(out)
    for pid, f, n in lanes:
        os.waitpid(pid, 0)
        f.seek(0)
        text = f.read()
        told = re.search(r"^lane: (\d+) (\d+) (\d+)$", text, re.M)
        sys.stdout.write(re.sub(r"^lane: .*\n", "", text, flags=re.M))
        got = [int(x) for x in told.groups()] if told else [0, n, 0]
        if not told:
            print("FAILED  a lane of cases ended early")
        for k in range(3):
            counts[k] += got[k]
    sys.stdout.flush()


def run_cases(pattern=None):
    """Runs them in order, then those that may run together; returns an exit code. The last line is
    "N passed, N failed, N skipped"."""
    counts = [0, 0, 0]
    chosen = [(t, f) for t, f in _cases if not pattern or re.search(pattern, t + " " + f.__name__)]
    for title, function in chosen:
        if not function.together:
            counts[run_one(title, function)] += 1
    together = [(t, f) for t, f in chosen if f.together]
    if together:
        run_together(together, counts)
    print("%d passed, %d failed, %d skipped" % tuple(counts))
    return 1 if counts[1] or not counts[0] else 0


def tidy_running():
    for p in list(_running):
        stop(p, signal.SIGKILL, 3)

"""jit.py - generated code: named by the time of the sample, walked without frame pointers, in recordings, in
containers, after its process is gone; by our own generator, whose truth is known, and by real runtimes.
"""
import glob
import os
import re
import shutil
import tempfile
import time

from harness import *

JIT = ("jit_A", "jit_B", "jit_C")
HZ = 499


def shares(f):
    """Samples in each of jitgen's functions, by share; and how many there are."""
    n = {name: f.having(name).total() for name in JIT}
    total = sum(n.values())
    check(total > 200, "only", total, "samples of", f.total(), "in generated code", f.show())
    return {name: c / total for name, c in n.items()}, total


def truth_of(text):
    row = truths(text)[0]
    total = sum(row[name] for name in JIT)
    return {name: row[name] / total for name in JIT}


def check_shares(f, truth, points):
    got, total = shares(f)
    for name in JIT:
        check(abs(got[name] - truth[name]) * 100 <= points, "%s: %.1f %% reported, %.1f %% true of %d samples" %
              (name, got[name] * 100, truth[name] * 100, total))
    return ", ".join("%s %.1f/%.1f %%" % (n[-1], got[n] * 100, truth[n] * 100) for n in JIT)


def generated(kind, seconds, folder, *more):
    """Captures jitgen from start to end: folded stacks, and what it says is true."""
    d = waggle_ok("-F", HZ, "-o", folder + "/x.folded", *more, "--", workload("jitgen"), kind, seconds, folder)
    return Folded.of_file(folder + "/x.folded").comm("jitgen"), truth_of(d.out)


@case("code replaced and moved at one address, by a jitdump's times", together=True)
def by_dump():
    f, truth = generated("dump", 5, scratch())
    check(not f.having("[jit]").total(), f.having("[jit]").show())
    return check_shares(f, truth, 2)


@case("generated code without frame pointers: whole by its own frame information", together=True)
def whole():
    f, truth = generated("dump", 5, scratch())
    f = f.only(lambda s: any(x in s for x in JIT))
    early = f.cut()
    # Until the first look at the dump its frames cannot be walked.
    check(early.total() <= 0.8 * HZ, early.total(), "of", f.total(), "stacks are cut", early.show(3))
    n = 0
    for s, c in f.stacks.items():
        if s in early.stacks:
            continue
        at = min(s.index(x) for x in JIT if x in s)
        check(s[1] == "_start" and s[at - 3:at] == ("main", "run_phase", "jit_outer"), s)
        n += c
    check(n > 0.8 * f.total(), "only", n, "of", f.total(), "are whole")
    return "%d of %d" % (n, f.total())


@case("code replaced at one address, by the growth of a perf map", together=True)
def by_map():
    f, truth = generated("map", 6, scratch())
    check(not f.having("[jit]").total(), f.having("[jit]").show())
    return check_shares(f, truth, 10)  # looked at five times a second


@case("a recording names generated code by time, also when it was made without names", together=True)
def recorded():
    folder = scratch()
    f, truth = generated("dump", 4, folder, "-o", folder + "/x.waggle")
    again = Folded.parse(waggle_ok("report", folder + "/x.waggle").out).comm("jitgen")
    check(again.stacks == f.stacks, "the recording tells another story", again.show(2), f.show(2))
    f, truth = generated("dump", 4, folder, "--no-names", "-o", folder + "/bare.waggle")
    check(not f.having("jit_A").total(), "names were not asked for", f.show(2))
    bare = Folded.parse(waggle_ok("report", folder + "/bare.waggle").out).comm("jitgen")
    word = check_shares(bare, truth, 2)
    waggle_ok("report", folder + "/bare.waggle", "-o", folder + "/second.waggle")
    second = Folded.parse(waggle_ok("report", folder + "/second.waggle").out).comm("jitgen")
    check(second.stacks == bare.stacks, "a recording of a recording differs")
    return word


@case("a capture that was killed: what its recording has is named by time", together=True)
def killed():
    folder = scratch()
    w = start([WAGGLE, "-F", HZ, "-o", folder + "/x.waggle", "--", workload("jitgen"), "dump", 12, folder])

    def moved():
        return any(b"jit_C" in open(x, "rb").read() for x in glob.glob(folder + "/jit-*.dump"))
    check(wait_for(moved, 90), "the last phase did not come")
    os.kill(w.pid, 9)
    stop(w, 9)
    parts = glob.glob(folder + "/*part*")
    check(len(parts) == 1, "no unfinished recording in", os.listdir(folder))
    f = Folded.parse(waggle_ok("report", parts[0]).out).comm("jitgen")
    for name in JIT[:2]:
        check(f.having(name).total() > 50, name, f.show())
    return "%d samples" % f.total()


@case("a container with its own /tmp and process numbers, gone before names are looked up", together=True)
def container():
    words = []
    # What it runs must not be below the /tmp that it does not see.
    home = tempfile.mkdtemp(prefix="waggle-live-", dir="/var/tmp")
    later(shutil.rmtree, home, True)
    program = shutil.copy(workload("jitgen"), home)
    for kind in ("dump", "map"):
        folder = scratch()
        inside = "mount -t tmpfs none /tmp && exec %s %s 4 /tmp" % (program, kind)
        d = waggle_ok("-F", HZ, "-o", folder + "/x.folded", "--", "unshare", "--pid", "--fork", "--mount",
                      "sh", "-c", inside)
        check(truths(d.out), kind, "the workload did not come to its end:", d.out[-300:], d.err[-600:])
        f = Folded.of_file(folder + "/x.folded").comm("jitgen")
        check(not f.having("[jit]").total(), kind, f.having("[jit]").show())
        words.append(kind + " " + check_shares(f, truth_of(d.out), 2 if kind == "dump" else 15))
    return "; ".join(words)


@case("nothing is told about the code: it is [jit], and counted", together=True)
def untold():
    folder = scratch()
    d = waggle_ok("-q", "-F", HZ, "-o", folder + "/x.folded", "-o", folder + "/x.waggle", "--",
                  workload("jitgen"), "none", 2)
    f = Folded.of_file(folder + "/x.folded").comm("jitgen")
    check(f.having("[jit]").total() > 0.8 * f.total(), f.show())
    ledger = load_json(waggle_ok("report", "--json", folder + "/x.waggle"))["ledger"]
    check(ledger["frames_unnamed"] >= 2, ledger)


# -- real runtimes ---------------------------------------------------------------------------------

NODE = """
function inner(n) { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) | 0; return x; }
function outer(n) { return inner(n) ^ inner(n + 1); }
const used = () => { const u = process.cpuUsage(); return u.user + u.system; };
const end = used() + Number(process.argv[2]) * 1e6;
let s = 0;
while (used() < end) s += outer(200000);
"""

PYTHON = """
import sys, time
def inner(n):
    x = 0
    for i in range(n):
        x = (x * 31 + i) & 0xffffffff
    return x
def outer(n):
    return inner(n) ^ inner(n + 1)
end = time.process_time() + float(sys.argv[1])  # of the processor: others run too
while time.process_time() < end:
    outer(20000)
"""


def capture_script(command, text, suffix, seconds=4):
    folder = scratch()
    script = folder + "/work" + suffix
    with open(script, "w") as out:
        out.write(text)
    waggle_ok("-F", HZ, "-o", folder + "/x.folded", "--", *command, script, seconds, timeout=90)
    return Folded.of_file(folder + "/x.folded")


def mostly(f, test, least, what):
    """At least `least` of the samples that are not cut by a table still being built pass."""
    pending = f.cut("table pending")
    f = f.without(pending)
    n = f.only(test).total()
    check(f.total() > 100 and n >= least * f.total(), "only", n, "of", f.total(), what,
          f.only(lambda s: not test(s)).show(3))
    return "%d of %d" % (n, f.total())


def in_node(*options):
    if not shutil.which("node"):
        raise Skip("node is not installed")
    was, folder = os.getcwd(), scratch()
    os.chdir(folder)  # node leaves its logs where it is
    try:
        return capture_script(["node"] + list(options), NODE, ".js").comm("node")
    finally:
        os.chdir(was)


def is_js(name):
    return lambda s: any(re.match(r"JS:[*^~+]*%s .*/work\.js:" % name, x) for x in s)


@case("node with a perf map (--perf-basic-prof)", together=True)
def node_map():
    f = in_node("--perf-basic-prof")
    return mostly(f, is_js("inner"), 0.7, "in inner")


@case("node with a jitdump and frame information (--perf-prof)", together=True)
def node_dump():
    f = in_node("--perf-prof", "--perf-prof-unwinding-info")
    return mostly(f, is_js("inner"), 0.7, "in inner")


@case("node with a jitdump, interpreted functions too (--interpreted-frames-native-stack)", together=True)
def node_native():
    f = in_node("--perf-prof", "--interpreted-frames-native-stack")
    mostly(f.only(is_js("inner")), is_js("outer"), 0.9, "in inner are called by outer")
    return mostly(f.only(is_js("inner")), lambda s: s[1] == "_start", 0.9, "in inner are whole")


@case("java, its map written by jcmd while it runs", together=True)
def java():
    if not shutil.which("javac") or not shutil.which("jcmd"):
        raise Skip("no JDK is installed")
    folder = scratch()
    d = run(["javac", "-d", folder, os.path.join(ROOT, "test/live/Load.java")], 60)
    check(d.rc == 0, d)
    p = start(["java", "-XX:+PreserveFramePointer", "-Xmx128m", "-cp", folder, "Load", 20], cwd=folder)
    time.sleep(2)
    w = capture("-F", HZ, "-p", p.pid, 6)
    time.sleep(3)
    d = run(["jcmd", str(p.pid), "Compiler.perfmap"])
    if d.rc:
        raise Skip("this JVM knows no Compiler.perfmap")
    later(os.unlink, "/tmp/perf-%d.map" % p.pid)
    f = captured(w, 60).comm("java")
    return mostly(f, lambda s: any("Load.inner(int)" in x for x in s), 0.5, "in Load.inner")


def pythons():
    found = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[2-9]*/bin/python3")))
    found += [p for p in map(shutil.which, ("python3.12", "python3.13", "python3.14")) if p and ".pyenv" not in p]
    if not found:
        raise Skip("there is no python of 3.12 or later")
    return found


def check_python(program, *options):
    f = capture_script([program] + list(options), PYTHON, ".py")
    f = f.only(lambda s: any(x.startswith("py::inner") for x in s))
    check(f.total() > 100, "only", f.total(), "samples in inner")
    early = f.cut()
    rest = f.without(early)
    check(early.total() <= 1.0 * HZ, early.total(), "of", f.total(), "are cut", early.show(3))
    for s in rest.stacks:
        # Python's functions between those of the interpreter that run them.
        names = [x.split(":/")[0] for x in s if x.startswith("py::")]
        check(names[:3] == ["py::<module>", "py::outer", "py::inner"] and "_start" in s[:2], s)
    check(rest.total() > 0.6 * f.total(), "only", rest.total(), "of", f.total(), "whole")
    return "%d of %d" % (rest.total(), f.total())


@case("python with -X perf: its functions and the interpreter's in one stack, whole", together=True)
def python_map():
    return "; ".join(check_python(p, "-X", "perf") for p in pythons())


@case("python with -X perf_jit, a jitdump", together=True)
def python_dump():
    new = [p for p in pythons() if not re.search(r"3\.12", p)]
    if not new:
        raise Skip("there is no python of 3.13 or later")
    return "; ".join(check_python(p, "-X", "perf_jit") for p in new)

"""tools.py - the profilers that are measured: how each is started system-wide, what it leaves behind and
how its stacks are read. Every one is ended with SIGINT, as a person would.
"""
import glob
import json
import os
import shutil
import signal
import time

from harness import *
from peers import *

BOTTOM = re.compile(r"^_*(start|libc_start\w*|clone3?|start_thread|ret_from_fork\w*)\b")


class Tool:
    """One profiler. Subclasses give name, args(hz) and stacks(); files go to self.folder."""
    needs = ()

    def __init__(self):
        self.folder = scratch()

    def absent(self):
        """Why it cannot be measured here, or nothing."""
        for n in self.needs:
            if not shutil.which(n):
                return n + " is not installed"
        return ""

    def begin(self, hz):
        args, env = self.args(hz), self.env()  # asking the tool what it can do takes time of its own
        self.bpf_before = bpf_programs()
        self.begun = time.monotonic()
        self.p = start_logged(args, env=env, cwd=self.folder)
        return self.p

    def env(self):
        return dict(os.environ, HOME=self.folder, XDG_CACHE_HOME=self.folder + "/cache",
                    PERF_BUILDID_DIR=self.folder + "/debug")

    def running_cost(self):
        """Processor seconds so far: its own, and its BPF programs'."""
        bpf = sum(ns for i, ns in bpf_programs().items() if i not in self.bpf_before) / 1e9
        return time.clock_gettime(~self.p.pid << 3 | 2), bpf  # clock_getcpuclockid(3) of its pid

    def end(self):
        """Stops it; fills cpu, rss, maps, bpf (seconds or bytes) and wrote."""
        check(self.p.poll() is None, self.name, "ended by itself:", said(self.p)[-800:])
        self.maps = map_bytes(self.p.pid)
        self.bpf = sum(ns for i, ns in bpf_programs().items() if i not in self.bpf_before) / 1e9
        os.kill(self.p.pid, signal.SIGINT)
        used, self.rss = reap(self.p, 120)
        self.cpu = used.ru_utime + used.ru_stime
        self.wrote = self.size()

    def size(self):
        return os.path.getsize(self.file) if self.file else os.path.getsize(self.p.log)


def has_option(option):
    return option in run([WAGGLE, "cpu", "--help"]).out


def full_rate():
    """What is asked for is measured: the governor would lower the rate on a machine that is busy enough."""
    return ["--max-overhead", "100"] if has_option("--max-overhead") else []


class Waggle(Tool):
    name = "waggle"
    cache = None  # a folder to keep tables in between runs; none are kept without

    def args(self, hz):
        self.file = self.folder + "/x.waggle"
        return [WAGGLE, "-q", "-F", hz, "-o", self.file, "--json"] + full_rate() + self.cache_options() + ["600"]

    def cache_options(self):
        if self.cache:
            return ["--cache-dir", self.cache] if has_option("--cache-dir") else []
        return ["--no-cache"] if has_option("--no-cache") else []

    def absent(self):
        return "" if os.path.exists(WAGGLE) else "not built"

    def ledger(self):
        text = said(self.p)
        return json.loads(text[text.index("{"):])["ledger"]

    def stacks(self):
        d = run([WAGGLE, "report", self.file, "-o", self.folder + "/x.folded"], 300)
        check(d.rc == 0, d)
        return Folded.of_file(self.folder + "/x.folded")


class Perf(Tool):
    needs = ("perf",)
    graph = "fp"

    def args(self, hz):
        self.file = self.folder + "/perf.data"
        return ["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", hz, "--call-graph", self.graph,
                "-o", self.file]

    def stacks(self):
        return perf_folded(self.file)


class PerfFp(Perf):
    name = "perf -g"


class PerfDwarf(Perf):
    name, graph = "perf --call-graph dwarf", "dwarf"


class Bpftrace(Tool):
    """With its default of 4096 distinct stacks, which a busy machine may exceed."""
    name, needs, file = "bpftrace profile:hz", ("bpftrace",), None

    def args(self, hz):
        return ["bpftrace", "-e", bpftrace_program(hz)]

    def stacks(self):
        return bpftrace_folded(said(self.p))


class Bcc(Tool):
    name, file = "bcc profile", None

    def absent(self):
        self.program = shutil.which("profile-bpfcc") or "/usr/share/bcc/tools/profile"
        if not os.path.exists(self.program):
            return "bcc is not installed"
        if os.path.isdir("/lib/modules/%s/build" % os.uname().release):
            self.headers = ""
            return ""
        self.headers = merged_headers()
        return "" if self.headers else "no kernel headers (Debian: linux-headers-cloud-amd64 or -amd64)"

    def env(self):
        return dict(super().env(), **({"BCC_KERNEL_SOURCE": self.headers} if self.headers else {}))

    def args(self, hz):
        return [self.program, "-f", "-F", hz, "600"]

    def stacks(self):
        lines = [x for x in said(self.p).splitlines() if re.match(r".*;.* \d+$", x)]
        return Folded.parse("\n".join(lines))


ALL = (Waggle, PerfFp, PerfDwarf, Bpftrace, Bcc)


def merged_headers():
    """bcc compiles against kernel headers; where the running kernel has none, those of any Debian kernel,
    merged into one tree, do for its profile tool. A path, or "" when there are none."""
    flavours = [d for d in sorted(glob.glob("/usr/src/linux-headers-*")) if not d.endswith("-common")]
    for flavour in reversed(flavours):
        common = flavour[:re.search(r"-\d+(?=-)", flavour).end()] + "-common" \
            if re.search(r"-\d+(?=-)", flavour) else ""
        if not os.path.isdir(common):
            continue
        tree = os.path.join(BUILD, "bench-headers")
        if not os.path.isdir(tree):
            shutil.copytree(common, tree, symlinks=True)
            for sub in ("include", "arch"):
                run(["cp", "-aT", flavour + "/" + sub, tree + "/" + sub])
        return tree
    return ""


def peak_rss(pid):
    """VmHWM in bytes. Not ru_maxrss: that begins with the size of whoever called fork()."""
    try:
        with open("/proc/%d/status" % pid) as f:
            found = re.search(r"^VmHWM:\s*(\d+) kB", f.read(), re.M)
    except OSError:
        found = None
    return int(found.group(1)) * 1024 if found else 0


def reap(p, seconds):
    """Waits for what start() started: its resource usage with its children's, and its peak memory."""
    end, rss = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rss = max(rss, peak_rss(p.pid))
        pid, status, used = os.wait4(p.pid, os.WNOHANG)
        if pid:
            p.returncode = os.waitstatus_to_exitcode(status)
            forget(p)
            return used, rss
        time.sleep(0.003)
    stop(p, signal.SIGKILL)
    raise AssertionError("%s did not end within %d s" % (p.args[0], seconds))


# -- what the kernel knows about a tool ------------------------------------------------------------

def bpf_programs():
    """Run time in ns of every BPF program by id; zeros unless kernel.bpf_stats_enabled is set."""
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    if not os.path.exists(bpftool):
        return {}
    d = run([bpftool, "-j", "prog", "show"])
    try:
        return {p["id"]: p.get("run_time_ns", 0) for p in json.loads(d.out)}
    except (ValueError, KeyError, TypeError):
        return {}


def map_bytes(pid):
    """Kernel memory of the BPF maps a process holds."""
    total, seen = 0, set()
    for info in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(info) as f:
                text = f.read()
        except OSError:
            continue
        at = re.search(r"^map_id:\s*(\d+)", text, re.M)
        size = re.search(r"^memlock:\s*(\d+)", text, re.M)
        if at and size and at.group(1) not in seen:
            seen.add(at.group(1))
            total += int(size.group(1))
    return total


def bpf_stats(on):
    path = "/proc/sys/kernel/bpf_stats_enabled"
    try:
        with open(path) as f:
            was = f.read().strip()
        with open(path, "w") as f:
            f.write(on)
        return was
    except OSError:
        return None


def bottom_share(folded):
    """Share of samples with a user stack whose outermost frames are where programs and threads start.
    Kernel threads have no user stack and count as whole for everybody."""
    total = whole = 0
    for s, n in folded.stacks.items():
        total += n
        if any(BOTTOM.match(f) for f in s[1:5]) and not s[1].startswith("[cut"):
            whole += n
    return whole / total if total else 0

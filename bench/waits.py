"""waits.py - what it costs to look at every wait: waggle off, libbpf-tools' offcputime, bpftrace and perf beside each
other, system-wide, on work that does little but switch. Rounds are interleaved (bare, every tool, bare, ..) and
medians taken, because a machine is not the same from minute to minute.

  slow-down   wall time of the work against the median of the runs without
  bottom      share of the work's waits whose outermost frames are where a program or thread starts; offcputime and
              bpftrace look names up when they print, when the work is over and has no names any more
  keys kept   of 102,400 distinct (thread, stack) that wait once each, in a program with frame pointers
"""
import os
import re
import statistics
import time

from harness import *
from pprof import Pprof
from show import *
import tools

SETTLE = 4.0
TRACEFS = ("unshare", "-m", "sh", "-c", 'mount -t tracefs waggle /sys/kernel/tracing 2>/dev/null; exec "$@"', "sh")
# Who leaves is current at the switch, so its stacks are taken there and kept until it comes back.
ONE_LINER = ("tracepoint:sched:sched_switch { @s[args->prev_pid] = nsecs; @k[args->prev_pid] = kstack(perf, 127); "
             "@u[args->prev_pid] = ustack(perf, 127); $t = @s[args->next_pid]; if ($t) { @off[@k[args->next_pid], "
             "@u[args->next_pid], args->next_comm, args->next_pid] = sum(nsecs - $t); } } "
             "END { clear(@s); clear(@k); clear(@u); }")
BAR = 0.5


# -- the tools -------------------------------------------------------------------------------------

class Off(tools.Tool):
    """waits(comm): (thread, stack) kept of it, and the share of its waits that reach the bottom, None = no names."""
    file = None

    def lost(self):
        return ""


class WaggleOff(Off):
    name, budget = "waggle off, every wait walked", ("--max-overhead", "100")

    def args(self, hz):
        self.file = self.folder + "/x.waggle"
        return [WAGGLE, "off", "-q", "-o", self.file, "--json", *self.budget, "600"]

    def absent(self):
        return "" if os.path.exists(WAGGLE) else "not built"

    def waits(self, comm):
        d = run([WAGGLE, "report", self.file, "-q", "-o", self.folder + "/x.pb.gz", "--comm", "^%s$" % comm], 300)
        check(d.rc == 0, d)
        keys, n, whole = set(), 0, 0
        for s in Pprof(self.folder + "/x.pb.gz").samples:
            if s.labels.get("class") not in ("sleep", "lock", "pipe"):  # of the work: what else may happen is not
                continue
            if comm != "manykeys_fp" or "key_wait" in s.stack:
                keys.add((s.labels.get("tid"), s.stack))
            n += s.values["waits"]
            whole += s.values["waits"] if any(tools.BOTTOM.match(f) for f in s.stack[:3]) else 0
        return len(keys), whole / n if n else 0

    def lost(self):
        text = said(self.p)
        ledger = json.loads(text[text.index("{"):])["ledger"]
        spared = ledger.get("waits_spared", 0)
        return "%d%s" % (ledger.get("lost", 0), ", %d of %d waits scaled" % (spared, ledger["switches_seen"]) if spared else "")


class WaggleBudget(WaggleOff):
    name, budget = "waggle off, default budget", ()


class Offcputime(Off):
    name, needs = "offcputime (libbpf-tools)", ("/usr/sbin/offcputime",)

    def args(self, hz):
        return ["/usr/sbin/offcputime", "--stack-storage-size=65536"]

    def waits(self, comm):
        """Blocks of frames, leaf first, a line "-  comm (tid)", and one with microseconds."""
        return len(re.findall(r"^\s+-\s+%s \(\d+\)$" % comm, said(self.p), re.M)), None

    def lost(self):
        m = re.search(r"WARNING: (\d+) stack traces", said(self.p))
        return m.group(1) + " stacks" if m else "does not say"


class BpftraceOff(Off):
    name, needs = "bpftrace, ustack + kstack", ("bpftrace",)

    def args(self, hz):
        return [*TRACEFS, "bpftrace", "-e", ONE_LINER]

    def env(self):
        return dict(super().env(), BPFTRACE_MAP_KEYS_MAX="65536")

    def waits(self, comm):
        return len(re.findall(r"^, %s, \d+\]: \d+$" % comm, said(self.p), re.M)), None

    def lost(self):
        m = re.findall(r"Lost (\d+) events", said(self.p))
        return "%d events" % sum(map(int, m)) if m else "does not say"


class PerfSwitches(Off):
    name, needs = "perf record -e sched:sched_switch -g", ("perf",)

    def args(self, hz):
        self.file = self.folder + "/perf.data"
        return [*TRACEFS, "perf", "record", "-q", "-a", "-e", "sched:sched_switch", "-g", "-o", self.file]

    def waits(self, comm):
        d = run(["perf", "script", "-i", self.file, "--comm", comm, "-F", "tid,ip,sym"], 600)
        keys, n, whole = set(), 0, 0
        for block in d.out.split("\n\n"):
            lines = block.strip().splitlines()
            frames = tuple(x.split()[-1] for x in lines[1:])
            if frames:
                n += 1
                keys.add((lines[0].split()[0], frames))
                whole += bool(any(tools.BOTTOM.match(f) for f in frames[-3:]))
        return len(keys), whole / n if n else 0

    def lost(self):
        d = run(["perf", "report", "--stats", "-i", self.file], 300)
        return "%d events" % sum(int(n) for n in re.findall(r"LOST(?:_SAMPLES)? events: +(\d+)", d.out))


PEERS = (Offcputime, BpftraceOff, PerfSwitches)
ALL = (WaggleOff, WaggleBudget) + PEERS


# -- the work --------------------------------------------------------------------------------------

def pipe(scale):
    """Seconds for so many round trips between two processes; perf's own figure."""
    d = run(["perf", "bench", "sched", "pipe", "-l", int(100000 * scale)], 600)
    return float(re.search(r"Total time: ([\d.]+)", d.out).group(1))


def ring(scale):
    """With frame pointers, so that each tool can give stacks as deep as they are."""
    d = run([workload("convoy_fp"), int(200000 * scale), 200, "ring"], 600)
    return truths(d.out)[0]["seconds"]


def many(scale):
    d = run([workload("manykeys_fp"), 100, 10], 600)
    check(truths(d.out), d)
    return truths(d.out)[0]["keys"]


LOADS = (("perf bench sched pipe", pipe, "sched-pipe"), ("200 threads in a ring, 60 deep", ring, "convoy_fp"))


def under(make, work, scale, comm=None):
    """The work under one tool: what it says, and the tool with its figures."""
    tool = make()
    why = tool.absent()
    check(not why, why)
    tool.begin(0)
    time.sleep(SETTLE)
    result = work(scale)
    time.sleep(0.5)
    tool.end()
    tool.seen = tool.waits(comm) if comm else None
    return result, tool


def slow_downs(title, work, comm, rounds, scale):
    """Prints a table of the load; slow-downs by tool."""
    bare, took, last = [], {}, {}
    for i in range(rounds):
        progress(title, "round", i + 1)
        bare.append(work(scale))
        for make in ALL:
            try:
                seconds, tool = under(make, work, scale, comm if i + 1 == rounds else None)
                took.setdefault(make.name, []).append(seconds)
                last[make.name] = tool
            except (AssertionError, OSError, ValueError, AttributeError) as e:
                progress(make.name, "failed:", str(e).splitlines()[0][:200])
    bare.append(work(scale))
    base = statistics.median(bare)
    print("### %s\n\nWithout: %.2f s, %d runs from %.2f to %.2f s.\n" % (title, base, len(bare), min(bare), max(bare)))
    slow, rows = {}, []
    for make in ALL:
        if make.name not in took:
            rows.append([make.name, "absent or failed"] + [""] * 5)
            continue
        t = last[make.name]
        slow[make.name] = statistics.median(took[make.name]) / base - 1
        rows.append([make.name, percent(slow[make.name]), "%.2f s" % (t.cpu + t.bpf), size(t.rss), size(t.maps),
                     t.lost(), "%.1f %%" % (100 * t.seen[1]) if t.seen and t.seen[1] is not None else "-"])
    table(["tool", "slow-down", "tool CPU", "peak RSS", "BPF maps", "lost", "reach the bottom"], rows)
    return slow


def keys_kept():
    """What is left of 102,400 keys, by tool."""
    rows, kept = [], {}
    for make in ALL:
        progress("keys,", make.name)
        try:
            there, tool = under(make, many, 1, "manykeys_fp")
            kept[make.name] = tool.seen[0] / there
            rows.append([make.name, "%d" % there, "%d" % tool.seen[0], "%.1f %%" % (100 * kept[make.name]), tool.lost()])
        except (AssertionError, OSError, ValueError, AttributeError) as e:
            rows.append([make.name, "failed: " + str(e).splitlines()[0][:80], "", "", ""])
    print("### Distinct (thread, stack) kept\n")
    table(["tool", "there were", "kept", "share", "lost, by its own account"], rows)
    return kept


def waits(rounds, scale):
    """The whole part; {"slow": {load: (ours, cheapest peer's)}, "kept": ours}."""
    print("## Waits, system-wide\n")
    result = {"slow": {}}
    for title, work, comm in LOADS:
        slow = slow_downs(title, work, comm, rounds, scale)
        peers = [slow[p.name] for p in PEERS if p.name in slow]
        if WaggleOff.name in slow and peers:
            result["slow"][title] = slow[WaggleOff.name], min(peers)
    result["kept"] = keys_kept().get(WaggleOff.name)
    rows = [["slow-down against the cheapest of the others, " + title, "<= half", "%s of %s" % (percent(a), percent(b)),
             "yes" if a <= BAR * b else "**no**"] for title, (a, b) in result["slow"].items()]
    if result["kept"] is not None:
        rows.append(["keys lost", "0", "%.3f %%" % (100 * (1 - result["kept"])), "yes" if result["kept"] > 0.9999 else "**no**"])
    table(["", "bar", "measured", "reached"], rows)
    return result

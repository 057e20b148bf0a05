"""ledger.py - does the account add up? Expected against elapsed time, seen against where it went, and at
10 kHz against the processor time the workload says it used. Then the files: all formats hold the same
samples, and a damaged recording gives what is whole and says what is not.
"""
import os
import re
import shutil
import time

from harness import *


def busy(seconds):
    """Every processor busy, under a clock that says how much was used."""
    p = start_logged([workload("split"), seconds, CPUS])
    time.sleep(0.3)
    return p


def balance(l):
    """Every tick that was seen went somewhere, and every tick that was due was seen or counted lost."""
    went = (l["samples_taken"] + l.get("ticks_idle", 0) + l.get("ticks_filtered", 0) +
            l.get("lost_ring_full", 0) + l.get("lost_stack", 0) + l.get("lost_scratch_busy", 0) +
            l.get("lost_memory_cap", 0))
    check(l["ticks_seen"] == went, "seen", l["ticks_seen"], "!= accounted for", went, l)
    due = l["ticks_seen"] + l.get("lost_timer", 0) + l["ticks_asleep"] + l["ticks_stolen"]
    check(abs(due - l["ticks_expected"]) <= 0.002 * l["ticks_expected"] + 2 * CPUS,
          "expected", l["ticks_expected"], "seen + lost by the timer", due, l)


def check_account(hz, seconds, tolerance=0.03, *options):
    p = busy(seconds + 2)
    ledger = load_json(waggle_ok("-F", hz, "--json", *options, seconds))["ledger"]
    stop(p)
    due = hz * seconds * CPUS
    check(abs(ledger["ticks_expected"] - due) <= tolerance * due, ledger["ticks_expected"], "expected,",
          due, "due by rate, time and processors")
    balance(ledger)
    return ledger


@case("99 Hz: expected is rate x time x processors, and adds up")
def account_99():
    check_account(99, 4)


def ticks_missing(path):
    """Ticks that did not happen, by perf's account of the same seconds: gaps between one processor's
    samples. Late timers (a virtual machine that was not running) are nobody's loss but the machine's."""
    last, missing = {}, 0
    for line in run(["perf", "script", "-i", path, "-F", "cpu,time"], 120).out.splitlines():
        cpu, t = line.split()[:2]
        t = float(t.rstrip(":"))
        if cpu in last and t - last[cpu] > 1.5 / 999:
            missing += round((t - last[cpu]) * 999) - 1
        last[cpu] = t
    return missing


@case("999 Hz, every processor busy: nothing lost that was there to be had")
def account_999():
    data, peer = scratch() + "/perf.data", None
    around = busy(12)  # an idle processor has no ticks, which must not pass for late ones
    if shutil.which("perf"):
        peer = start(["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", 999, "-m", "4M", "-o", data,
                      "--", "sleep", "7"])
    l = check_account(999, 4)
    if peer:
        finish(peer)
    stop(around)
    missing = ticks_missing(data) if peer else 0
    check(l["lost"] == l["lost_timer"], "lost", l["lost"], l)
    gone = l["lost_timer"] + l["ticks_asleep"] + l["ticks_stolen"]
    check(gone <= missing + 2 * CPUS, "ticks that did not come:", gone, "but perf misses",
          missing, "in a longer time around it")
    return "%d samples; late timers: %d, %d around it by perf" % (l["samples_taken"], l["lost_timer"], missing)


@case("999 Hz with a filter: what was left out is counted")
def account_filter():
    l = check_account(999, 3, 0.03, "--comm", "nobody-has-this")
    check(l["samples_taken"] == 0 and l["ticks_filtered"] > 0.5 * l["ticks_expected"], l)


@case("10 kHz: the ledger adds up and agrees with the processor time used")
def account_10k():
    d = waggle_ok("-F", 10000, "--json", "-o", scratch() + "/x.folded", "30", "--", workload("split"), 3, CPUS)
    ledger = load_json(d)["ledger"]
    balance(ledger)
    mine = Folded.of_file(d.args[d.args.index("-o") + 1]).comm("split").total()
    truth = split_truth(d.err)["cpu"] * 10000
    lost = ledger["lost"] + ledger["ticks_stolen"]
    check(mine + lost >= 0.98 * truth and mine <= 1.02 * truth, mine, "samples and", lost, "lost, but",
          round(truth), "periods of processor time", ledger)
    return "%d samples, %d lost, %d true" % (mine, lost, truth)


@case("waggle's own cost is in the ledger and is true")
def own_cost():
    big = bytearray(200 << 20)  # must not show: a child's ru_maxrss begins with its parent's size
    for i in range(0, len(big), 4096):
        big[i] = 1
    p = busy(6)
    before = os.times()
    w = capture("-F", 999, "--json", "3")
    peak = 0
    while w.poll() is None:
        try:
            with open("/proc/%d/status" % w.pid) as f:
                found = re.search(r"^VmHWM:\s*(\d+) kB", f.read(), re.M)
        except OSError:
            found = None
        peak = max(peak, int(found.group(1)) * 1024 if found else 0)
        time.sleep(0.005)
    after = os.times()
    stop(p)
    with open(w.folder + "/out") as f:
        ledger = json.load(f)["ledger"]
    del big
    used = after.children_user + after.children_system - before.children_user - before.children_system
    own = ledger["own_cpu"] / 1e9
    check(0.5 * used - 0.05 <= own <= used + 0.05, "own_cpu", own, "s; the shell's clock says", used)
    check(ledger["own_bpf_maps"] > 0, "own_bpf_maps", ledger["own_bpf_maps"])
    check(abs(ledger["own_peak_rss"] - peak) <= 0.15 * peak, "own_peak_rss", ledger["own_peak_rss"],
          "but the kernel's high-water mark is", peak)
    return "%.2f s, %d MB + %d MB maps" % (own, ledger["own_peak_rss"] >> 20, ledger["own_bpf_maps"] >> 20)


# -- files -------------------------------------------------------------------------------------------

def record(seconds=3):
    folder = scratch()
    p = busy(seconds + 2)
    args = ["-F", "999"]
    for e in ("waggle", "pb.gz", "folded", "svg", "html"):
        args += ["-o", folder + "/x." + e]
    d = waggle_ok(*(args + ["--json", seconds]))
    stop(p)
    return folder, load_json(d)["ledger"]["samples_taken"]


def pprof_total(path):
    """Sum of the first value over all samples, read by Go's own pprof when it is there."""
    if not shutil.which("go"):
        return None
    d = run(["go", "tool", "pprof", "-raw", path], 60)
    check(d.rc == 0, d)
    body = d.out[d.out.index("\nSamples:"):d.out.index("\nLocations")]
    return sum(int(m) for m in re.findall(r"^ +(\d+)(?: +\d+)*: ", body, re.M))


@case("all formats of one capture hold the same samples", together=True)
def same_everywhere():
    folder, n = record()
    x = folder + "/x."
    f = Folded.of_file(x + "folded")
    check(f.total() == n, "folded", f.total(), "ledger", n)
    waggle_ok("report", x + "waggle", "-o", x + "again.folded")
    again = Folded.of_file(x + "again.folded")
    check(again.stacks == f.stacks, "the recording gives other stacks:", again.total(), f.total())
    t = pprof_total(x + "pb.gz")
    check(t in (None, n), "go tool pprof counts", t, "of", n)
    back = load_json(waggle_ok("report", x + "pb.gz", "--json"))["ledger"]["samples_taken"]
    check(back == n, "pprof read back:", back, "of", n)
    later_part = Folded.parse(waggle_ok("report", x + "waggle", "--from", "1s").out).total()
    check(0.5 * n < later_part < 0.8 * n, "--from 1s of 3 s leaves", later_part, "of", n)
    one = Folded.parse(waggle_ok("report", x + "waggle", "--comm", "^split$").out)
    check(set(one.comms()) == {"split"} and one.stacks == f.comm("split").stacks, one.comms())
    return "%d samples" % n


@case("JSON for d3 flame graphs by the extension .json, with all samples", together=True)
def d3_json():
    path = scratch() + "/x.json"
    d = waggle_ok("-F", 499, "-o", path, "--json", "1", "--", workload("split"), 1)
    with open(path) as f:
        root = json.load(f)
    check(root["value"] == load_json(d)["ledger"]["samples_taken"], root["value"], "at the root")
    check(sum(c["value"] for c in root["children"]) <= root["value"], "children above their parent")


@case("a recording cut off anywhere gives its whole blocks and says so", together=True)
def truncated():
    folder, n = record()
    with open(folder + "/x.waggle", "rb") as f:
        data = f.read()
    seen = []
    for share in (0.3, 0.6, 0.9, 0.99):
        cut = folder + "/cut.waggle"
        with open(cut, "wb") as f:
            f.write(data[:int(len(data) * share)])
        d = waggle("report", cut, "--json")
        check(d.rc in (0, 1), d)
        if d.rc == 0:
            ledger = load_json(d)["ledger"]
            check(ledger["damaged_blocks"] + ledger.get("damaged_bytes", 0) > 0, "damage not said", ledger)
            seen.append(ledger["samples_taken"])
        check(d.rc == 0 or len(d.err.strip().splitlines()) == 1, d.err)
    check(seen and max(seen) <= n and seen == sorted(seen), seen, "of", n)
    return "%s of %d" % (seen, n)


@case("a recording with a flipped byte is refused in part, never believed", together=True)
def flipped():
    folder, n = record()
    with open(folder + "/x.waggle", "rb") as f:
        data = bytearray(f.read())
    for at in (len(data) // 3, len(data) // 2, len(data) * 4 // 5):
        bad = bytearray(data)
        bad[at] ^= 0x40
        with open(folder + "/bad.waggle", "wb") as f:
            f.write(bad)
        d = waggle("report", folder + "/bad.waggle", "--json")
        check(d.rc in (0, 1), d)
        if d.rc == 0:
            check(load_json(d)["ledger"]["damaged_blocks"] > 0, "a flipped byte at", at, "went unnoticed")


@case("unwritable output: one sentence, exit code, no capture wasted", together=True)
def unwritable():
    d = waggle("-o", "/nonexistent/folder/x.svg", "20")
    check(d.rc in (1, 2, 5), d)
    check(d.seconds < 5, "noticed only after", d.seconds, "s")
    check(len(d.err.strip().splitlines()) == 1, d.err)


@case("a full disk: one sentence, nothing half-written", together=True)
def disk_full():
    folder = scratch()
    check(run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder]).rc == 0, "mount")
    later(run, ["umount", folder])
    p = busy(5)
    d = waggle("-F", 999, "-o", folder + "/x.html", "2")
    stop(p)
    left = os.listdir(folder)
    run(["umount", folder])
    check(d.rc == 1, d)
    check(not left, "left behind:", left)


@case("the ledger of a filtered report is that of what is left", together=True)
def filtered_report():
    folder, n = record()
    path = folder + "/x.waggle"
    for options in (("--from", "1s"), ("--comm", "split"), ("--comm", "nobody-has-this")):
        ledger = load_json(waggle_ok("report", path, *options, "--json"))["ledger"]
        left = Folded.parse(waggle_ok("report", path, *options).out)
        check(ledger["samples_taken"] == left.total(), options, ledger["samples_taken"], left.total())
        check(ledger["user_stacks"] <= left.total(), options, "user_stacks", ledger["user_stacks"], "of",
              left.total(), "samples")
        check(sum(c["samples"] for c in ledger["cuts"]) == left.cut().total(), options, "cuts:",
              sum(c["samples"] for c in ledger["cuts"]), "by the ledger,", left.cut().total(), "in the stacks")

"""safety.py - what keeps waggle harmless: the governor, the kill switch, walks finished later, and names that
are there as soon as the capture is over."""
import json
import os
import tempfile
import time

from harness import case, check, start_logged, stop, said, waggle, waggle_ok, workload, WAGGLE


def ledger(*args, timeout=60):
    d = json.loads(waggle_ok("--json", "-q", *args, timeout=timeout).out)
    return d, d["ledger"]


@case("above --max-overhead the rate goes down, and samples still add up to the time that passed")
def governor_slows_down():
    p = start_logged([workload("deep"), 1000, 30])
    try:
        d, l = ledger("-p", p.pid, "-F", 25000, "--max-overhead", 1, 12)
    finally:
        stop(p)
    check(l["slowed_to"] >= 2, "never slowed down:", l["own_bpf"], l["own_cpu"], "ns in 12 s")
    check(l["ticks_spared"] > 0, "no tick was spared")
    check(d["value"]["total"] == l["samples_taken"] + l["ticks_spared"], d["value"]["total"],
          "is not", l["samples_taken"], "+", l["ticks_spared"])


@case("without a limit the rate stays what was asked")
def no_limit_no_slowing():
    p = start_logged([workload("deep"), 200, 20])
    try:
        _, l = ledger("-p", p.pid, "-F", 10000, "--max-overhead", 100, 6)
    finally:
        stop(p)
    check(l["slowed_to"] == 0 and l["ticks_spared"] == 0, l["slowed_to"], l["ticks_spared"])


@case("the kill switch ends a capture at once with all it has, and keeps the next from starting")
def kill_switch():
    switch = tempfile.mktemp(prefix="waggle-off-")
    out = tempfile.mktemp(prefix="waggle-kill-", suffix=".waggle")
    p = start_logged([WAGGLE, "--kill-switch", switch, "-o", out, 30])
    try:
        time.sleep(1.5)
        begun = time.monotonic()
        with open(switch, "w"):
            pass
        rc = p.wait(10)
        check(rc == 0, "exit code", rc, said(p))
        check(time.monotonic() - begun < 5, "it took", time.monotonic() - begun, "s")
        check("ended early" in said(p), said(p))
        whole = json.loads(waggle_ok("report", "--json", "-q", out).out)
        check(whole["ledger"]["damaged_blocks"] == 0, "the recording is damaged")
        d = waggle("--kill-switch", switch, 1)
        check(d.rc == 5 and "switched off" in d.err, d)
    finally:
        stop(p)
        for f in (switch, out):
            if os.path.exists(f):
                os.unlink(f)


@case("stacks that met a table still being built are finished from a copy")
def pending_walks_are_finished():
    p = start_logged([workload("split")])
    try:
        _, l = ledger("-p", p.pid, "-F", 999, "--no-cache", "--max-overhead", 100, 2)
    finally:
        stop(p)
    pending = sum(c["samples"] for c in l["cuts"] if c["reason"] == "table_pending")
    check(l["walks_finished_later"] > 0, "none was finished")
    check(pending <= 0.002 * l["user_stacks"], pending, "of", l["user_stacks"], "stayed cut")


@case("the verdict of every capture: the self-test of the mapping walk passed here", together=True)
def self_test_passes():
    d = waggle("-p", os.getpid(), "100ms")
    check("does not know" not in d.err, d.err)
    check(d.rc == 0, d)

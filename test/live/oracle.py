"""oracle.py - the walker against an independent unwinder on the same samples: programs with signal handlers, at fixed
addresses, with libraries that come and go, interpreters, processes that hardly live. `make accuracy` does the
same for longer and on larger programs.
"""
import shutil

from harness import *

AGREE = 0.999


def ask(args, seconds, every, what):
    """A capture of what `args` start, with the oracle's JSON; its own sums must agree."""
    p = start([str(a) for a in args])
    time.sleep(0.7)
    d = waggle_ok("-q", "-F", 499, "--max-overhead", 100, "--comm", what[:15], "--oracle", every, "--no-names", "--json",
                  seconds)
    stop(p)
    whole = load_json(d)
    o, ledger = whole["oracle"], whole["ledger"]
    fates = ("compared", "queue_full", "process_gone", "no_sample", "failed")
    check(o["stacks"] == sum(o[k] for k in fates), "stacks are unaccounted for:", o["stacks"], {k: o[k] for k in fates})
    check(o["frames"] == sum(f["frames"] for f in o["files"]), "frames by file do not add up")
    check(o["frames_equal"] == sum(f["equal"] for f in o["files"]), "equal frames by file do not add up")
    check(o["compared"] == sum(c["stacks"] for c in o["causes"]), "stacks by cause do not add up")
    check(ledger["oracle_frames"] == o["frames"] and ledger["oracle_stacks"] == o["stacks"], "the ledger differs")
    return o


def check_agree(o, least):
    check(o["frames"] >= least, "only", o["frames"], "frames were compared")
    check(o["frames_equal"] >= AGREE * o["frames"], o["frames_equal"], "of", o["frames"], "frames equal;",
          [c for c in o["causes"] if c["differs"]], o["examples"][:2])
    return "%d of %d frames in %d stacks" % (o["frames_equal"], o["frames"], o["compared"])


@case("oracle: frames are equal across signal frames", together=True)
def oracle_signals():
    o = ask([workload("signals"), 5], 3, 2, "signals")
    return check_agree(o, 3000)


@case("oracle: frames are equal in a program at fixed addresses", together=True)
def oracle_fixed():
    return check_agree(ask([workload("split_nopie"), 5], 3, 2, "split_nopie"), 3000)


@case("oracle: a library that is swapped for another is no disagreement", together=True)
def oracle_plugins():
    folder = scratch()
    shutil.copy(workload("plugin"), folder + "/other.so")
    o = ask([workload("plugin_host"), workload("plugin"), folder + "/other.so", 6], 4, 1, "plugin_host")
    check(any(f["file"] == "other.so" for f in o["files"]), "the second library was never met")
    return check_agree(o, 3000)


@case("oracle: frames are equal in Python and its C libraries", together=True)
def oracle_python():
    if not os.path.exists("/usr/bin/python3"):
        raise Skip("there is no /usr/bin/python3")
    folder = scratch()
    os.symlink(os.path.realpath("/usr/bin/python3"), folder + "/pyoracle")
    return check_agree(ask([folder + "/pyoracle", os.path.join(ROOT, "test/live/load.py"), "compute", 0, 6], 4, 2,
                           "pyoracle"), 1000)


@case("oracle: stacks of processes that are gone are counted as such", together=True)
def oracle_short():
    o = ask([workload("short"), 4000, 2, 2], 3, 1, "short")
    check(o["process_gone"] + o["failed"] > 0, "no process was gone in time:", o["stacks"])
    check(o["differ"] == 0, o["causes"], o["examples"][:1])
    return "%d of %d gone" % (o["process_gone"], o["stacks"])

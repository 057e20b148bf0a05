"""filters.py - what is asked for is what is seen: by pid, tid, name, cgroup, processor; and what ends a run:
the target, a signal, the clock.
"""
import os
import shutil
import signal
import time

from harness import *

CGROUP = "/sys/fs/cgroup/unified"


def other_program(name="bystander", args=(30,)):
    """The split workload under another name, so that a filter has something to leave out."""
    path = os.path.join(scratch(), name)
    shutil.copy(workload("split"), path)
    return start([path] + list(args)), path


def threads_running(count=4, seconds=10):
    p = start_logged([workload("threads"), count, seconds])
    check(wait_for(lambda: said(p).count("tid ") == count), "threads did not start")
    tids = {line.split()[1]: int(line.split()[2]) for line in said(p).splitlines()}
    return p, tids


@case("--comm leaves everything else out", together=True)
def by_comm():
    other_program()
    p = start([workload("split"), 30])
    f = Folded.parse(waggle_ok("-F", 499, "--comm", "bystander", "2").out)
    check(set(f.comms()) == {"bystander"}, f.comms())
    check(f.total() > 20, f.total(), "samples")
    stop(p)


@case("--comm by a thread's name", together=True)
def by_thread_name():
    threads_running()
    f = Folded.parse(waggle_ok("-F", 499, "--comm", "worker-1", "2").out)
    check(set(f.comms()) == {"worker-1"} and f.having("odd_work").total() > 20, f.comms(), f.show(2))
    check(f.having("even_work").total() == 0, f.show(2))


@case("-L takes one thread of several", together=True)
def by_tid():
    p, tids = threads_running()
    f = Folded.parse(waggle_ok("-F", 499, "-L", tids["worker-2"], "2").out)
    check(set(f.comms()) == {"worker-2"} and f.having("even_work").total() > 20, f.comms(), f.show(2))


@case("-L takes a list, -p with --comm must both hold", together=True)
def combined():
    p, tids = threads_running()
    f = Folded.parse(waggle_ok("-F", 499, "-L", "%d,%d" % (tids["worker-0"], tids["worker-3"]), "2").out)
    check(set(f.comms()) == {"worker-0", "worker-3"}, f.comms())
    other_program("worker-3")
    f = Folded.parse(waggle_ok("-F", 499, "-p", p.pid, "--comm", "worker-3", "2").out)
    check(set(f.comms()) == {"worker-3"} and f.having("odd_work").total() > 20, f.comms(), f.show(2))
    check(not f.having("hot70_0").total(), "another process of that name came through")


@case("-p of a thread group takes all its threads", together=True)
def all_threads():
    p, tids = threads_running()
    f = Folded.parse(waggle_ok("-F", 499, "-p", p.pid, "2").out)
    check(set(f.comms()) == set(tids), f.comms(), "of", sorted(tids))


@case("-C takes one processor", together=True)
def by_cpu():
    if CPUS < 2:
        raise Skip("one processor only")
    cpus = sorted(os.sched_getaffinity(0))[:2]
    a, path = other_program("on_first")
    b, path = other_program("on_second")
    os.sched_setaffinity(a.pid, {cpus[0]})
    os.sched_setaffinity(b.pid, {cpus[1]})
    time.sleep(0.2)
    c = Folded.parse(waggle_ok("-F", 499, "-C", cpus[1], "2").out).comms()
    check(c["on_second"] > 50 and c["on_first"] == 0, c)


def cgroup_make(name):
    path = os.path.join(CGROUP, name)
    os.makedirs(path, exist_ok=True)
    later(os.rmdir, path)
    return path


def cgroup_enter(path, p):
    with open(os.path.join(path, "cgroup.procs"), "w") as f:
        f.write(str(p.pid))


@case("--cgroup takes one group with everything below it", together=True)
def by_cgroup():
    if not os.path.exists(CGROUP + "/cgroup.procs"):
        raise Skip("no cgroup v2 at " + CGROUP)
    a, b = cgroup_make("waggle-live-a"), cgroup_make("waggle-live-b")
    sub = cgroup_make("waggle-live-a/below")
    for name, group in (("in_a", a), ("in_b", b), ("in_below", sub)):
        cgroup_enter(group, other_program(name)[0])
    f = Folded.parse(waggle_ok("-F", 499, "--cgroup", a, "3").out)
    check(set(f.comms()) == {"in_a", "in_below"}, f.comms())
    f = Folded.parse(waggle_ok("-F", 499, "--cgroup", sub, "--comm", "in_below", "2").out)
    check(set(f.comms()) == {"in_below"}, f.comms())
    tidy_running()
    time.sleep(0.2)


@case("children of -- command are followed, through exec and a shell", together=True)
def children():
    split = workload("split")
    d = waggle_ok("-F", 499, "30", "--", "sh", "-c", "%s 1; %s 1 & wait" % (split, split))
    f = Folded.parse(d.out).comm("split")
    check(len(truths(d.err)) == 2, "the children did not both run")
    cpu = split_truth(d.err)["cpu"]
    check(f.total() > 0.85 * cpu * 499, f.total(), "samples of two children in", cpu, "s")


@case("children that a -p target forks later are followed", together=True)
def later_children():
    p = start_logged(["sh", "-c", "sleep 1.5; %s 2; true" % workload("split")])
    f = Folded.parse(waggle_ok("-F", 499, "-p", p.pid, "20").out).comm("split")
    cpu = split_truth(said(p))["cpu"]
    check(f.total() > 0.85 * cpu * 499, f.total(), "samples of the child in", cpu, "s")


# -- how a run ends ----------------------------------------------------------------------------------

@case("the command's exit code is reported, and returned with --exit-with-child", together=True)
def exit_code():
    program = ["sh", "-c", "%s 0.5; exit 7" % workload("split")]
    d = waggle("5", "--", *program)
    check(d.rc == 0 and d.out, d)
    check("7" in d.err.replace(WAGGLE, ""), "exit code 7 not reported:", d.err)
    check(d.seconds < 4, "did not end with the command:", d.seconds)
    d = waggle("-q", "--exit-with-child", "5", "--", *program)
    check(d.rc == 7, d)


@case("the command's streams and signals are its own", together=True)
def streams():
    folded = scratch() + "/x.folded"
    d = waggle_ok("-q", "-o", folded, "5", "--", "sh", "-c",
                  "echo out; echo err >&2; %s 0.3" % workload("split"))
    check("out\n" in d.out and "err\n" in d.err, d.out, d.err)
    check(Folded.of_file(folded).total() > 2, "no samples")


@case("a command that cannot be started: one sentence, nothing written", together=True)
def no_command():
    folded = scratch() + "/x.folded"
    d = waggle("-o", folded, "5", "--", "/nonexistent/program")
    check(d.rc in (1, 4), d)
    check(len(d.err.strip().splitlines()) == 1 and "/nonexistent/program" in d.err, d.err)
    check(not os.path.exists(folded), "wrote a profile all the same")


@case("a target that exits ends the run, with its data", together=True)
def target_exits():
    p = start([workload("split"), 2])
    d = waggle_ok("-F", 199, "-p", p.pid, "20")
    check(d.seconds < 6, "ran on for", d.seconds)
    check(Folded.parse(d.out).comm("split").total() > 30, d.out[:300])


@case("a pid that is not there: exit code 4, one sentence", together=True)
def dead_pid():
    p = start(["true"])
    finish(p)
    d = waggle("-p", p.pid, "2")
    check(d.rc == 4, d)
    check(len(d.err.strip().splitlines()) == 1 and str(p.pid) in d.err, d.err)


@case("--wait waits for a name that is not there yet", together=True)
def waits():
    w = start_logged([WAGGLE, "-F", "199", "--wait", "--comm", "latecomer", "2"])
    time.sleep(1.5)
    check(w.poll() is None, "did not wait:", said(w))
    other_program("latecomer")
    check(finish(w, 15) == 0, said(w))
    lines = [x for x in said(w).splitlines() if x.startswith("latecomer;")]
    f = Folded.parse("\n".join(lines))
    check(f.having("hot70_0").total() > 30, "samples:", f.total())


def interrupted(signals, gap=0.0):
    folder = scratch()
    start([workload("split"), 30])
    files = [os.path.join(folder, "x." + e) for e in ("waggle", "folded", "pb.gz", "svg")]
    args = [WAGGLE, "-F", "999"]
    for f in files:
        args += ["-o", f]
    p = start_logged(args + ["60"])
    time.sleep(2.5)
    check(p.poll() is None, "ended by itself:", said(p))
    begun = time.monotonic()
    for s in signals:
        os.kill(p.pid, s)
        time.sleep(gap)
    rc = finish(p, 20)
    return folder, files, rc, time.monotonic() - begun, said(p)


def check_complete(path):
    d = waggle("report", path, "--json")
    check(d.rc == 0, d)
    ledger = load_json(d)["ledger"]
    check(not ledger.get("damaged_blocks"), path, "is damaged:", ledger)
    return ledger["samples_taken"]


def ended_well(sig):
    folder, files, rc, seconds, text = interrupted([sig])
    check(rc == 0, "exit code", rc, text)
    check(seconds < 5, "took", seconds, "s to end")
    for f in files:
        check(os.path.getsize(f) > 0, f, "is missing or empty")
    n = check_complete(files[0])
    check(n > 100 and Folded.of_file(files[1]).total() == n, n, "samples")
    check(sorted(os.listdir(folder)) == sorted(map(os.path.basename, files)), os.listdir(folder))


@case("SIGINT ends the capture and writes everything", together=True)
def sigint():
    ended_well(signal.SIGINT)


@case("SIGTERM ends the capture and writes everything", together=True)
def sigterm():
    ended_well(signal.SIGTERM)


@case("a second SIGINT leaves at once, nothing half-written")
def sigint_twice():
    folder, files, rc, seconds, text = interrupted([signal.SIGINT, signal.SIGINT], 0.02)
    check(seconds < 1.5, "took", seconds, "s to leave")
    left = os.listdir(folder)
    for name in left:
        check(name in map(os.path.basename, files), "left behind:", left)
    if "x.waggle" in left:
        check_complete(files[0])
    if "x.pb.gz" in left:
        check_complete(files[2])
    if "x.folded" in left:
        Folded.of_file(files[1])
    return "left %s" % (left or "nothing")

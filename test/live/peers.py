"""peers.py - the profilers we compare with, and their stacks in our form (comm, outermost, .., leaf)."""
import re

from harness import *


def perf_folded(path, inline=False):
    """A perf.data file; without inlined frames, which other tools do not all show."""
    args = ["perf", "script", "-i", path, "-F", "comm,tid,ip,sym"]
    return perf_text(run(args + ([] if inline else ["--no-inline"]), 300).out)


def perf_text(text):
    f, comm, frames = Folded(), None, []
    for line in text.splitlines() + [""]:
        if not line.strip():
            if comm is not None:
                f.stacks[tuple([comm] + frames[::-1])] += 1
            comm, frames = None, []
        elif comm is None:
            comm = re.sub(r"\s+\d+\s*$", "", line.strip())
        else:
            words = line.split(None, 1)
            name = words[1] if len(words) > 1 else "[unknown]"
            frames.append(re.sub(r"\+0x[0-9a-f]+$", "", name).replace(" (inlined)", ""))
    return f


def bpftrace_program(hz, pid=None):
    """Of one process, or of all, whose symbols bpftrace reads at the end."""
    return "profile:hz:%d %s{ @[kstack(perf, 127), ustack(perf, 127), comm] = count(); }" % (
        hz, "/pid == %d/ " % pid if pid else "")


def bpftrace_folded(text):
    """Maps printed as "@[", frames leaf first (kernel ones first), ", comm]: N"."""
    f, frames = Folded(), []
    for line in text.splitlines():
        end = re.match(r"^\s*(?:@\[)?,? ?(.*)\]: (\d+)$", line)
        frame = re.match(r"^\s+([0-9a-f]+) (.*?)(?:\+(?:0x)?[0-9a-f]+)?(?: \((.*)\))?$", line)
        if end and not frame:
            comm = end.group(1).rsplit(", ", 1)[-1].lstrip("@[, ")
            f.stacks[tuple([comm] + frames[::-1])] += int(end.group(2))
            frames = []
        elif line.startswith("@["):
            frames = []
        elif frame:
            frames.append(frame.group(2))
    return f

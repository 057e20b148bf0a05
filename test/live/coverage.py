"""coverage.py - every way code can be laid out, linked, loaded, entered and left, and a whole stack from each.

Every subject is a program under a name of its own that runs for a moment while one capture watches the
whole machine; its case then looks at the stacks of that name. What a subject must show is known: its
functions in their order, down to its root. Programs are built once, in B/test/coverage.
"""
import concurrent.futures
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from harness import *

HZ = 997
WORKLOADS = os.path.join(ROOT, "test/workload")
BINARIES = os.path.join(BUILD, "test/coverage")
FLAGS = "-g -O2 -fomit-frame-pointer -fno-optimize-sibling-calls"
TEXT = "[cut: "

_subjects = {}
_world = {}


class Subject:
    """A program to watch: how to build it, how to run it, what its stacks must be."""

    def __init__(self, name, build, args, look, prepare=None, wrap=None, **more):
        check(len(name) <= 15, name, "is longer than a thread's name can be")
        self.name, self.build, self.args, self.look = name, build, args, look
        self.prepare, self.wrap, self.more = prepare, wrap, more
        self.path = os.path.join(BINARIES, name)
        self.skip = self.failed = None


def subject(name, title, build, args, look, **how):
    s = _subjects[name] = Subject(name, build, args, look, **how)

    def run_it():
        observe()
        if s.skip:
            raise Skip(s.skip)
        check(not s.failed, s.failed)
        return s.look(_world["stacks"].comm(s.name), s)
    run_it.__name__ = name
    case(title)(run_it)


# -- building --------------------------------------------------------------------------------------

def tool_of(command):
    """The first program of a build command that is not there."""
    for word in re.findall(r"(?:^|&& *)(\S+)|-fuse-ld=(\w+)", command):
        tool = word[0] or "ld." + word[1]
        if not shutil.which(tool) and not shutil.which(tool.replace("ld.mold", "mold")):
            return tool
    return None


def build(s):
    if not s.build:
        return
    missing = tool_of(s.build)
    if missing:
        s.skip = missing + " is not installed"
        return
    stamp = s.path + ".command"
    newest = max(os.path.getmtime(os.path.join(WORKLOADS, f)) for f in os.listdir(WORKLOADS))
    if os.path.exists(s.path) and os.path.exists(stamp) and os.path.getmtime(stamp) > newest \
            and open(stamp).read() == s.build:
        return
    d = subprocess.run(["sh", "-e", "-c", s.build], cwd=WORKLOADS, capture_output=True,
                       env=dict(os.environ, o=s.path, flags=FLAGS, GOCACHE=BINARIES + "/gocache",
                                GOFLAGS="-buildvcs=false"))
    if d.returncode:
        s.failed = "cannot build it: %s: %s" % (s.build, d.stderr.decode("utf-8", "replace")[-600:])
        return
    with open(stamp, "w") as f:
        f.write(s.build)


# -- one capture for all ---------------------------------------------------------------------------

def run_subject(s):
    if s.skip or s.failed:
        return
    try:
        args = [s.path] + [str(a) for a in s.args]
        if s.prepare:
            args = s.prepare(s, args)
        d = run(args, 40)
        s.said = d.out
        if d.rc:
            s.failed = str(d)
    except Skip as e:
        s.skip = str(e)
    except (AssertionError, OSError) as e:
        s.failed = "%s: %s" % (type(e).__name__, e)


def wanted():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    titles = {function.__name__: title for title, function in all_cases()}
    return [s for s in _subjects.values() if re.search(pattern, titles[s.name] + " " + s.name)]


def observe():
    """Builds, starts the capture, runs every subject and reads what was seen; once."""
    if "stacks" in _world:
        return
    os.makedirs(BINARIES, exist_ok=True)
    subjects = wanted()
    with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
        list(pool.map(build, subjects))
    out = scratch() + "/all.folded"
    w = start([WAGGLE, "-F", HZ, "--duration", "0", "--addresses", "-o", out],
              stderr=subprocess.PIPE)
    time.sleep(1.0)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CPUS + 1) as pool:
        list(pool.map(run_subject, subjects))
    _world["seconds"] = time.monotonic() - begun
    w.send_signal(signal.SIGINT)
    _, said = w.communicate(timeout=60)
    forget(w)
    check(w.returncode == 0, "waggle:", said.decode("utf-8", "replace")[-1000:])
    _world["stacks"] = Folded.of_file(out)
    if os.environ.get("COVERAGE_KEEP"):
        shutil.copy(out, os.environ["COVERAGE_KEEP"])


# -- what must be seen -----------------------------------------------------------------------------

def settled(mine, least=100):
    """Without the first moment, when the file's table was being built. Nothing else may be cut."""
    check(mine.total() >= least, "only", mine.total(), "samples")
    pending, exec_ = mine.cut("table pending"), mine.cut("exec")
    check(pending.total() <= 0.3 * HZ, pending.total(), "stacks cut while a table was built")
    rest = mine.only(lambda s: s not in pending.stacks and s not in exec_.stacks)
    cut = rest.cut()
    check(not cut.total(), cut.total(), "of", mine.total(), "cut:", cut.show())
    return rest


def whole_links(mine, s):
    """The path of links.c below main and _start, all of it, in every sample."""
    mine = settled(mine)
    n = check_whole(mine, "link", root=s.more.get("root", "_start"))
    check(n >= 0.9 * mine.total(), "only", n, "of", mine.total(), "samples are in the path", mine.show())
    return "%d samples" % n


def links(name, title, build_command, **how):
    subject(name, title, build_command, [0.4], how.pop("look", whole_links), **how)


# -- compilers and their flags ---------------------------------------------------------------------

for _name, _title, _command in (
        ("gcc_o0", "gcc -O0", "gcc $flags -O0 -o $o links.c"),
        ("gcc_o2", "gcc -O2", "gcc $flags -o $o links.c"),
        ("gcc_o3", "gcc -O3 -march=x86-64-v3, no pointer", "gcc $flags -O3 -march=x86-64-v3 -o $o links.c"),
        ("gcc_os", "gcc -Os", "gcc $flags -Os -o $o links.c"),
        ("gcc_fp", "gcc, frame pointers", "gcc $flags -fno-omit-frame-pointer -o $o links.c"),
        ("gcc_lto", "gcc -flto", "gcc $flags -flto -o $o links.c"),
        ("gcc_realign", "gcc -mstackrealign: every frame realigned", "gcc $flags -mstackrealign -o $o links.c"),
        ("gcc_noplt", "gcc -fno-plt", "gcc $flags -fno-plt -o $o links.c"),
        ("gcc_cet", "gcc -fcf-protection=full", "gcc $flags -fcf-protection=full -o $o links.c"),
        ("gcc_thunk", "gcc, return and indirect branch thunks",
         "gcc $flags -fcf-protection=none -mindirect-branch=thunk -mfunction-return=thunk -o $o links.c"),
        ("gcc_split", "gcc -fsplit-stack off, -fstack-protector-all",
         "gcc $flags -fstack-protector-all -fstack-clash-protection -o $o links.c"),
        ("gcc_pg", "gcc -pg", "gcc $flags -fno-omit-frame-pointer -pg -o $o links.c"),
        ("clang_o0", "clang -O0", "clang $flags -O0 -o $o links.c"),
        ("clang_o2", "clang -O2", "clang $flags -o $o links.c"),
        ("clang_lto", "clang -flto with lld", "clang $flags -flto -fuse-ld=lld -o $o links.c"),
        # -- linkers
        ("ld_gold", "gold", "gcc $flags -fuse-ld=gold -o $o links.c"),
        ("ld_lld", "lld", "gcc $flags -fuse-ld=lld -o $o links.c"),
        ("ld_mold", "mold", "gcc $flags -fuse-ld=mold -o $o links.c"),
        ("ld_noseparate", "ld -z noseparate-code", "gcc $flags -Wl,-z,noseparate-code -o $o links.c"),
        ("lld_separate", "lld -z separate-code", "gcc $flags -fuse-ld=lld -Wl,-z,separate-code -o $o links.c"),
        ("lld_norosegment", "lld --no-rosegment", "gcc $flags -fuse-ld=lld -Wl,--no-rosegment -o $o links.c"),
        ("gold_rosegment", "gold --rosegment", "gcc $flags -fuse-ld=gold -Wl,--rosegment -o $o links.c"),
        ("ld_huge", "ld -z max-page-size=2M", "gcc $flags -Wl,-z,max-page-size=0x200000 -o $o links.c"),
        ("lld_huge", "lld -z max-page-size=2M", "gcc $flags -fuse-ld=lld -Wl,-z,max-page-size=0x200000 -o $o links.c"),
        ("ld_fixed", "a fixed address far up", "gcc $flags -no-pie -fno-pie -Wl,-Ttext-segment=0x70000000 -o $o links.c"),
        ("lld_fixed", "lld --image-base", "gcc $flags -no-pie -fno-pie -fuse-ld=lld -Wl,--image-base=0x30000000 -o $o links.c"),
        ("ld_nonzero", "a shared object with a base", "gcc $flags -pie -fPIE -Wl,-Ttext-segment=0x5000000 -o $o links.c"),
        ("ld_static", "static", "gcc $flags -static -o $o links.c"),
        ("ld_static_pie", "static-pie", "gcc $flags -static-pie -fPIE -o $o links.c"),
        ("lld_static", "lld, static", "gcc $flags -static -fuse-ld=lld -o $o links.c"),
        ("mold_static", "mold, static-pie", "gcc $flags -static-pie -fPIE -fuse-ld=mold -o $o links.c"),
        # -- where call frame information is, and how it is written
        ("cfi_debug", "only .debug_frame", "gcc $flags -fno-asynchronous-unwind-tables -fno-exceptions "
         "-o $o links.c && objcopy -R .eh_frame -R .eh_frame_hdr $o"),
        ("cfi_debug64", "only .debug_frame, 64-bit DWARF", "gcc $flags -gdwarf64 -fno-asynchronous-unwind-tables "
         "-fno-exceptions -o $o links.c && objcopy -R .eh_frame -R .eh_frame_hdr $o"),
        ("cfi_debugz", "only .debug_frame, compressed",
         "gcc $flags -gz -fno-asynchronous-unwind-tables -fno-exceptions -o $o links.c && "
         "objcopy -R .eh_frame -R .eh_frame_hdr $o"),
        ("cfi_nohdr", ".eh_frame without .eh_frame_hdr", "gcc $flags -Wl,--no-eh-frame-hdr -o $o links.c"),
        ("cfi_both", ".eh_frame for some, .debug_frame for others",
         "gcc $flags -fno-asynchronous-unwind-tables -fno-exceptions -o $o links.c"),
):
    links(_name, _title, _command)


# -- call stubs ------------------------------------------------------------------------------------

def whole_plt(mine, s):
    """A stub's caller is plt_loop, whatever wrote the stub."""
    mine = settled(mine)
    inside = mine.having("plt_loop")
    check(inside.total() >= 0.9 * mine.total(), inside.total(), "of", mine.total(), mine.show())
    path = ("_start", "main", "plt_outer", "plt_loop")
    bad = inside.only(lambda f: tuple(x for x in f[1:] if x in path) != path or
                      f[f.index("main"):f.index("main") + 3] != path[1:])
    check(not bad.total(), bad.total(), "of", inside.total(), "not whole", bad.show())
    return "%d samples %s" % (inside.total(), "".join("\n      %d %s" % (n, ";".join(f[5:])) for f, n in inside.stacks.most_common(6)))


def whole_plt_full(mine, s):
    return whole_plt(mine, s)


for _name, _title, _command in (
        ("plt_lazy", "stubs of ld, lazy", "gcc -fcf-protection=none $flags -fno-builtin -Wl,-z,lazy -o $o plt.c"),
        ("plt_ibt", "stubs of ld, .plt.sec", "gcc -fcf-protection=full $flags -fno-builtin -Wl,-z,lazy,-z,ibtplt -o $o plt.c"),
        ("plt_now", "stubs of ld, -z now", "gcc $flags -fno-builtin -Wl,-z,now -o $o plt.c"),
        ("plt_bare", "stubs of ld, not described", "gcc $flags -fno-builtin -Wl,-z,lazy,--no-ld-generated-unwind-info -o $o plt.c"),
        ("plt_static", "stubs of ld, static", "gcc $flags -fno-builtin -static -o $o plt.c"),
        ("plt_gold", "stubs of gold", "gcc $flags -fno-builtin -fuse-ld=gold -Wl,-z,lazy -o $o plt.c"),
        ("plt_goldst", "stubs of gold, static", "gcc $flags -fno-builtin -fuse-ld=gold -static -o $o plt.c"),
        ("plt_lld", "stubs of lld", "gcc $flags -fno-builtin -fuse-ld=lld -Wl,-z,lazy -o $o plt.c"),
        ("plt_lldst", "stubs of lld, static", "gcc $flags -fno-builtin -fuse-ld=lld -static -o $o plt.c"),
        ("plt_mold", "stubs of mold", "gcc $flags -fno-builtin -fuse-ld=mold -Wl,-z,lazy -o $o plt.c"),
        ("plt_moldnow", "stubs of mold, -z now", "gcc $flags -fno-builtin -fuse-ld=mold -Wl,-z,now -o $o plt.c"),
        ("plt_moldst", "stubs of mold, static", "gcc $flags -fno-builtin -fuse-ld=mold -static -o $o plt.c"),
        ("plt_clang", "stubs of clang and lld", "clang $flags -fno-builtin -fuse-ld=lld -o $o plt.c"),
):
    subject(_name, _title, _command, [0.3], whole_plt)

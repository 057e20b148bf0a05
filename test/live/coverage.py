"""coverage.py - every way code can be laid out, linked, loaded, entered and left, and a whole stack from each.

Every subject is a program under a name of its own that runs for a moment while one capture watches the
whole machine; its case then looks at the stacks of that name. What a subject must show is known: its
functions in their order, down to its root. Programs are built once, in B/test/coverage.
"""
import collections
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import *

HZ = 997
WORKLOADS = os.path.join(ROOT, "test/workload")
BINARIES = os.path.join(BUILD, "test/coverage")
FLAGS = "-g -O2 -fomit-frame-pointer -fno-optimize-sibling-calls"

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
    sources = re.findall(r"\w+\.(?:cc?|go)\b", s.build) + ["burn.h", "chain.h"]
    newest = max(os.path.getmtime(os.path.join(WORKLOADS, f)) for f in sources)
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
        d = run(args, 60, cwd=BINARIES)  # one writes a profile of its own where it stands
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
    w = start([*FIRST, WAGGLE, "-F", HZ, "--duration", "0", "--max-overhead", "100", "--addresses", "-o", out],
              stderr=subprocess.PIPE)
    time.sleep(2.0)
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

def settled(mine, least=30):
    """What has no excuse to be cut, and is not."""
    check(mine.total() >= least, "only", mine.total(), "samples")
    # A child at the very system call it was made by has no caller yet; its parent, there too, has one.
    unborn = mine.only(lambda s: s[1].startswith("[cut: ") and s[2:3] and s[2].lstrip("_") in ("clone", "clone3"))
    check(unborn.total() <= 3, unborn.total(), "stacks cut in clone", unborn.show())
    rest = mine.settled(HZ).without(mine.cut("exec"), unborn)
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
        ("gcc_o3", "gcc -O3 -march=x86-64-v3", "gcc $flags -O3 -march=x86-64-v3 -o $o links.c"),
        ("gcc_os", "gcc -Os", "gcc $flags -Os -o $o links.c"),
        ("gcc_fp", "gcc, frame pointers", "gcc $flags -fno-omit-frame-pointer -o $o links.c"),
        ("gcc_lto", "gcc -flto", "gcc $flags -flto -o $o links.c"),
        ("gcc_realign", "gcc -mstackrealign: every frame realigned",
         "gcc $flags -mstackrealign -o $o links.c"),
        ("gcc_noplt", "gcc -fno-plt", "gcc $flags -fno-plt -o $o links.c"),
        ("gcc_cet", "gcc -fcf-protection=full", "gcc $flags -fcf-protection=full -o $o links.c"),
        ("gcc_thunk", "gcc, return and indirect branch thunks",
         "gcc $flags -fcf-protection=none -mindirect-branch=thunk -mfunction-return=thunk -o $o links.c"),
        ("gcc_protect", "gcc, stack protector and clash protection",
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
        ("lld_separate", "lld -z separate-code",
         "gcc $flags -fuse-ld=lld -Wl,-z,separate-code -o $o links.c"),
        ("lld_norosegment", "lld --no-rosegment", "gcc $flags -fuse-ld=lld -Wl,--no-rosegment -o $o links.c"),
        ("gold_rosegment", "gold --rosegment", "gcc $flags -fuse-ld=gold -Wl,--rosegment -o $o links.c"),
        ("ld_huge", "ld -z max-page-size=2M", "gcc $flags -Wl,-z,max-page-size=0x200000 -o $o links.c"),
        ("lld_huge", "lld -z max-page-size=2M",
         "gcc $flags -fuse-ld=lld -Wl,-z,max-page-size=0x200000 -o $o links.c"),
        ("ld_fixed", "a fixed address far up",
         "gcc $flags -no-pie -fno-pie -Wl,-Ttext-segment=0x70000000 -o $o links.c"),
        ("lld_fixed", "lld --image-base",
         "gcc $flags -no-pie -fno-pie -fuse-ld=lld -Wl,--image-base=0x30000000 -o $o links.c"),
        ("ld_nonzero", "a shared object with a base",
         "gcc $flags -pie -fPIE -Wl,-Ttext-segment=0x5000000 -o $o links.c"),
        ("ld_static", "static", "gcc $flags -static -o $o links.c"),
        ("ld_static_pie", "static-pie", "gcc $flags -static-pie -fPIE -o $o links.c"),
        ("lld_static", "lld, static", "gcc $flags -static -fuse-ld=lld -o $o links.c"),
        ("mold_static", "mold, static-pie", "gcc $flags -static-pie -fPIE -fuse-ld=mold -o $o links.c"),
        # -- where call frame information is, and how it is written
        ("cfi_debug", "only .debug_frame", "gcc $flags -fno-asynchronous-unwind-tables -fno-exceptions "
         "-o $o links.c && objcopy -R .eh_frame -R .eh_frame_hdr $o"),
        ("cfi_debug64", "only .debug_frame, 64-bit DWARF",
         "gcc $flags -gdwarf64 -fno-asynchronous-unwind-tables "
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

def ours(stack, names):
    """The frames of a stack that are among the names, with what a compiler puts behind a name gone."""
    return tuple(f for f in (re.sub(r"\.(\d+|constprop|part|isra)(\.\d+)*$", "", x) for x in stack[1:]) if f in names)


def in_order(mine, chain, least=0.9, exact=True, root=("_start",)):
    """Every stack that has one of the chain's functions has them from the first on, one below the other,
    and ends in `root`; most stacks have. Returns those."""
    names = set(chain)
    inside = mine.only(lambda s: ours(s, names))
    check(inside.total() >= least * mine.total(), inside.total(), "of", mine.total(), "are in", chain[0],
          mine.show())

    def right(s):
        found = ours(s, names)
        at = [i for i, f in enumerate(s) if ours(("", f), names)]
        return found == chain[:len(found)] and (not exact or at[-1] - at[0] == len(at) - 1) and s[1] in root
    bad = inside.only(lambda s: not right(s))
    check(not bad.total(), bad.total(), "of", inside.total(), "are wrong", bad.show())
    return inside


def whole_plt(mine, s):
    """A stub's caller is plt_loop, whatever wrote the stub. Static programs have stubs for IFUNCs only."""
    inside = in_order(settled(mine), ("main", "plt_outer", "plt_loop"))
    below = inside.only(lambda f: "plt_loop" in f and re.search(r"plt", f[-1].replace("plt_loop", "")))
    check("_st" in s.name or below.total(), "no sample is in a stub", inside.show())
    return "%d samples, %d in stubs" % (inside.total(), below.total())


for _name, _title, _command in (
        ("stub_lazy", "stubs of ld, lazy",
         "gcc -fcf-protection=none $flags -fno-builtin -Wl,-z,lazy -o $o plt.c"),
        ("stub_ibt", "stubs of ld, .plt.sec",
         "gcc -fcf-protection=full $flags -fno-builtin -Wl,-z,lazy,-z,ibtplt -o $o plt.c"),
        ("stub_now", "stubs of ld, -z now", "gcc $flags -fno-builtin -Wl,-z,now -o $o plt.c"),
        ("stub_bare", "stubs of ld, not described",
         "gcc $flags -fno-builtin -Wl,-z,lazy,--no-ld-generated-unwind-info -o $o plt.c"),
        ("stub_static", "stubs of ld, static", "gcc $flags -fno-builtin -static -o $o plt.c"),
        ("stub_gold", "stubs of gold", "gcc $flags -fno-builtin -fuse-ld=gold -Wl,-z,lazy -o $o plt.c"),
        ("stub_gold_st", "stubs of gold, static",
         "gcc $flags -fno-builtin -fuse-ld=gold -static -o $o plt.c"),
        ("stub_lld", "stubs of lld", "gcc $flags -fno-builtin -fuse-ld=lld -Wl,-z,lazy -o $o plt.c"),
        ("stub_lld_st", "stubs of lld, static", "gcc $flags -fno-builtin -fuse-ld=lld -static -o $o plt.c"),
        ("stub_mold", "stubs of mold", "gcc $flags -fno-builtin -fuse-ld=mold -Wl,-z,lazy -o $o plt.c"),
        ("stub_mold_now", "stubs of mold, -z now",
         "gcc $flags -fno-builtin -fuse-ld=mold -Wl,-z,now -o $o plt.c"),
        ("stub_mold_st", "stubs of mold, static",
         "gcc $flags -fno-builtin -fuse-ld=mold -static -o $o plt.c"),
        ("stub_clang", "stubs of clang and lld", "clang $flags -fno-builtin -fuse-ld=lld -o $o plt.c"),
):
    subject(_name, _title, _command, [0.3], whole_plt)


def whole_lazy(mine, s):
    inside = in_order(settled(mine), ("main", "lazy_round", "lazy_call"))
    binding = inside.only(lambda f: any(x.startswith("_dl_runtime_resolve") for x in f))
    check(binding.total() >= 0.02 * inside.total(), "only", binding.total(), "samples bind", inside.show())
    wrong = binding.only(lambda f: not f[f.index("lazy_call") + 1].startswith("_dl_runtime_resolve"))
    check(not wrong.total(), wrong.show())
    return "%d samples, %d of them bind" % (inside.total(), binding.total())


subject("lazy", "240 functions bound lazily, over and over",
        "gcc $flags -shared -fPIC -DLAZY_FAR -o $o.far lazy_lib.c && "
        "gcc $flags -shared -fPIC -Wl,-z,lazy -o $o.lib lazy_lib.c -x none $o.far && gcc $flags -o $o lazy.c",
        [os.path.join(BINARIES, "lazy.lib"), 0.6], whole_lazy)


# -- frames ----------------------------------------------------------------------------------------

REALIGN = ("main", "realign_loop", "realign_nest", "realign_inner", "realign_wide", "realign_leaf")


def whole_realign(mine, s):
    chain = tuple(f for f in REALIGN if s.name != "realign_clang" or f != "realign_inner")
    inside = in_order(settled(mine), chain)
    for f in chain[-3:]:
        n = inside.only(lambda x: ours(x, {f}) and ours(x[-1:] * 2, {f})).total()
        check(n > 0, "no sample is at", f, inside.show())
    return "%d samples" % inside.total()


subject("realign_gcc", "realigned frames with arguments on the stack, of run-time size, nested",
        "gcc $flags -o $o realign.c", [0.4], whole_realign)
subject("realign_o0", "the same without optimization", "gcc $flags -O0 -o $o realign.c", [0.4], whole_realign)
subject("realign_avx", "the same with AVX-512 and -mstackrealign",
        "gcc $flags -O3 -march=x86-64-v3 -mstackrealign -o $o realign.c", [0.4], whole_realign)
subject("realign_clang", "the same by clang", "clang $flags -o $o realign.c", [0.4], whole_realign)

HANDS = ("push", "frame", "rbx", "deref", "realign", "moved", "signed")
HAND_CHAIN = ("main", "hand_loop") + sum((("by_hand_" + h, "hand_" + h) for h in HANDS), ()) + ("by_hand_end",)


def whole_hands(mine, s):
    inside = in_order(settled(mine), HAND_CHAIN)
    for h in HANDS:
        n = inside.only(lambda x: x[-1] == "hand_" + h).total()
        check(n > 3, "only", n, "samples are at hand_" + h, inside.show())
    return "%d samples" % inside.total()


subject("handmade", "assembly with hand-written directives", "gcc $flags -o $o handmade.c", [1], whole_hands)
subject("handmade_lld", "the same, linked by lld", "gcc $flags -fuse-ld=lld -o $o handmade.c", [1], whole_hands)

NESTED = ("nested_thread", "nested_base", "nested_first", "nested_second", "nested_third")
THREAD_ROOTS = ("_start", "clone3", "__clone3", "clone", "__clone")


def whole_nested(mine, s):
    inside = in_order(settled(mine), NESTED, exact=False, root=THREAD_ROOTS)
    for f in NESTED[2:]:
        at = inside.only(lambda x: f == ours(x, set(NESTED))[-1])
        check(at.total() >= 0.15 * inside.total(), f, "has", at.total(), "of", inside.total(), inside.show())
    roots = {x[1] for x in inside.stacks}
    check(s.name == "nested_static" or len(roots) == 2, "roots:", roots)
    return "%d samples" % inside.total()


subject("nested", "signal handlers three deep, on an alternate stack, for SIGSEGV, in two threads",
        "gcc $flags -o $o nested.c -lpthread", [0.8, 2], whole_nested)
subject("nested_static", "the same, static", "gcc $flags -static -o $o nested.c -lpthread", [0.8, 2], whole_nested)


def whole_clones(mine, s):
    mine = settled(mine)
    inside = mine.having("clones_work")
    check(inside.total() >= 0.9 * mine.total(), inside.total(), "of", mine.total(), mine.show())
    ways = {("clones_raw", "clones_entry"): 0, ("clone", "clones_entry"): 0,
            ("_start", "main", "clones_by_vfork"): 0, ("_start", "main", "clones_spawned"): 0}
    for stack, n in inside.stacks.items():
        known = [f for f in stack if f in ("_start", "main", "clones_work", "clones_raw", "clone", "__clone",
                                           "clones_entry", "clones_by_vfork", "clones_spawned")]
        key = tuple(f.replace("__clone", "clone") for f in known if f != "clones_work")
        check(key in ways and known[-1] == "clones_work" and stack[1] == known[0], n, "wrong:", stack)
        ways[key] += n
    check(min(ways.values()) >= 0.15 * inside.total(), ways)
    return "%d samples" % inside.total()


subject("clones", "the clone system call, glibc's clone, vfork, posix_spawn", "gcc $flags -o $o clones.c",
        [0.2], whole_clones)


# -- uretprobes ------------------------------------------------------------------------------------

def probed(functions):
    """Attaches uretprobes to the functions before the program starts."""
    def prepare(s, args):
        if not shutil.which("bpftrace"):
            raise Skip("bpftrace is not installed")
        programs = " ".join("uretprobe:%s:%s { @n[probe] = count(); }" % (s.path, f) for f in functions)
        b = start_logged(["bpftrace", "-e", programs + " BEGIN { printf(\"ready\\n\"); }"])
        s.more["bpftrace"] = b
        ready = wait_for(lambda: "ready" in said(b) or b.poll() is not None, 20)
        if not ready or b.poll() is not None:
            raise Skip("bpftrace cannot probe here: " + said(b)[-200:])
        return args
    return prepare


def in_order_probed(mine, chain, s):
    """What return probes leave in the stack may be shown as a frame of its own."""
    return in_order(settled(mine), chain, exact=False)


LINKS = tuple("link_%d" % i for i in range(60, -1, -1))


def whole_probed(mine, s):
    inside = in_order(settled(mine), LINKS, exact=False)
    full = inside.only(lambda x: ours(x, set(LINKS)) == LINKS)
    check(full.total() >= 0.97 * inside.total(), full.total(), "of", inside.total(), inside.show(2))
    return "%d samples" % inside.total()


subject("probed", "uretprobes on three functions in the middle of the stack", "gcc $flags -o $o links.c",
        [0.5], whole_probed, prepare=probed(("link_10", "link_31", "link_59")))


def whole_probed_deep(mine, s):
    mine = settled(mine)
    right = mine.only(lambda x: x.count("deep_recurse") == 40 and x[1] == "_start" and "main" in x)
    check(right.total() >= 0.97 * mine.total(), right.total(), "of", mine.total(), mine.show(2))
    return "%d samples" % right.total()


subject("probed_deep", "a uretprobe on a function that calls itself 40 times", "gcc $flags -o $o deep.c",
        [40, 0.5], whole_probed_deep, prepare=probed(("deep_recurse",)))


# -- deeper than the limit -------------------------------------------------------------------------

def deep_stacks(end):
    """Samples of a recursion 3000 deep with the frames at `end` kept."""
    option = re.search(r"^ +--(\S+) END ", waggle_ok("help", "cpu").out, re.M)
    if not option:
        raise Skip("this waggle has no choice of which end of a stack it keeps")
    d = waggle_ok("-F", 199, "--max-overhead", "100", "--" + option.group(1), end, "30", "--",
                  workload("deep"), 3000, 1)
    mine = Folded.parse(d.out).comm("deep").only(lambda s: not s[1].startswith("[cut: table pending"))
    deep = mine.only(lambda s: s.count("deep_recurse") >= 500)
    check(deep.total() > 30 and deep.total() >= 0.9 * mine.total(), deep.total(), "of", mine.total(), "are deep")
    said_so = deep.only(lambda s: "[cut: depth]" in s)
    check(said_so.total() == deep.total(), deep.total() - said_so.total(), "do not say that they are cut")
    check(all(1000 <= s.count("deep_recurse") <= 1024 for s in deep.stacks), "frames:",
          {s.count("deep_recurse") for s in deep.stacks})
    return deep


@case("recursion 3000 deep: the frames at the leaf are kept", together=True)
def deep_keeps_leaf():
    deep = deep_stacks("leaf")
    check(all(s[1] == "[cut: depth]" and "main" not in s for s in deep.stacks), deep.show(1))
    leaf = deep.having("deep_leaf")
    check(leaf.total() >= 0.95 * deep.total(), leaf.total(), "of", deep.total(), "show the leaf")


@case("recursion 3000 deep: the frames at the root are kept", together=True)
def deep_keeps_root():
    deep = deep_stacks("root")
    check(all(s[1] == "_start" and "main" in s and "deep_leaf" not in s for s in deep.stacks), deep.show(1))


# -- where the file is -----------------------------------------------------------------------------

def script(text):
    """Runs the shell commands with $program (a plain build of links.c), $name and $dir instead."""
    def prepare(s, args):
        s.dir = scratch()
        for tool in re.findall(r"^need (\w+)$", text, re.M):
            if not shutil.which(tool):
                raise Skip(tool + " is not installed")
        body = re.sub(r"^need .*$", "", text, flags=re.M)
        return ["env", "dir=" + s.dir, "name=" + s.name, "program=" + s.path, "sh", "-ec", body]
    return prepare


def whole_renamed(mine, s):
    return whole_links(mine, s)


PLAIN = "gcc $flags -o $o links.c"
for _name, _title, _script in (
        ("at_deleted", "deleted while it runs",
         "cp $program $dir/$name\n$dir/$name 0.6 & sleep 0.2; rm $dir/$name; wait $!"),
        ("at_unlinked", "deleted before its first sample is looked at",
         "cp $program $dir/$name\n( sleep 0.01; rm $dir/$name ) & exec $dir/$name 0.5"),
        ("at_replaced", "replaced by another file of the same name while it runs",
         "cp $program $dir/$name\n$dir/$name 0.6 & sleep 0.2; cp /bin/true $dir/new; mv $dir/new $dir/$name; wait $!"),
        ("at_tmpfs", "on a tmpfs", "need unshare\nexec unshare -m sh -ec 'mount -t tmpfs none $dir; "
         "cp $program $dir/$name; exec $dir/$name 0.5'"),
        ("at_overlay", "on an overlay",
         "need unshare\nmkdir $dir/l $dir/u $dir/w $dir/m; cp $program $dir/l/$name\n"
         "exec unshare -m sh -ec 'mount -t tmpfs none $dir/u; mkdir $dir/u/u $dir/u/w; "
         "mount -t overlay -o lowerdir=$dir/l,upperdir=$dir/u/u,workdir=$dir/u/w none $dir/m; exec $dir/m/$name 0.5'"),
        ("at_upper", "on the upper layer of an overlay", "need unshare\nmkdir $dir/l $dir/u $dir/m\n"
         "exec unshare -m sh -ec 'mount -t tmpfs none $dir/u; mkdir $dir/u/u $dir/u/w; "
         "mount -t overlay -o lowerdir=$dir/l,upperdir=$dir/u/u,workdir=$dir/u/w none $dir/m; "
         "cp $program $dir/m/$name; exec $dir/m/$name 0.5'"),
        ("at_bind", "bind-mounted over another file", "need unshare\ncp /bin/true $dir/$name\n"
         "exec unshare -m sh -ec 'mount --bind $program $dir/$name; exec $dir/$name 0.5'"),
        ("at_chroot", "in a chroot", "need chroot\nmkdir $dir/bin; cp $program $dir/bin/$name\n"
         "exec chroot $dir /bin/$name 0.5"),
        ("at_pidns", "in namespaces of its own for mounts, pids and users",
         "need unshare\ncp $program $dir/$name\nexec unshare -Urmpf --mount-proc $dir/$name 0.5"),
        ("at_script", "reached through a symbolic link",
         "cp $program $dir/real; ln -s real $dir/$name\nexec $dir/$name 0.5 $name"),
):
    links(_name, "a file " + _title, PLAIN + (" -static" if "chroot" in _name else ""), prepare=script(_script))


def memfd_of(path):
    fd = os.memfd_create("code", 0)
    with open(path, "rb") as f:
        os.write(fd, f.read())
    return fd


def run_memfd(s, args):
    """Executes the program from memory that has no name; it gives itself its name back."""
    code = ("import os,sys\nfd=os.memfd_create('code',os.MFD_CLOEXEC)\n"
            "os.write(fd,open(sys.argv[1],'rb').read())\nos.execve(fd,['x','0.5',sys.argv[2]],os.environ)")
    return [sys.executable, "-c", code, s.path, s.name]


def load_memfd(s, args):
    """A library that exists in memory only, loaded and unloaded all the time."""
    code = ("import os,sys\nfd=os.memfd_create('lib',0)\nos.write(fd,open(sys.argv[2],'rb').read())\n"
            "os.execv(sys.argv[1],[sys.argv[1],'/proc/self/fd/%d'%fd,'0.5'])")
    return [sys.executable, "-c", code, s.path, s.path + ".lib"]


def whole_plug(mine, s):
    chain = ("main", "host_call") + tuple("plug_%d" % i for i in range(60, -1, -1))
    inside = in_order(settled(mine), chain, exact=False)
    return "%d samples" % inside.total()


PLUGIN = "gcc $flags -o $o plugin_host.c && gcc $flags -shared -fPIC -o $o.lib plugin.c"
links("at_memfd", "a program in a memfd", PLAIN, prepare=run_memfd)
subject("at_memfd_lib", "a library in a memfd", PLUGIN, [], whole_plug, prepare=load_memfd)
subject("at_overwritten", "a library whose file is written over with the same bytes while it runs", PLUGIN, [],
        whole_plug, prepare=script("cp $program.lib $dir/lib\n$program $dir/lib 0.8 & for i in 1 2 3; do sleep 0.2; "
                                   "dd if=$program.lib of=$dir/lib conv=notrunc status=none; done; wait $!"))


# -- without section headers -----------------------------------------------------------------------

def headless(s, args):
    """Forgets the section headers (e_shoff, e_shentsize, e_shnum, e_shstrndx)."""
    path = os.path.join(scratch(), s.name)
    shutil.copy(s.path, path)
    with open(path, "r+b") as f:
        f.seek(40)
        f.write(bytes(8))
        f.seek(58)
        f.write(bytes(6))
    return [path] + args[1:]


def symbols_of(path):
    """name by (offset in the file), from the file's symbol table and segments."""
    segments = [tuple(int(x, 16) for x in line.split()[1:5]) for line in
                run(["readelf", "-lW", path]).out.splitlines() if line.split()[:1] == ["LOAD"]]
    rows = []
    for line in run(["nm", "-S", path]).out.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwW":
            vaddr = int(words[0], 16)
            for offset, address, _, size in segments:
                if address <= vaddr < address + size:
                    rows.append((vaddr - address + offset, int(words[1], 16), words[3]))
    return sorted(rows)


def named(mine, s):
    """Gives the frames "[file+0xoffset]" of a stripped program the names of its unstripped twin."""
    rows = symbols_of(s.path)

    def name(frame):
        m = re.match(r"\[%s\+0x([0-9a-f]+)\]$" % re.escape(s.name), frame)
        for offset, size, symbol in rows if m else ():
            if offset <= int(m.group(1), 16) < offset + size:
                return symbol
        return frame
    f = Folded()
    for stack, n in mine.stacks.items():
        f.stacks[(stack[0],) + tuple(name(x) for x in stack[1:])] += n
    return f


def whole_nameless(mine, s):
    return whole_links(named(mine, s), s)


links("no_headers", "without section headers", PLAIN, prepare=headless, look=whole_nameless)
links("no_headers_lld", "without section headers, by lld", "gcc $flags -fuse-ld=lld -o $o links.c",
      prepare=headless, look=whole_nameless)


# -- languages and libraries -----------------------------------------------------------------------

def whole_go(mine, s):
    # nanotime1 calls the vDSO on the scheduler's stack; Go's frame information does not know that it went there.
    odd = mine.having("runtime.nanotime1.abi0")
    check(odd.total() <= 0.01 * mine.total(), odd.total(), "in nanotime1:", odd.show(2))
    mine = settled(mine.only(lambda x: "runtime.nanotime1.abi0" not in x))
    inside = mine.having("main.goWorker")
    check(inside.total() >= 0.5 * mine.total(), inside.total(), "of", mine.total(), mine.show())
    wrong = inside.only(lambda x: x[1:4] != ("runtime.goexit.abi0", "main.main.func1", "main.goWorker"))
    check(not wrong.total(), wrong.total(), "of", inside.total(), wrong.show())
    deep = inside.only(lambda x: x[-1] == "main.goLeaf" and "main.goRecurse" in x)
    right = deep.only(lambda x: x.count("main.goRecurse") == 51)
    check(deep.total() == right.total() > 5, right.total(), "of", deep.total(), deep.show(2))
    return "%d samples, %d in goroutines" % (mine.total(), inside.total())


subject("go", "Go", "go build -o $o mix.go", [0.8], whole_go)


KERNEL_ONLY = re.compile(r"\[exec\]$|entry_SYSCALL|ret_from_fork|asm_")


# Of a stripped program's entry all addresses are the same to us.
ENTRY = re.compile(r"[0-9a-f][0-9a-f]\]$")


def one_root(mine, s):
    """Nothing is cut, and the outermost frame is the program's entry or, in the first moment, the loader's."""
    mine = settled(mine)
    roots = collections.Counter()
    for stack, n in mine.stacks.items():
        if not KERNEL_ONLY.match(stack[1]):
            roots[ENTRY.sub("]", stack[1])] += n
    others = set(roots) - {roots.most_common(1)[0][0], "_start", "_dl_start_user"}
    check(not others, "several roots:", roots.most_common(5))
    return "%d samples" % mine.total()


subject("throws", "C++ exceptions", "g++ -g -O2 -std=c++17 -fomit-frame-pointer -o $o generic.cc", [0.8], one_root)
subject("throws_clang", "C++ exceptions, clang and lld",
        "clang++ -g -O2 -std=c++17 -fomit-frame-pointer -fuse-ld=lld -o $o generic.cc", [0.8], one_root)
subject("throws_static", "C++ exceptions, static",
        "g++ -g -O2 -std=c++17 -fomit-frame-pointer -static -o $o generic.cc", [0.8], one_root)

for _name, _algorithm in (("ossl_sha256", "sha256"), ("ossl_aes", "aes-128-gcm"), ("ossl_chacha", "chacha20-poly1305"),
                          ("ossl_rsa", "rsa2048"), ("ossl_ec", "ecdsap256"), ("ossl_sha1", "sha1"),
                          ("ossl_x25519", "ecdhx25519")):
    subject(_name, "openssl speed " + _algorithm, "openssl version && cp $(command -v openssl) $o",
            ["speed", "-seconds", "1", *(("-bytes", "8192", "-evp") if "rsa" not in _algorithm and "ec" not in _algorithm
                                         else ()), _algorithm], one_root)

"""names.py - frames are named although the file is gone, lives in another mount namespace, or keeps its
symbols elsewhere.
"""
import os
import re
import shutil
import time

from harness import *


def copy_of(name, folder=None):
    path = os.path.join(folder or scratch(), name)
    shutil.copy(workload("split"), path)
    return path


def profile_named(p, name, hz=499, seconds=2):
    """Profiles the process; every sample's path must be named and whole."""
    f = Folded.parse(waggle_ok("-F", hz, "-p", p.pid, seconds).out)
    mine = f.comm(name[:15]).settled(hz)
    check(mine.total() > 100, mine.total(), "samples", f.comms())
    _, n = hot_shares(mine)
    check(n > 0.9 * mine.total(), "only", n, "of", mine.total(), "named", mine.show(2))
    for path in PATHS:
        check_whole(mine, path)
    return n


@case("an executable that was deleted while it runs", together=True)
def deleted():
    path = copy_of("deleted")
    p = start([path, 10])
    time.sleep(0.2)
    os.unlink(path)
    profile_named(p, "deleted")


@case("an executable replaced by another file while it runs", together=True)
def replaced():
    path = copy_of("replaced")
    p = start([path, 10])
    time.sleep(0.2)
    shutil.copy(workload("vdso"), path + ".new")
    os.rename(path + ".new", path)
    profile_named(p, "replaced")


@case("an executable in another mount namespace", together=True)
def mount_namespace():
    folder = scratch()
    p = start(["unshare", "-m", "sh", "-c",
               "mount -t tmpfs none %s && cp %s %s/inside && exec %s/inside 15" %
               (folder, workload("split"), folder, folder)])
    check(wait_for(lambda: open("/proc/%d/comm" % p.pid).read().strip() == "inside"), "did not start")
    check(not os.path.exists(folder + "/inside"), "the file is visible from here")
    profile_named(p, "inside")


@case("an executable below another root directory", together=True)
def other_root():
    folder = scratch()
    shutil.copy(workload("split_static"), folder + "/rooted")
    p = start(["chroot", folder, "/rooted", 15])
    check(wait_for(lambda: open("/proc/%d/comm" % p.pid).read().strip() == "rooted"), "did not start")
    profile_named(p, "rooted")


def stripped(name, keep):
    """A stripped copy; keep(debug file, its build id, path) says where the debug file goes."""
    path = copy_of(name)
    debug = path + ".dbg"
    check(run(["objcopy", "--only-keep-debug", path, debug]).rc == 0, "objcopy")
    notes = run(["readelf", "-n", path]).out
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)
    check(run(["strip", path]).rc == 0, "strip")
    keep(debug, build_id, path)
    return start([path, 10])


@case("a stripped executable, its debug file found by build id")  # the others have the same build id
def by_build_id():
    def keep(debug, build_id, path):
        folder = "/usr/lib/debug/.build-id/" + build_id[:2]
        if not os.path.isdir(folder):
            os.makedirs(folder)
            later(os.rmdir, folder)
        target = os.path.join(folder, build_id[2:] + ".debug")
        shutil.move(debug, target)
        later(os.unlink, target)
    profile_named(stripped("by_build_id", keep), "by_build_id")


@case("a stripped executable, its debug file found by debug link", together=True)
def by_debug_link():
    def keep(debug, build_id, path):
        folder = os.path.join(os.path.dirname(path), ".debug")
        os.mkdir(folder)
        target = os.path.join(folder, os.path.basename(debug))
        shutil.move(debug, target)
        check(run(["objcopy", "--add-gnu-debuglink=" + target, path]).rc == 0, "debuglink")
    profile_named(stripped("by_link", keep), "by_link")


@case("a stripped executable without any debug file: whole, and said to be unnamed", together=True)
def no_symbols():
    p = stripped("no_symbols", lambda debug, build_id, path: os.unlink(debug))
    folder = scratch()
    d = waggle_ok("-F", 499, "-p", p.pid, "--json", "-o", folder + "/x.folded", "2")
    f = Folded.of_file(folder + "/x.folded").comm("no_symbols").settled(499)
    bare = f.only(lambda s: s.count("[no_symbols]") >= 60)
    check(bare.total() > 0.9 * f.total(), "of", f.total(), "only", bare.total(), f.show(2))
    check(not f.cut().total(), f.cut().show())
    ledger = load_json(d)["ledger"]
    check(ledger["frames_unnamed"] >= 60, "frames_unnamed", ledger["frames_unnamed"])

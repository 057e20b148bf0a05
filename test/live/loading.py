"""loading.py - how soon stacks are whole: libraries loaded while big files are being built, files known from
an earlier run, tables under a memory limit, programs that are gone before they could be opened.

Times are taken from the samples: how long a program was seen to run in a file while its table was still being
built, and (which on a busy machine is also the others' time) from the first sample in it to the last such one.
"""
import glob
import os
import shutil
import statistics
import time

from harness import (CPUS, Skip, case, check, finish, load_json, release, run, scratch, start_held,
                     WAGGLE, waggle_ok, workload)

LLVM = "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"
PLUGINS = 12
HZ = 1999
BIG = 3


class Samples:
    """A recording's samples as (ns, files of the stack, file it was cut in because a table was pending)."""

    def __init__(self, path):
        self.objects, self.frames, self.nodes, self.rows = {}, {}, {0: (0, 0)}, []
        part = ""
        for line in waggle_ok("dump", "profile", path).out.splitlines():
            words = line.split()
            if not words:
                continue
            if line[0] != " ":
                part = words[0]
            elif part == "objects" and len(words) > 2:
                self.objects[words[0]] = words[2]
            elif part == "frames":
                self.frames[words[0]] = (self.objects.get(words[2][7:].split("+")[0], ""),
                                         "[cut: table pending]" in line)
            elif part == "nodes":
                self.nodes[int(words[0])] = (int(words[1]), words[2])
            elif part == "samples":
                self.rows.append((int(words[0]), int(words[3])))

    def of_file(self, name):
        """Times of the first sample in the file and of the last that was cut there (None without), and
        how many were cut."""
        first, last, n = None, None, 0
        for ns, leaf in sorted(self.rows):
            inside = cut = False
            node = leaf
            while node:
                node, frame = self.nodes[node]
                path, pending = self.frames[frame]
                inside |= path == name
                cut |= pending and path == name
            if inside and first is None:
                first = ns
            if cut:
                last = ns
                n += 1
        return first, last, n


def quiet(what):
    """Times say nothing where many others wait for the processors as well."""
    if os.getloadavg()[0] > 3 * CPUS:
        raise Skip("the machine is too busy to judge it: load %.0f; %s" % (os.getloadavg()[0], what))


def ledger(done):
    return load_json(done)["ledger"]


def copies(folder, source, n, name):
    paths = []
    for i in range(n):
        where = "%s/%d" % (folder, i)
        os.makedirs(where, exist_ok=True)
        paths.append("%s/%s" % (where, name))
        shutil.copy(source, paths[-1])
    return paths


@case("a new library of 70,000 rows beside files of 1,000,000")
def loading_beside_big():
    if not os.path.exists(LLVM) or not os.path.exists("/usr/bin/clang-14"):
        raise Skip("no clang-14 with its shared libLLVM")
    folder = scratch()
    big = copies(folder, LLVM, BIG, os.path.basename(LLVM))
    libs = copies(folder, workload("plugin_rows"), PLUGINS, "plugin.so")
    source = folder + "/a.cc"
    with open(source, "w", encoding="ascii") as f:
        f.write("#include <algorithm>\n#include <map>\n#include <regex>\nint main() {}\n")
    clang = "".join("LD_LIBRARY_PATH=%s clang-14 -x c++ -O1 -c -o /dev/null %s & " %
                    (os.path.dirname(path), source) for path in big)
    p = start_held(["sh", "-c", clang + "%s %s 1; wait" % (workload("plugin_host"), " ".join(libs))])
    out = folder + "/x.waggle"
    release_later = start_held([WAGGLE, "-q", "--no-cache", "-p", str(p.pid), "-F", str(HZ), "-o", out, "60"])
    release(release_later)
    wait_ready(release_later)
    release(p)
    check(finish(release_later, 90) == 0, "waggle failed")
    samples = Samples(out)
    building = [samples.of_file(path) for path in big]
    until = max([last for first, last, n in building if last] or [0])
    if until == 0:
        quiet("no big file was ever pending")
    check(until > 0, "no big file was ever pending")
    waits, walls = [], []
    for path in libs:
        first, last, n = samples.of_file(path)
        if first is not None and first < until:
            waits.append(n * 1e3 / HZ)
            walls.append((last - first) / 1e6 if last else 0.0)
    if len(waits) < 2 or statistics.median(waits) >= 50:
        quiet("waits %s, by the clock %s" % (["%.0f" % w for w in waits], ["%.0f" % w for w in walls]))
    check(len(waits) >= 2, "only", len(waits), "libraries were loaded while big files were built")
    middle = statistics.median(waits)
    check(middle < 50, "median wait of %.0f ms:" % middle, waits)
    return "%d of them: ran %.0f ms without (median), at most %.0f; by the clock %.0f and %.0f" % (
        len(waits), middle, max(waits), statistics.median(walls), max(walls))


def wait_ready(p):
    """Until a started waggle samples: it has its programs loaded then."""
    for _ in range(400):
        maps = glob.glob("/proc/%d/task/*/comm" % p.pid)
        if len(maps) >= 3:
            break
        time.sleep(0.01)
    time.sleep(0.1)


@case("a second run takes its tables from the disk cache")
def second_run():
    folder = scratch()
    args = ["--cache-dir", folder + "/cache", "--json", "-F", "499"]
    load = ["--", workload("plugin_host"), workload("plugin"), "1"]
    first = ledger(waggle_ok(*args, *load))
    check(first["tables_built"] > 2 and first["tables_from_cache"] == 0, first)
    check(first["cache_unsaved"] == 0, first)
    second = ledger(waggle_ok(*args, *load))
    check(second["tables_from_cache"] >= first["tables_built"] - 1, second)
    check(second["tables_built"] <= 2, "the second run built", second["tables_built"])  # the vDSO's own
    if second["whole_share"] <= 0.5:
        quiet("%.1f %% whole" % (100 * second["whole_share"]))
    check(second["whole_share"] > 0.5, "only %.1f %% whole" % (100 * second["whole_share"]))
    # Every file spoilt: all are built again, and counted.
    for path in glob.glob(folder + "/cache/*.rows"):
        with open(path, "r+b") as f:
            f.seek(200)
            f.write(b"\xff\xff\xff\xff")
    third = ledger(waggle_ok(*args, *load))
    check(third["cache_rejected"] >= first["tables_built"] - 1, third)
    check(third["tables_from_cache"] == 0 and third["tables_built"] > 2, "nothing was built again")
    return "%d tables, %.1f %% whole from the cache" % (second["tables_from_cache"],
                                                        100 * second["whole_share"])


@case("a cache directory of somebody else is refused")
def foreign_cache():
    folder = scratch()
    os.mkdir(folder + "/open")
    os.chmod(folder + "/open", 0o777)
    done = run([WAGGLE, "--cache-dir", folder + "/open", "1"])
    check(done.rc != 0 and "will not use" in done.err, done)
    # One that was not asked for is only not used.
    done = run(["env", "WAGGLE_CACHE_DIR=" + folder + "/open", WAGGLE, "--json", "--",
                workload("split"), "0.5"])
    check(done.rc == 0, done)
    check(ledger(done)["cache_unsaved"] > 0, "not counted")
    check(os.listdir(folder + "/open") == [], "something was written there")


@case("tables give way under --max-memory, and come back")
def eviction():
    folder = scratch()
    # A slab holds 14 of these tables: together they need twice what may be used.
    libs = copies(folder, workload("plugin_rows"), 110, "plugin.so")
    done = waggle_ok("--cache-dir", folder + "/cache", "--max-memory", "18", "--json", "--top", "500", "-F", "999", "--",
                     workload("plugin_host"), *libs, "16", timeout=90)
    l = ledger(done)
    if l["tables_built"] < 80 or l["whole_share"] <= 0.5:
        quiet("%d libraries met, %.1f %% whole" % (l["tables_built"], 100 * l["whole_share"]))
    check(l["files_evicted"] > 0, "nothing gave way")
    check(l["own_unwind_tables"] <= 18 << 20, l["own_unwind_tables"])
    check(l["whole_share"] > 0.5, "only %.1f %% whole" % (100 * l["whole_share"]), {
        k: l[k] for k in l if k.startswith(("files", "tables", "cache"))})
    inside = [f["total"] for f in load_json(done)["functions"] if f["name"] == "plugin_entry"]
    check(inside and inside[0] > 0.5 * l["samples_taken"], "no samples in the libraries", inside)
    return "%d gave way, %d had to wait, %d from the cache, %.1f %% whole" % (
        l["files_evicted"], l["files_no_room"], l["tables_from_cache"], 100 * l["whole_share"])

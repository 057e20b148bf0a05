"""doctor.py - `waggle doctor FILE|PID` against real programs: what it says is what readelf, the package
manager and the process itself say.
"""
import os
import re
import shutil

from harness import *


def doctor(target, *args):
    return load_json(waggle_ok("doctor", "--json", target, *args))


def finding(file, topic):
    return file["findings"][topic]


def file_of(report, pattern):
    rows = [f for f in report["files"] if re.search(pattern, f["path"])]
    check(len(rows) == 1, len(rows), "files match", pattern, [f["path"] for f in report["files"]])
    return rows[0]


def build_id(path):
    m = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", path]).out)
    return m.group(1) if m else ""


def owners(paths):
    """Their packages by dpkg's word; either name of a file below /usr will do."""
    both = {q: p for p in paths for q in (p, p.replace("/usr/", "/", 1))}
    rows = run(["dpkg", "-S"] + sorted(both)).out.splitlines() if shutil.which("dpkg") else []
    split = (row.rsplit(": ", 1) for row in rows)
    return {both[path]: package.split(":")[0] for package, path in split if path in both}


def executable(pid):
    """Files a process may execute, by its maps."""
    with open("/proc/%d/maps" % pid) as f:
        rows = [line.split(None, 5) for line in f]
    return {r[5].strip() for r in rows if "x" in r[1] and len(r) == 6 and r[5].startswith("/")}


def check_process(pid):
    """All its files are there, with the build ids and packages that others tell."""
    r = doctor(pid)
    want = executable(pid)
    got = {f["path"] for f in r["files"]} | {u["path"] for u in r["unread"]}
    check(got == want, "differ:", got ^ want)
    packages = owners([f["path"] for f in r["files"]])
    for f in r["files"]:
        check(f["build_id"] == build_id(f["path"]), f["path"], f["build_id"])
        package = packages.get(f["path"], "")
        check(not shutil.which("dpkg") or f["package"] == package, f["path"], f["package"], "not", package)
        bare = finding(f, "symbols")["state"] != "ok"
        check(bare == bool(finding(f, "symbols")["remedy"]), finding(f, "symbols"))
        if bare and f["package"]:
            check(f["debug_package"] in finding(f, "symbols")["remedy"], finding(f, "symbols"))
    return r


def running(args, program):
    if not shutil.which(args[0]):
        raise Skip("no " + args[0])
    p = start(args, cwd=scratch())
    check(wait_for(lambda: any(program in x for x in executable(p.pid))), "did not start")
    return p


@case("doctor of a running redis-server: every file, its package, what to install", together=True)
def redis():
    p = running(["redis-server", "--port", "0", "--save", "", "--unixsocket", "s"], "redis")
    check(wait_for(lambda: len(executable(p.pid)) > 3), "did not load its libraries")
    r = check_process(p.pid)
    main = file_of(r, "/redis-[a-z-]*$")
    check(finding(main, "unwind")["state"] == "ok", finding(main, "unwind"))
    if os.path.exists("/etc/debian_version") and not main["debug_file"]:
        check(any(x.startswith("apt install ") and main["debug_package"] in x for x in r["remedies"]),
              r["remedies"])
        check(any("DEBUGINFOD_URLS" in x for x in r["remedies"]), r["remedies"])
    check(r["generated"] is None, r["generated"])
    text = waggle_ok("doctor", p.pid).out
    check(text.startswith("process %d (redis-server)" % p.pid), text[:200])
    return "%d files" % len(r["files"])


@case("doctor of node: told to write a map, and content once it does", together=True)
def node():
    code = "setInterval(() => { for (let i = 0; i < 1e6; i++) Math.sqrt(i); }, 50)"
    p = running(["node", "-e", code], "node")
    g = check_process(p.pid)["generated"]
    check(g["runtime"] == "node" and g["state"] == "missing" and "--perf-basic-prof" in g["remedy"], g)
    # It may be written to, and so not executable, at any one moment.
    check(wait_for(lambda: doctor(p.pid)["generated"]["bytes"] > 0), "no generated code")
    stop(p)
    p = running(["node", "--perf-basic-prof", "-e", code], "node")
    path = "/tmp/perf-%d.map" % p.pid
    later(lambda: os.path.exists(path) and os.unlink(path))
    check(wait_for(lambda: os.path.exists(path)), "node writes no map")
    g = doctor(p.pid)["generated"]
    check(g["state"] == "ok" and g["map"] == path and not g["remedy"], g)


@case("doctor of java: jcmd with its number", together=True)
def java():
    if not shutil.which("javac"):
        raise Skip("no javac")
    folder = scratch()
    with open(folder + "/Nap.java", "w") as f:
        f.write("public class Nap { public static void main(String[] a) throws Exception "
                "{ Thread.sleep(20000); } }\n")
    check(run(["javac", "-d", folder, folder + "/Nap.java"]).rc == 0, "javac")
    p = running(["java", "-Xshare:auto", "-cp", folder, "Nap"], "java")
    check(wait_for(lambda: any("libjvm" in x for x in executable(p.pid))), "no libjvm")
    g = doctor(p.pid)["generated"]
    check(g["runtime"] == "java" and g["state"] == "missing", g)
    check("jcmd %d Compiler.perfmap" % p.pid in g["remedy"], g)
    check("-XX:+PreserveFramePointer" in g["remedy"], g)


@case("doctor of python: -X perf is recognised", together=True)
def python():
    p = running([sys.executable, "-c", "import time; time.sleep(20)"], "python")
    g = doctor(p.pid)["generated"]
    check(g["runtime"] == "python" and "-X perf" in g["remedy"], g)
    stop(p)
    p = running(["env", "PYTHONPERFSUPPORT=1", sys.executable, "-c", "import time; time.sleep(20)"], "python")
    g = doctor(p.pid)["generated"]
    check(not g["remedy"], g)
    for path in (f for f in os.listdir("/tmp") if f == "perf-%d.map" % p.pid):
        later(os.unlink, "/tmp/" + path)


@case("doctor of a deleted program in another root: its file and its distribution", together=True)
def elsewhere():
    folder = scratch()
    os.mkdir(folder + "/etc")
    os.makedirs(folder + "/var/lib/dpkg/info")
    shutil.copy(workload("split_static"), folder + "/inside")
    check(run(["strip", folder + "/inside"]).rc == 0, "strip")
    with open(folder + "/etc/os-release", "w") as f:
        f.write('ID=mint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="A Mint"\nVERSION_CODENAME=jammy\n')
    with open(folder + "/var/lib/dpkg/info/insider:amd64.list", "w") as f:
        f.write("/.\n/inside\n")
    p = start(["chroot", folder, "/inside", 15])
    check(wait_for(lambda: any(x.endswith("/inside") for x in executable(p.pid))), "did not start")
    os.unlink(folder + "/inside")
    r = doctor(p.pid)
    f = r["files"][0]
    check(r["distribution"] == "A Mint" and f["deleted"], r)
    check(f["build_id"] and finding(f, "symbols")["state"] == "missing", f)
    check(f["package"] == "insider" and "apt install insider-dbgsym" in r["remedies"], f, r["remedies"])
    check(any("suite jammy" in x for x in r["remedies"]), r["remedies"])

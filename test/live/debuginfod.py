"""debuginfod.py - names from a debuginfod server: a real one on loopback that serves what we compiled and
stripped, and ones that do not know, do not answer, or are not there.
"""
import json
import os
import pty
import re
import shutil
import signal
import socket
import threading
import time
import urllib.request

from harness import *


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Served:
    """split, stripped; its debug file and the whole program known only to a server."""

    def __init__(self, name):
        if not shutil.which("debuginfod"):
            raise Skip("no debuginfod")
        self.folder = scratch()
        os.mkdir(self.folder + "/served")
        self.path = os.path.join(self.folder, name)
        shutil.copy(workload("split"), self.path)
        # Its own build id: nobody else's cache or debug file may name it.
        note = self.folder + "/note"
        notes = run(["readelf", "-n", self.path]).out
        old = re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)
        check(run(["objcopy", "--dump-section", ".note.gnu.build-id=" + note, self.path]).rc == 0, "note")
        with open(note, "rb") as f:
            raw = f.read()
        fresh = os.urandom(len(old) // 2)
        with open(note, "wb") as f:
            f.write(raw[:-len(fresh)] + fresh)
        self.build_id = fresh.hex()
        check(run(["objcopy", "--update-section", ".note.gnu.build-id=" + note, self.path]).rc == 0, "id")
        shutil.copy(self.path, self.folder + "/served/whole")
        check(run(["objcopy", "--only-keep-debug", self.path, self.folder + "/served/split.debug"]).rc == 0,
              "objcopy")
        check(run(["strip", self.path]).rc == 0, "strip")

    def serve(self):
        port = free_port()
        self.server = start_logged(["debuginfod", "-d", self.folder + "/db", "-F", "-p", port, "-c", 1,
                                    self.folder + "/served"], env=environment(None))
        url = "http://127.0.0.1:%d" % port

        def ready():
            try:
                with urllib.request.urlopen("%s/buildid/%s/debuginfo" % (url, self.build_id), timeout=2) as r:
                    return len(r.read()) > 0
            except OSError:
                return False
        check(wait_for(ready, 30, 0.2), "the server does not serve", said(self.server)[-500:])
        return url

    def record(self):
        """A recording of it without names."""
        path = self.folder + "/r.waggle"
        d = waggle("-q", "-F", 499, "--no-names", "-o", path, "--", self.path, 2)
        check(d.rc == 0, d)
        return path


def environment(url, cache=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("DEBUGINFOD_")}
    if url:
        env["DEBUGINFOD_URLS"] = url
        env["DEBUGINFOD_CACHE_PATH"] = cache or scratch()
    return env


def silent_server():
    """Takes connections and never says a word."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    later(listener.close)
    return "http://127.0.0.1:%d" % listener.getsockname()[1]


def report(recording, url, *args, **how):
    return run([WAGGLE, "report", "--symbolize", "--json", recording] + list(args), env=environment(url), **how)


def reasons(done, name):
    """Frames of the object without a name, by reason."""
    check(done.rc == 0, done)
    counts = {}
    for row in load_json(done)["ledger"]["unnamed"]:
        if os.path.basename(row["file"]) == name:
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["frames"]
    return counts


@case("a stripped program, named by a debuginfod server", together=True)
def live():
    s = Served("dbgi_live")
    url = s.serve()
    d = run([WAGGLE, "-F", 499, "--", s.path, 2], env=environment(url))
    check(d.rc == 0, d)
    f = Folded.parse(d.out).comm("dbgi_live")
    _, n = hot_shares(f)
    check(n > 0.9 * f.total(), "only", n, "of", f.total(), "named", f.show(2))
    check(re.search(r"debuginfod: \d+ files? found \(", d.err), d.err)
    off = run([WAGGLE, "-F", 499, "--no-debuginfod", "--", s.path, 1], env=environment(url))
    f = Folded.parse(off.out).comm("dbgi_live")
    check(f.total() and not any(hot(f)[p].total() for p in PATHS), "--no-debuginfod still asked", f.show(2))
    check("debuginfod:" not in off.err, off.err)
    return "%d samples" % n


@case("a recording of a program that is gone, named by a debuginfod server", together=True)
def gone():
    s = Served("dbgi_gone")
    recording = s.record()
    os.unlink(s.path)
    before = reasons(report(recording, None), "dbgi_gone")
    check(before.get("file_gone", 0) >= 60, before)
    url = s.serve()
    check(not reasons(report(recording, url), "dbgi_gone").get("file_gone"), "still gone")
    f = Folded.parse(run([WAGGLE, "report", "--symbolize", "-q", recording], env=environment(url)).out)
    f = f.comm("dbgi_gone")
    _, n = hot_shares(f)
    check(n > 0.9 * f.total(), "only", n, "of", f.total(), "named", f.show(2))
    for path in PATHS:
        check_whole(f.without(f.cut()), path)
    return "%d frames gone, none after" % before["file_gone"]


@case("a server that does not know the file", together=True)
def unknown():
    s = Served("dbgi_unknown")
    other = Served("dbgi_other")
    r = reasons(report(s.record(), other.serve()), "dbgi_unknown")
    check(r.get("debuginfod_none", 0) >= 60 and len(r) == 1, r)


@case("no server where one should be", together=True)
def refused():
    s = Served("dbgi_refused")
    d = report(s.record(), "http://127.0.0.1:%d" % free_port())
    r = reasons(d, "dbgi_refused")
    check(r.get("debuginfod_failed", 0) >= 60 and len(r) == 1, r)
    check("failed: " in d.err, d.err)


@case("a server that never answers: the time limit holds", together=True)
def late():
    s = Served("dbgi_late")
    d = report(s.record(), silent_server(), "--debuginfod-timeout", "2s")
    r = reasons(d, "dbgi_late")
    check(r.get("debuginfod_late", 0) >= 60 and len(r) == 1, r)
    check(1.9 <= d.seconds < 5, d.seconds, "seconds")
    check("not waited for" in d.err, d.err)
    return "%.1f s of 2 s" % d.seconds


class Terminal:
    """A program whose standard error is a terminal; `shown` is what it has written there."""

    def __init__(self, args, env):
        self.out = scratch() + "/out"
        self.master, slave = pty.openpty()
        with open(self.out, "wb") as out:
            self.p = start(args, stdout=out, stderr=slave, env=env)
        os.close(slave)
        self.shown = bytearray()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while True:
                self.shown.extend(os.read(self.master, 4096))
        except OSError:
            pass

    def expect(self, text, seconds=15):
        check(wait_for(lambda: text in self.shown, seconds), text, "not shown:", bytes(self.shown[-500:]))

    def interrupt(self):
        self.p.send_signal(signal.SIGINT)

    def end(self):
        rc = finish(self.p, 15)
        self.reader.join(2)
        os.close(self.master)
        check(rc == 0, "exit code", rc, bytes(self.shown[-500:]))
        with open(self.out, encoding="utf-8") as f:
            return json.load(f)


def stopped_frames(report, name):
    return sum(r["frames"] for r in report["ledger"]["unnamed"]
               if os.path.basename(r["file"]) == name and r["reason"] == "debuginfod_stopped")


@case("Ctrl-C ends a download, not the report; the terminal says what is going on", together=True)
def interrupted():
    s = Served("dbgi_stop")
    t = Terminal([WAGGLE, "report", "--symbolize", "--json", s.record()], environment(silent_server()))
    t.expect(b"from debuginfod")
    begun = time.monotonic()
    t.interrupt()
    report = t.end()
    took = time.monotonic() - begun
    check(took < 3, "took", took, "s")
    check(stopped_frames(report, "dbgi_stop") >= 60, report["ledger"]["unnamed"])
    check(b"interrupted" in t.shown, bytes(t.shown))
    return "%.2f s after it" % took


@case("Ctrl-C ends the capture, a second one the download, and all is written", together=True)
def interrupted_twice():
    s = Served("dbgi_twice")
    target = start([s.path, 20])
    t = Terminal([WAGGLE, "-F", 499, "--duration", "0", "--json", "-p", target.pid], environment(silent_server()))
    t.expect(b"samples")
    time.sleep(2.5)  # names are looked up by now, in the background
    check(b"from debuginfod" not in t.shown, "a capture's line was overwritten", bytes(t.shown[-300:]))
    t.interrupt()
    t.expect(b"from debuginfod")
    t.interrupt()
    report = t.end()
    check(stopped_frames(report, "dbgi_twice") >= 60, report["ledger"]["unnamed"])
    check(report["ledger"]["samples_taken"] > 100, report["ledger"]["samples_taken"])


@case("a program stripped to mini debug information", together=True)
def mini():
    if not shutil.which("xz"):
        raise Skip("no xz")
    folder = scratch()
    path = folder + "/minidebug"
    shutil.copy(workload("split"), path)
    check(run(["sh", "-c", "cd %s && objcopy --only-keep-debug minidebug d && objcopy -S "
               "--remove-section .comment d mini || exit 1; objcopy --strip-debug minidebug mini && "
               "xz mini && strip minidebug && objcopy --add-section .gnu_debugdata=mini.xz minidebug"
               % folder]).rc == 0, "objcopy")
    f = Folded.parse(waggle_ok("-F", 499, "--no-debuginfod", "--", path, 2).out).comm("minidebug")
    _, n = hot_shares(f)
    check(n > 0.9 * f.total(), "only", n, "of", f.total(), "named", f.show(2))
    for p in PATHS:
        check_whole(f.without(f.cut()), p)
    facts = load_json(waggle_ok("doctor", "--json", path))["files"][0]["findings"]["symbols"]
    check(facts["state"] == "ok" and ".gnu_debugdata" in facts["detail"], facts)


@case("--debug-file and --debug-dir name a stripped program", together=True)
def given():
    s = Served("dbgi_given")
    recording = s.record()
    debug = s.folder + "/served/split.debug"
    shutil.move(debug, s.folder + "/served/other-name")
    debug = s.folder + "/served/other-name"
    ids = s.folder + "/dirs/.build-id/" + s.build_id[:2]
    os.makedirs(ids)
    for args in (("--debug-file", debug), ("--debug-dir", s.folder + "/nowhere", "--debug-dir", s.folder + "/dirs")):
        if args[0] == "--debug-dir":
            os.mkdir(s.folder + "/nowhere")
            shutil.copy(debug, "%s/%s.debug" % (ids, s.build_id[2:]))
        d = run([WAGGLE, "report", recording] + list(args), env=environment(None))
        f = Folded.parse(d.out).comm("dbgi_given")
        _, n = hot_shares(f)
        check(n > 0.9 * f.total() and "not used" not in d.err, n, "of", f.total(), "named", d.err)

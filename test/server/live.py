# live.py - a capture that is served: the same numbers as the recording, whatever readers do to the server.
import concurrent.futures
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import time

from harness import BUILD, WAGGLE, Server, Skip, check, test

RECORDING = os.path.join(BUILD, "server-test.waggle")

SPLIT = os.path.join(BUILD, "test/workload/split")
PATHS = os.path.join(BUILD, "test/workload/paths")


def capture(*args):
    if os.geteuid():
        raise Skip("needs root")
    return Server(*args)


def ledger(server):
    return json.loads(server.ask("/api/ledger").body)


def wait_for_end(server, seconds=40):
    end = time.time() + seconds
    while ledger(server)["state"]["phase"] != "ended":
        check(time.time() < end, f"not ended after {seconds} s: {server.said()}")
        time.sleep(0.2)


def report(*args):
    """What `waggle report` prints of the recording, by line."""
    return sorted(subprocess.run([WAGGLE, "report", "-q", RECORDING, *args], capture_output=True, check=True).stdout.splitlines())


def export(server, query=""):
    return sorted(server.ask(f"/api/export.folded{query}").body.splitlines())


def events(server, seconds):
    """(name, data) of the event stream for so long."""
    out, text = [], b""
    with server.connect(seconds) as s:
        s.sendall(f"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode())
        end = time.time() + seconds
        while time.time() < end:
            try:
                text += s.recv(65536)
            except socket.timeout:
                break
    for part in text.decode().split("\n\n"):
        lines = [line for line in part.replace("\r", "").split("\n") if ": " in line]
        fields = dict(line.split(": ", 1) for line in lines)
        if "event" in fields:
            out.append((fields["event"], json.loads(fields["data"])))
    return out


@contextlib.contextmanager
def busy():
    """An idle machine has no samples."""
    load = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        yield
    finally:
        load.kill()
        load.wait()


@test
def served_equals_recorded():
    """a range of a served capture equals 'waggle report --from --to' of its recording"""
    server = capture("-o", RECORDING, "--", "sh", "-c", "i=0; while [ $i -lt 700000 ]; do i=$((i+1)); done")
    wait_for_end(server)
    for part in ((), ("--from", "500ms", "--to", "1500ms"), ("--from", "1s")):
        query = "&".join(f"{part[i][2:]}={part[i + 1]}" for i in range(0, len(part), 2))
        server_says = server.ask(f"/api/export.folded?{query}").body
        check(server_says.strip() or part, f"nothing in {part}")
        CASES.append((part, server_says))
    check(server.stop() == 0, server.said())
    for part, said in CASES:
        check(sorted(said.splitlines()) == report("--folded", *part), f"{part}: {said[:300]} / {report('--folded', *part)[:9]}")


CASES = []


@test
def served_as_filtered():
    """what --keep, --drop and --focus leave out nobody is served, while it runs and afterwards; the rest is what -o has"""
    server = capture("--max-overhead", "100", "--drop", "^hot70_0$", "--keep", "^hot", "--focus", "^hot[0-9]*_30$", "-o", RECORDING,
                     "--", SPLIT, "6")
    end, lines = time.time() + 20, []
    while not lines:  # what has its name: before that nobody can tell it from what stays
        lines = [line for line in export(server) if b"[split]" not in line]
        check(time.time() < end, "nothing is served")
        time.sleep(0.1)
    running = ledger(server)["state"]["phase"]
    wait_for_end(server)
    page = server.ask("/api/profile").body
    all_lines, lines_of_a_second, filtered = export(server), export(server, "?from=1s&to=2s"), ledger(server)["ledger"]["ticks_filtered"]
    check(server.stop() == 0, server.said())
    check(running == "running", "it was looked at too late")
    for when, seen in (("running", lines), ("ended", all_lines)):
        check(seen and all(b";hot20_" in line or b";hot10_" in line for line in seen), f"{when}: {seen[:3]}")
        check(all(re.match(rb"split[^;]*;hot[0-9]+_30;", line) for line in seen), f"{when}: stacks begin at the focus: {seen[:3]}")
    check(b"hot20_12" in page and b"hot70_12" not in page, "the page is not shown it either")
    check(all_lines == report("--folded"), f"{all_lines[:3]} / {report('--folded')[:3]}")
    check(lines_of_a_second == report("--folded", "--from", "1s", "--to", "2s"), "a range of it")
    check(filtered == ledger_of(RECORDING)["ticks_filtered"] > 50, f"{filtered} filtered, the file says otherwise")


@test
def hidden_kinds():
    """hide leaves out frames of a kind, as 'waggle report -U' and '-K' do"""
    server = capture("--max-overhead", "100", "-o", RECORDING, "--", "sh", "-c", "head -c 3000000000 /dev/zero >/dev/null; sleep 0.1")
    wait_for_end(server)
    whole, user, kernel = export(server), export(server, "?hide=kernel"), export(server, "?hide=user,jit,inlined,cut")
    check(server.stop() == 0, server.said())
    check(user == report("--folded", "-U") != whole, f"{user[:3]} / {report('--folded', '-U')[:3]}")
    check(kernel == report("--folded", "-K") != whole, f"{kernel[:3]} / {report('--folded', '-K')[:3]}")
    check(any(b"syscall" in line for line in kernel), kernel[:3])


@test
def stream_tells():
    """the event stream says hello, what changes, and that it lives"""
    server = capture()
    with busy():
        got = events(server, 4)
    names = [name for name, _ in got]
    check(names[0] == "hello" and "changed" in names, names)
    grown = [data["samples"] for name, data in got if name == "changed"]
    check(len(grown) >= 4 and grown == sorted(grown) and grown[-1] > grown[0], grown)
    check(server.stop() == 0, server.said())


def ledger_of(path):
    out = subprocess.run([WAGGLE, "report", "-q", path, "--json"], capture_output=True, check=True).stdout
    return json.loads(out)["ledger"]


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1)) / 1024


def paths_of(server):
    """[busy, calm, nap, all] of the last three seconds; and of all, what has every call in it."""
    sums, whole = [0, 0, 0, 0], 0
    for line in export(server, "?last=3s"):
        stack, _, n = line.rpartition(b" ")
        frames = stack.split(b";")
        for i, leaf in enumerate((b"path_busy", b"path_calm", b"path_nap")):
            sums[i] += int(n) * (leaf in frames)
        sums[3] += int(n)
        whole += int(n) * (b"_start" in frames and sum(f in (b"path_left", b"path_right") for f in frames) == 41)
    return sums, whole


def endless(command, options, nap, judge):
    """Beside a program that is in ever other stacks: judges what is shown twice. How much more memory it takes in seconds 19
    to 28 than in seconds 10 to 19, MiB: the medians, for while something is given up there are two of it for a moment."""
    server = Server("--max-overhead", "100", *options, "--", PATHS, "45", "40", nap, command=command)
    medians = []
    for since, until in ((10, 19), (19, 28)):
        at, sizes = 0, []
        while at < until * 10**9:
            time.sleep(0.3)
            at = ledger(server)["state"]["elapsed"]
            if at > since * 10**9:
                sizes.append(resident(server))
        medians.append(statistics.median(sizes))
        judge(*paths_of(server))
    said = ledger(server)["ledger"]
    check(said["lost"] == said["lost_timer"], f"{said}")
    check(server.stop() == 0, server.said())
    return medians[1] - medians[0]


def judge_samples(sums, whole):
    check(whole >= 0.98 * sums[3] > 1000, f"{whole} of {sums[3]} are whole")
    check(0.72 <= sums[0] / (sums[0] + sums[1]) <= 0.78, f"{sums}: three quarters are busy")


def judge_waits(sums, whole):
    check(whole >= 0.98 * sums[3] > 1000, f"{whole} of {sums[3]} are whole")
    check(sums[2] > 0.5 * sums[3] and sum(sums[:3]) >= 0.98 * sums[3], f"{sums}: it naps, or waits for a processor")


@test
def endless_stacks():
    """beside programs of ever new stacks served captures stay small, lose nothing, and show the last seconds as they were"""
    if os.geteuid():
        raise Skip("needs root")
    with concurrent.futures.ThreadPoolExecutor() as both:
        grown = [both.submit(endless, "serve", ["-F", "4999"], "0", judge_samples),
                 both.submit(endless, "off", ["--serve"], "20", judge_waits)]
        for more in (one.result() for one in grown):
            check(more < 16, f"{more:.1f} MiB more")  # 25 and more where nothing is given up


def disturb(server, held):
    """Connections that ask and never read, or never finish asking."""
    head = f"Host: localhost\r\nAuthorization: Bearer {server.token}\r\n\r\n"
    for i in range(60):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.settimeout(1)
        try:
            s.connect(("127.0.0.1", server.port))
            s.sendall((f"GET /api/{'stream' if i % 2 else 'profile'} HTTP/1.1\r\n{head}").encode()[:None if i % 3 else 40])
        except OSError:
            pass
        held.append(s)


@test
def capture_unharmed():
    """slow readers, streams nobody reads and half requests do not harm the capture"""
    server = capture("-o", RECORDING)
    held = []
    with busy():
        time.sleep(1.5)
        disturb(server, held)
        time.sleep(4)
    for s in held:
        s.close()
    check(server.alive(), "it answers")
    check(server.stop() == 0, server.said())
    said = ledger_of(RECORDING)
    late, taken = said["lost_timer"], said["samples_taken"]
    check(taken > 200, f"{taken} samples")
    check(said["lost"] == late, f"{said['lost'] - late} of {taken} samples lost between the kernel and the recording")
    # Ticks a guest's timer leaves out are lost with no reader, too, and then as many.
    check(late <= taken * 0.05, f"{late} of {taken} ticks left out")

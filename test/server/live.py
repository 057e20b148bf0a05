# live.py - a capture that is served: the same numbers as the recording, whatever readers do to the server.
import json
import os
import socket
import subprocess
import time

from harness import BUILD, WAGGLE, Server, Skip, check, test

RECORDING = os.path.join(BUILD, "server-test.waggle")


def capture(*args):
    if os.geteuid():
        raise Skip("needs root")
    return Server(*args)


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


@test
def served_equals_recorded():
    """a range of a served capture equals 'waggle report --from --to' of its recording"""
    server = capture("-o", RECORDING, "--", "sh", "-c", "i=0; while [ $i -lt 700000 ]; do i=$((i+1)); done")
    end = time.time() + 40
    while time.time() < end and json.loads(server.ask("/api/ledger").body)["state"]["phase"] != "ended":
        time.sleep(0.2)
    for part in ((), ("--from", "500ms", "--to", "1500ms"), ("--from", "1s")):
        query = "&".join(f"{part[i][2:]}={part[i + 1]}" for i in range(0, len(part), 2))
        server_says = server.ask(f"/api/export.folded?{query}").body
        check(server_says.strip() or part, f"nothing in {part}")
        CASES.append((part, server_says))
    check(server.stop() == 0, server.said())
    for part, said in CASES:
        report = subprocess.run([WAGGLE, "report", "-q", RECORDING, "--folded", *part], capture_output=True, check=True)
        check(sorted(said.splitlines()) == sorted(report.stdout.splitlines()), f"{part}: {said[:300]} / {report.stdout[:300]}")


CASES = []


@test
def stream_tells():
    """the event stream says hello, what changes, and that it lives"""
    server = capture()
    got = events(server, 4)
    names = [name for name, _ in got]
    check(names[0] == "hello" and "changed" in names, names)
    grown = [data["samples"] for name, data in got if name == "changed"]
    check(len(grown) >= 4 and grown == sorted(grown) and grown[-1] > grown[0], grown)
    check(server.stop() == 0, server.said())


def lost_of(path):
    out = subprocess.run([WAGGLE, "report", "-q", path, "--json"], capture_output=True, check=True).stdout
    ledger = json.loads(out)["ledger"]
    return ledger["lost"], ledger["samples_taken"]


@test
def capture_unharmed():
    """slow readers, streams nobody reads and half requests do not harm the capture"""
    server = capture("-o", RECORDING)
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])  # an idle machine has no samples to lose
    time.sleep(1.5)
    held = []
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
    time.sleep(4)
    for s in held:
        s.close()
    busy.kill()
    busy.wait()
    check(server.alive(), "it answers")
    check(server.stop() == 0, server.said())
    lost, taken = lost_of(RECORDING)
    check(taken > 200, f"{taken} samples")
    check(lost <= taken * 0.01, f"{lost} of {taken} samples lost")

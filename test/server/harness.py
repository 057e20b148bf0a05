# harness.py - a server to ask, raw sockets to ask it with, and counting. Only the standard library.
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
WAGGLE = os.path.join(BUILD, "waggle")
TESTS = []
# A shell that runs this behind others has it ignored, and what is started here would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Skip(Exception):
    """Cannot run here; its text says why."""


def test(fn):
    TESTS.append(fn)
    return fn


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(lines[0].split()[1]) if raw else 0
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}


class Server:
    """`waggle serve` with the given arguments, on a port of its own."""

    def __init__(self, *args, command="serve", env=None):
        self.err = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([WAGGLE, command, "--port", "0", *args], stderr=self.err,
                                        stdout=subprocess.DEVNULL, env=env)
        self.port, self.token = self.wait_for(r"http://[^/]*:(\d+)/\?token=([0-9a-f]+)")
        self.port = int(self.port)

    def said(self):
        self.err.seek(0)
        return self.err.read()

    def wait_for(self, pattern, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            found = re.search(pattern, self.said())
            if found:
                return found.groups()
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"no '{pattern}' in: {self.said()}")

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, data, timeout=10, leave=True):
        """Sends bytes (and says that no more come: who does may be taken for gone), returns what comes until the other
        side closes or nothing more comes."""
        out = b""
        with self.connect(timeout) as s:
            try:
                s.sendall(data)
                if leave:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            try:
                while True:
                    part = s.recv(65536)
                    if not part:
                        break
                    out += part
            except OSError:
                pass
        return Answer(out)

    def ask(self, path, token=True, method="GET", timeout=10, **headers):
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if token:
            lines["Authorization"] = f"Bearer {self.token if token is True else token}"
        lines.update({k.replace("_", "-"): v for k, v in headers.items()})
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        return self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"), timeout, leave=False)

    def alive(self):
        return self.process.poll() is None and self.ask("/health", token=False).status == 200

    def stop(self):
        """Ends it as Ctrl-C does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("did not end within 20 s of SIGINT")


def run():
    passed = failed = skipped = 0
    for fn in TESTS:
        try:
            fn()
            print(f"ok server: {fn.__doc__}", flush=True)
            passed += 1
        except Skip as why:
            print(f"skipped server: {fn.__doc__}: {why}", flush=True)
            skipped += 1
        except Exception as error:  # one broken test must not hide the others
            print(f"FAILED server: {fn.__doc__}\n  {type(error).__name__}: {error}", flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0

# attacks.py - who should get nothing: no token, wrong names, paths, garbage, huge, slow, and many.
import os
import random
import socket
import threading
import time

from harness import BUILD, Server, check, test

SECRET = b"secret_function_name"
FOLDED = os.path.join(BUILD, "server-test.folded")
with open(FOLDED, "wb") as f:
    f.write(b"server;main;" + SECRET + b" 30\nserver;main;work 12\n")
server = Server(FOLDED)

PATHS = ["/", "/api/profile", "/api/stream", "/api/tasks", "/api/ledger", "/api/heat", "/api/recordings",
         "/api/export.folded", "/api/export.svg", "/api/export.html"]


def nothing(answer, statuses, what):
    check(answer.status in statuses, f"{what}: {answer.status}")
    check(SECRET not in answer.raw and b"server-test" not in answer.raw, f"{what}: data came out")
    check("access-control-allow-origin" not in answer.headers, f"{what}: CORS")


@test
def token_gives():
    """with the token everything is there, and says how it may be used"""
    for path in PATHS:
        if path == "/api/stream":
            continue
        a = server.ask(path)
        check(a.status == 200, f"{path}: {a.status} {a.body[:80]}")
        check("default-src 'none'" in a.headers["content-security-policy"], f"{path}: CSP")
        check("unsafe-inline" not in a.headers["content-security-policy"], f"{path}: CSP")
        check(a.headers["cache-control"] == "no-store", path)
        check(a.headers["x-content-type-options"] == "nosniff", path)
        check("access-control-allow-origin" not in a.headers, path)
    check(SECRET in server.ask("/api/export.folded").body, "the data itself")
    check(server.ask(f"/?token={server.token}", token=False).status == 200, "the printed address")


@test
def health_tells_nothing():
    """the health page answers without a token, and tells nothing"""
    a = server.ask("/health", token=False)
    check(a.status == 200 and a.body == b"ok\n", a.raw)


@test
def no_token():
    """no token, a wrong one, a part of it: nothing"""
    for path in PATHS + ["/nonsense", "/health/"]:
        for token in (False, "0" * 32, server.token[:-1], server.token + "0", "", server.token.upper() + "x"):
            nothing(server.ask(path, token=token), (401,), f"{path} with {token}")
        nothing(server.ask(f"{path}?token=", token=False), (400, 401, 404), path)


@test
def wrong_host():
    """names that are not ours (DNS rebinding): nothing, even with the token"""
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "169.254.169.254", "",
                 "localhost.evil.example", "0.0.0.0", "[::1", "a" * 3000):
        for path in ("/", "/api/profile", "/health"):
            nothing(server.ask(path, Host=host), (400, 403), f"{path} of '{host}'")
    nothing(server.ask("/api/profile", Host=None), (400,), "no Host")
    nothing(server.raw(f"GET /api/profile HTTP/1.0\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()),
            (400,), "HTTP/1.0 without Host")
    for host in ("localhost", "LOCALHOST:1234", "[::1]:80", "127.0.0.1"):
        check(server.ask("/api/ledger", Host=host).status == 200, host)


@test
def wrong_origin():
    """other sites: nothing, even with the token"""
    for origin in ("http://evil.example", "null", "https://127.0.0.1", "file://", f"http://127.0.0.1:{server.port + 1}",
                   f"http://localhost:{server.port}"):
        nothing(server.ask("/api/profile", Origin=origin), (403,), origin)
    nothing(server.ask("/api/profile", Sec_Fetch_Site="cross-site"), (403,), "cross-site")
    nothing(server.ask("/api/profile", Sec_Fetch_Site="same-site"), (403,), "same-site")
    check(server.ask("/api/ledger", Origin=f"http://127.0.0.1:{server.port}").status == 200, "our own page")


@test
def path_escapes():
    """no path reaches the file system"""
    for path in ("/../../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                 "/etc/passwd", "/api/../../etc/passwd", "/api/export./../../etc/passwd", "/api/export.svg/../x",
                 f"/{FOLDED}", "/api/profile/../../etc/passwd", "/\\..\\..\\etc\\passwd", "/web/viewer.js",
                 "/api/export.%2e%2e%2fetc%2fpasswd", "file:///etc/passwd", "http://127.0.0.1/etc/passwd", "*"):
        a = server.ask(path)
        nothing(a, (400, 404), path)
        check(b"root:" not in a.raw, path)
    for recording in ("1", "-1", "..", "999999", "99999999999999999999", "0x0", "%2fetc%2fpasswd"):
        nothing(server.ask(f"/api/profile?recording={recording}"), (400, 404), f"recording {recording}")


@test
def methods_and_bodies():
    """only GET and HEAD, and no bodies"""
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "GETX", "get"):
        nothing(server.ask("/api/profile", method=method), (400, 405, 501), method)
    nothing(server.ask("/api/profile", Content_Length="5"), (400, 413), "announced body")
    nothing(server.ask("/api/profile", Transfer_Encoding="chunked"), (400, 413), "chunked body")
    a = server.ask("/api/export.folded", method="HEAD")
    check(a.status == 200 and not a.body, "HEAD has no body")


@test
def parameters():
    """wrong parameters are said, and give nothing"""
    for query in ("from=x", "from=2&to=1", "pid=0", "nonsense=1", "pid=1&pid=1", "value=%00", "value=nonsense",
                  "class=nonsense", "hide=nonsense", "hide=kernel,", "source=x", "columns=0", "columns=99999999", "last=1&from=1", "value=" + "a" * 64,
                  "from=" + "9" * 60):
        nothing(server.ask(f"/api/heat?{query}"), (400,), query)
    nothing(server.ask("/api/export.exe"), (404,), "no such format")


@test
def huge_requests():
    """huge addresses, headers and numbers of headers are refused"""
    nothing(server.ask("/" + "a" * 5000), (414, 400, 404), "long path")
    nothing(server.ask("/api/profile?" + "&" * 4000), (0, 414), "many parameters")
    nothing(server.ask("/api/profile?value=" + "c" * 3000), (414,), "long query")
    for size in (20000, 200000, 5000000):
        nothing(server.ask("/api/profile", X_Big="b" * size), (0, 400, 413, 414, 431), f"{size} bytes of header")
        nothing(server.ask("/api/profile?value=" + "c" * size), (0, 400, 413, 414, 431), f"{size} bytes of address")
    many = "".join(f"X-{i}: y\r\n" for i in range(5000))
    nothing(server.raw(f"GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n".encode()), (0, 400, 413, 431), "5000 headers")
    check(server.alive(), "alive")


@test
def garbage():
    """garbage does not crash it"""
    rng = random.Random(5)
    for i in range(150):
        data = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 600)))
        if i % 3 == 0:
            data = b"GET /" + data
        if i % 5 == 0:
            data += b"\r\n\r\n"
        nothing(server.raw(data, timeout=0.3), (0, 400, 401, 403, 404, 405, 413, 414, 431, 501, 505), f"garbage {i}")
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n" * 3000,
                 b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\0" * 1000):
        nothing(server.raw(data, timeout=1), (0, 400, 401, 403, 404, 405, 413, 414, 501, 505), repr(data[:20]))
    check(server.alive(), "alive")


@test
def slow_requests():
    """a request that comes byte by byte is cut after five seconds, and so is one that never comes"""
    start = time.time()
    slow, silent = server.connect(30), server.connect(30)
    cut = {}

    def wait(name, s):
        try:
            while s.recv(100):
                pass
        except OSError:
            pass
        cut[name] = time.time() - start

    threads = [threading.Thread(target=wait, args=a) for a in (("slow", slow), ("silent", silent))]
    for t in threads:
        t.start()
    for c in b"GET /api/profile HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100:
        try:
            slow.send(bytes([c]))
        except OSError:
            break
        if "slow" in cut:
            break
        time.sleep(0.2)
    for t in threads:
        t.join(20)
    check(cut.get("slow", 99) < 9, f"slow: cut after {cut.get('slow')}")
    check(cut.get("silent", 99) < 12, f"silent: cut after {cut.get('silent')}")


@test
def five_hundred():
    """five hundred connections: the server lives, and answers again once they are gone"""
    held = []
    for _ in range(500):
        s = socket.socket()
        s.settimeout(0.2)
        try:
            s.connect(("127.0.0.1", server.port))
            s.send(b"GET /api/profile HTTP/1.1\r\nHost: localhost\r\n")
        except OSError:
            pass
        held.append(s)
    fds = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    check(fds < 120, f"{fds} descriptors are open")
    check(server.process.poll() is None, "it lives")
    for s in held:
        s.close()
    end = time.time() + 8
    while time.time() < end and not server.alive():
        time.sleep(0.1)
    check(server.alive(), "it answers again")


@test
def still_right():
    """after all that it still answers right, small, and ends when told"""
    check(SECRET in server.ask("/api/export.folded").body, "the data")
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        rss = int(next(line for line in status if line.startswith("VmRSS")).split()[1])
    check(rss < 100000, f"{rss} kB")
    check(server.stop() == 0, "exit code")

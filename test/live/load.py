"""load.py KIND PORT SECONDS - load for the live tests: "memcached" sends it pipelined requests; "compute" is
itself a Python program with something to do (sorting, dictionaries, regular expressions, JSON).
"""
import json
import random
import re
import socket
import sys
import time


def memcached(port, end):
    s = socket.create_connection(("127.0.0.1", port))
    keys = [b"key%d" % i for i in range(4000)]
    s.sendall(b"".join(b"set %s 0 0 8 noreply\r\nvaluable\r\n" % k for k in keys))
    # Much work for the server in few calls of the client, which shares the processors with it.
    gets = b"".join(b"get " + b" ".join(keys[i:i + 80]) + b"\r\n" for i in range(0, 4000, 80))
    ends = 50
    while time.monotonic() < end:
        s.sendall(gets)
        tail = b""
        left = ends
        while left > 0:
            got = tail + s.recv(1 << 20)
            left -= got.count(b"\r\nEND\r\n")
            tail = got[-6:]


def compute(port, end):
    words = ["w%d" % random.randrange(5000) for _ in range(20000)]
    rounds = 0
    while time.monotonic() < end:
        count = {}
        for w in words:
            count[w] = count.get(w, 0) + 1
        top = sorted(count.items(), key=lambda kv: (-kv[1], kv[0]))[:500]
        text = json.dumps(dict(top))
        rounds += len(re.findall(r"w(\d)\d*3", text)) + len(json.loads(text))
    print("rounds", rounds)


kind, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
{"memcached": memcached, "compute": compute}[kind](port, time.monotonic() + seconds)

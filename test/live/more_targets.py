"""more_targets.py - real programs beside those of targets.py, for whoever wants to see every way stacks come
about: a compiler, Go, OpenSSL's assembly, signal handlers, libraries that come and go.
"""
import os
import shutil
import sys

from harness import *
from targets import *

COMPILE = """
#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <vector>
template <int N> struct level {
    std::map<std::string, std::vector<int>> m; level<N - 1> below;
    int go(int x) { m["k"].push_back(x); std::sort(m["k"].begin(), m["k"].end()); return below.go(x + N); }
};
template <> struct level<0> { int go(int x) { return x; } };
bool run(const char *s, int x) { return std::regex_match(s, std::regex("a(b|c)*d")) && level<8>().go(x); }
"""


class Clang(Program):
    """One compilation after the other: processes that live for a second each."""
    name, process = "clang++", "wo-clang++"

    def find(self):
        need("clang++")
        write(self.folder + "/x.cc", COMPILE)
        os.symlink(os.path.realpath(shutil.which("clang++")), self.folder + "/wo-clang++")
        return self.folder + "/wo-clang++"

    def load(self, seconds):
        one = "./wo-clang++ -O2 -std=c++17 -c x.cc -o /dev/null"
        return self.start(["timeout", seconds, "sh", "-c", "while :; do %s & %s; wait; done" % (one, one)],
                          cwd=self.folder)


class Go(Program):
    name, process = "Go", "goload"

    def find(self):
        need("go")
        program = self.folder + "/goload"
        env = dict(os.environ, GOPROXY="off", GOFLAGS="-mod=mod", GOCACHE=self.folder + "/cache", HOME=self.folder)
        d = run(["go", "build", "-o", program, HERE + "/load.go"], 120, env=env)
        check(d.rc == 0, d)
        return program


class OpenSSL(Program):
    """Its assembly keeps the stack pointer in odd places."""
    name, process = "openssl", "openssl"

    def find(self):
        need("openssl")
        return "openssl"

    def load(self, seconds):
        old = "openssl speed -seconds 1 -bytes 4096 "
        return self.start(["timeout", seconds, "sh", "-c", "while :; do "
                           + old + "sha1 sha256 sha512 md5 aes-128-cbc rsa2048 ecdsap256 ecdhx25519 &&"
                           + old + "-evp aes-256-gcm && " + old + "-evp chacha20-poly1305 || exit 1; done"])


class Signals(Workload):
    def __init__(self):
        super().__init__("signals", "signals")


class Plugins(Program):
    """Two libraries that are loaded and unloaded over and over."""
    name, process = "dlopen", "plugin_host"

    def find(self):
        need(workload("plugin_host"), workload("plugin"))
        shutil.copy(workload("plugin"), self.folder + "/other.so")
        self.args = (workload("plugin"), self.folder + "/other.so")
        return workload("plugin_host")


def rust():
    return Workload("Rust", "mix")


# In pairs or alone: each gets a good share of a small machine.
ORACLE_GROUPS = ((Postgres,), (MariaDB,), (Node, Python), (Clang,), (Go, rust), (OpenSSL, Signals), (Plugins,))

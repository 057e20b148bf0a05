"""loads.py - fixed amounts of work to be done beside a profiler. Each says what processes do the work
(`comms`), does it in work(), and returns (wall seconds, processor seconds of the target).
"""
import os
import resource
import shutil
import time

from harness import *
import targets

SCALE = float(os.environ.get("BENCH_SCALE", "1"))

BIG_CC = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
template <int N> struct node {
    std::map<std::string, std::vector<int>> m; node<N - 1> below; std::function<int(int)> f;
    int go(int x) { m["k"].push_back(x); std::sort(m["k"].begin(), m["k"].end());
        f = [this, x](int y) { return below.go(x + y) + N; }; return f(x); }
};
template <> struct node<0> { int go(int x) { return x; } };
int main(int argc, char **argv) {
    std::regex r("a(b|c)*d"); std::unordered_map<std::string, std::shared_ptr<int>> u;
    u["x"] = std::make_shared<int>(argc);
    std::cout << node<6>().go(argc) << std::regex_match(argv[0], r) << u.size();
}
"""


def children_cpu():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def alias(folder, name):
    """A program under a name nobody else on the machine has, so that samples are this work's only."""
    path = os.path.join(folder, "wb-" + name)
    os.symlink(os.path.realpath(shutil.which(name)), path)
    return path


class Work:
    """Runs commands to their end; the target's processor time is theirs."""
    def begin(self):
        self.folder = scratch()

    def end(self):
        pass

    def work(self):
        cpu, begun = children_cpu(), time.monotonic()
        running = [start_logged(c, cwd=self.folder) for c in self.commands()]
        for p in running:
            check(finish(p, 300) == 0, p.args, said(p)[-500:])
        return time.monotonic() - begun, children_cpu() - cpu


class Steps(Work):
    name, comms = "C, no frame pointers, depth 60", ("steps",)

    def commands(self):
        return [[workload("steps"), int(160000 * SCALE), CPUS]]


class Clang(Work):
    name, comms = "clang++ -O2", ("wb-clang++",)

    def begin(self):
        super().begin()
        if not shutil.which("clang++"):
            raise Skip("clang is not installed")
        targets.write(self.folder + "/big.cc", BIG_CC)
        self.program = alias(self.folder, "clang++")

    def commands(self):
        one = self.program + " -O2 -std=c++17 -c big.cc -o /dev/null"
        return [["sh", "-c", "; ".join([one] * max(1, round(2 * SCALE)))] for _ in range(CPUS)]


class Node(Work):
    name, comms = "node", ("wb-node",)

    def begin(self):
        super().begin()
        if not shutil.which("node"):
            raise Skip("node is not installed")
        self.program = alias(self.folder, "node")

    def commands(self):
        one = [self.program, targets.HERE + "/load.js", 300, int(1500 * SCALE)]
        return [one for _ in range(CPUS)]


class Redis(Work):
    """The server outlives the work, so its time is read from its own process."""
    name, comms = "redis-server", ("wb-redis-server",)

    def begin(self):
        super().begin()
        targets.need("redis-server", "redis-benchmark")
        self.server = targets.Redis()
        self.server.program = alias(self.folder, "redis-server")
        self.server.begin(self.folder)

    def end(self):
        self.server.end()

    def cpu(self):
        with open("/proc/%d/stat" % self.server.started[0].pid) as f:
            words = f.read().rsplit(") ", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def commands(self):
        return [["redis-benchmark", "-p", self.server.port, "-t", "set,get,lpush,lrange_100", "-c", "8",
                 "-n", int(250000 * SCALE), "-q", "-P", "4"]]

    def work(self):
        before = self.cpu()
        wall, _ = super().work()
        return wall, self.cpu() - before


ALL = (Steps, Clang, Redis, Node)

"""giant.py - sampling at 10 kHz while a binary of 1 GB of debug information is named: is anything lost?

The binary is made here, in a minute: one file of C++ templates is compiled, and its object copied with
another name of the same length for its namespace, which gives that many different compilation units; the
linker puts them together. It is kept in the build folder. Each unit runs some 10 us, in turn, on every
processor, so that names are needed from all over the debug information at once.
"""
import json
import os
import re
import shutil
import signal
import time

from harness import *
import tools
from show import *

GOAL = 1000 * 1000 * 1000  # bytes of .debug_* in the binary
TEMPLATES = 30             # in one unit
HZ = 10000

UNIT = """
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
namespace ns0000 {
template <int N> struct item {
    uint64_t value; std::string text;
    item(uint64_t v) : value(v ^ N), text("x") {}
    bool operator<(const item &o) const { return value < o.value; }
};
template <int N> struct work {
    std::map<uint64_t, item<N>> tree; std::vector<item<N>> list;
    std::unordered_map<uint64_t, std::shared_ptr<item<N>>> table; std::function<uint64_t(uint64_t)> next;
    uint64_t mix(uint64_t x) const { x ^= x >> 33; x *= 0xff51afd7ed558ccdull; return x ^ (x >> 29) ^ N; }
    uint64_t go(uint64_t x) {
        for (int i = 0; i < 4; i++) { x = mix(x); list.emplace_back(x); tree.emplace(x & 31, item<N>(x)); }
        std::sort(list.begin(), list.end());
        table[x & 15] = std::make_shared<item<N>>(x);
        next = [this](uint64_t y) { return mix(y) + list[y % list.size()].value + tree.begin()->second.value; };
        return x + next(x);
    }
};
}
extern "C" uint64_t ns0000_run(uint64_t x) {
BODY    return x;
}
"""

MAIN = """
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
typedef uint64_t run(uint64_t);
%s
static run *const runs[] = { %s };
static double until;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void *go(void *arg)
{
    for (uint64_t x = (uintptr_t)arg; now() < until;)
        for (unsigned i = 0; i < sizeof(runs) / sizeof(*runs); i++) x += runs[i](x);
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t t[64];
    int n = atoi(argv[2]);
    until = now() + atof(argv[1]);
    for (long i = 1; i < n && i < 64; i++) pthread_create(&t[i], NULL, go, (void *)i);
    go(NULL);
    for (long i = 1; i < n && i < 64; i++) pthread_join(t[i], NULL);
    return 0;
}
"""


def debug_bytes(path):
    """All .debug_* sections of an ELF file, as they lie there."""
    d = run(["readelf", "-SW", path])
    check(d.rc == 0, d)
    return sum(int(m.group(1), 16) for m in
               re.finditer(r"\] \.debug_\w+\s+PROGBITS\s+\S+\s+\S+\s+(\S+)", d.out))


def compile_to(folder, name, text, *options):
    compiler = shutil.which("clang++") or shutil.which("g++")
    if not compiler:
        raise Skip("no C++ compiler")
    source = os.path.join(folder, name)
    with open(source, "w") as f:
        f.write(text)
    d = run([compiler, "-c", source, "-o", source + ".o"] + list(options), 600)
    check(d.rc == 0, d)
    return source + ".o"


def make_binary(folder):
    """The binary and how long it took; it is made once."""
    path = os.path.join(folder, "giant")
    begun = time.monotonic()
    if os.path.exists(path) and debug_bytes(path) >= GOAL:
        return path, 0.0
    os.makedirs(folder, exist_ok=True)
    check(shutil.disk_usage(folder).free > 6 * GOAL, "less than 6 GB of room in", folder)
    body = "".join("    { ns0000::work<%d> w; x += w.go(x); }\n" % i for i in range(TEMPLATES))
    unit = compile_to(folder, "ns0000.cc", UNIT.replace("BODY", body), "-std=c++17", "-O1", "-g")
    n = GOAL // debug_bytes(unit) + 1
    while True:
        names = ["ns%04d" % i for i in range(n)]
        link(folder, path, unit, names)
        if debug_bytes(path) >= GOAL:
            return path, time.monotonic() - begun
        n = int(n * GOAL / debug_bytes(path) * 1.02) + 1  # strings that units share are kept once
        check(n < 4000, "the debug information does not grow")


def link(folder, path, unit, names):
    with open(unit, "rb") as f:
        first = f.read()
    objects = []
    for name in names:
        objects.append(os.path.join(folder, name + ".o"))
        with open(objects[-1], "wb") as f:
            f.write(first.replace(b"ns0000", name.encode()))
    runs = [n + "_run" for n in names]
    main = compile_to(folder, "main.c", MAIN % ("".join("extern \"C\" run %s;\n" % r for r in runs),
                                                ", ".join(runs)), "-O1", "-x", "c++")
    linker = next(("-fuse-ld=" + x for x in ("mold", "lld") if shutil.which("ld." + x)), "-g")
    compiler = shutil.which("clang++") or shutil.which("g++")
    d = run([compiler, linker, "-o", path, main] + objects + ["-lpthread"], 900)
    for o in objects:
        os.unlink(o)
    check(d.rc == 0, str(d)[-1500:])


def sampled(path, seconds, options):
    """One run of waggle beside the binary: its ledger and resources, and how long it took to end."""
    folder = scratch()
    p = start([path, seconds + 30, CPUS])
    time.sleep(0.5)
    w = start_logged([WAGGLE, "-q", "-F", HZ, "--json", "-o", folder + "/x.waggle"] +
                     tools.full_rate() + options + ["600"])
    time.sleep(seconds)
    begun = time.monotonic()
    os.kill(w.pid, signal.SIGINT)
    used, rss = tools.reap(w, 600)
    ended = time.monotonic() - begun
    stop(p)
    check(w.returncode == 0, said(w)[-1000:])
    text = said(w)
    ledger = json.loads(text[text.index("{"):])["ledger"]
    return {"ledger": ledger, "cpu": used.ru_utime + used.ru_stime, "rss": rss, "ended": ended}


def giant(seconds=20):
    print("## Sampling at 10 kHz while 1 GB of debug information is named\n")
    progress("a binary of 1 GB of debug information")
    try:
        path, took = make_binary(os.path.join(BUILD, "bench/giant"))
    except (Skip, AssertionError) as e:
        print("not measured: %s\n" % str(e).splitlines()[0][:300])
        return {}
    print("%s of debug information in %s%s.\n" % (
        size(debug_bytes(path)), size(os.path.getsize(path)), ", made in %.0f s" % took if took else ""))
    rows, lost = [], {}
    for name, options in (("without names", ["--no-names"]), ("with names", [])):
        progress("giant", name)
        m = sampled(path, seconds, options)
        keys = [k for k, v in m["ledger"].items() if k.startswith("lost_") and isinstance(v, int) and v]
        lost[name] = sum(m["ledger"][k] for k in keys)
        rows.append([name, "%d" % m["ledger"]["samples_taken"],
                     ", ".join("%s %d" % (k, m["ledger"][k]) for k in keys) or "none",
                     "%d of %d" % (m["ledger"]["frames_distinct"] - m["ledger"]["frames_unnamed"],
                                   m["ledger"]["frames_distinct"]),
                     "%.1f s" % m["cpu"], "%.1f s" % m["ended"], size(m["rss"])])
    table(["%d s at 10 kHz" % seconds, "samples", "lost", "distinct frames named", "waggle's CPU", "from ^C to the end",
           "peak RSS"], rows)
    return {"lost": lost["with names"]}

"""names.py [FILE..] - the benchmark of names (bench/run.sh names): random addresses of large programs, waggle
dump lines beside addr2line and llvm-symbolizer in one run, as a Markdown table.

For each file: NAMES_COUNT (10000) random addresses of its code with a fixed seed. Times are those of the whole
process, wall and processor time; best of NAMES_ROUNDS (1) after one run that fills the page cache. "warm" is
waggle asked again in the same process. Answers are compared with llvm-symbolizer's; "same" counts the classes
alias, comp_dir, marker and path of test/dwarf/chains.py, where they mean the same or it errs. Without files: the debug files of libjvm (openjdk-17-dbg) as they are and uncompressed,
libpython (libpython3.11-dbg), and a program of NAMES_UNITS (40) generated units of C++ by clang++ -O2 -g.
"""
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "test/dwarf"))

import chains   # noqa: E402

COUNT = int(os.environ.get("NAMES_COUNT", "10000"))
ROUNDS = int(os.environ.get("NAMES_ROUNDS", "1"))
UNITS = int(os.environ.get("NAMES_UNITS", "40"))
WAGGLE = os.path.join(os.path.abspath(os.environ.get("B", "build")), "waggle")

UNIT = """#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
namespace u%(i)d {
template <int N> struct node { std::map<std::string, std::vector<double>> m; std::set<int> s;
	double add(const std::string &k, double v) { auto &x = m[k]; x.push_back(v * N); s.insert(int(v));
		std::sort(x.begin(), x.end(), [](double a, double b) { return a * N < b; });
		return x.front() + node<N - 1>().add(k + "x", v); } };
template <> struct node<0> { double add(const std::string &, double v) { return v; } };
}
double run%(i)d(const std::string &t) {
	std::unordered_map<std::string, std::shared_ptr<u%(i)d::node<12>>> all; std::ostringstream out;
	std::regex r("([a-z]+)%(i)d(\\\\d*)"); std::smatch m;
	if (std::regex_search(t, m, r)) out << m[1] << m.size();
	auto &p = all[out.str()]; p = std::make_shared<u%(i)d::node<12>>();
	std::function<double(double)> f = [&](double v) { return p->add(t, v); };
	return f(%(i)d);
}
"""


def generated(work):
    if not shutil.which("clang++"):
        return None
    calls = []
    for i in range(UNITS):
        with open("%s/u%d.cc" % (work, i), "w") as f:
            f.write(UNIT % {"i": i})
        calls.append("run%d" % i)
    with open(work + "/main.cc", "w") as f:
        f.write("#include <string>\n")
        f.writelines("double %s(const std::string &);\n" % c for c in calls)
        f.write("int main(int, char **v) { return int(%s); }\n" % "+".join(c + "(v[0])" for c in calls))
    make = "".join("u%d.o: u%d.cc\n\tclang++ -O2 -g -c $<\n" % (i, i) for i in range(UNITS))
    objects = " ".join("u%d.o" % i for i in range(UNITS))
    with open(work + "/Makefile", "w") as f:
        f.write("prog: %s main.cc\n\tclang++ -O2 -g -o $@ $^\n" % objects + make)
    done = subprocess.run(["make", "-s", "-j2", "-C", work, "prog"])
    return work + "/prog" if done.returncode == 0 else None


def debug_file(path):
    """The separate debug file of a library of Debian, by its build id."""
    if not os.path.exists(path):
        return None
    out = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    m = re.search(r"Build ID: (\w\w)(\w+)", out)
    found = m and "/usr/lib/debug/.build-id/%s/%s.debug" % m.groups()
    return found if found and os.path.exists(found) else None


def defaults(work):
    jvm = debug_file("/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so")
    if jvm:
        plain = work + "/libjvm.debug"
        subprocess.run(["objcopy", "--decompress-debug-sections", jvm, plain], check=True)
        yield "libjvm, uncompressed (gcc)", plain
        yield "libjvm, compressed (gcc)", jvm
    python = debug_file("/usr/bin/python3.11")
    if python:
        yield "python3.11 (gcc, LTO)", python
    own = generated(work)
    if own:
        yield "generated C++ (clang)", own


def addresses(path):
    out = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True).stdout
    m = re.search(r"\.text +\w+ +(\w+) +\w+ +(\w+)", out)
    start, size = int(m.group(1), 16), int(m.group(2), 16)
    rng = random.Random(1)
    return "".join("%#x\n" % rng.randrange(start, start + size) for _ in range(COUNT))


def timed(command, text):
    """(wall, processor seconds, output, errors), the best of the rounds."""
    best = None
    for i in range(ROUNDS + 1):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if i and (not best or wall < best[0]):
            best = (wall, cpu, done.stdout, done.stderr)
    return best


def measure_file(what, path):
    """Prints a row; returns what the bars want: times faster than the faster peer, warm a second, equal."""
    text = addresses(path)
    ours = timed([WAGGLE, "dump", "lines", path], text)
    llvm = timed(["llvm-symbolizer", "--obj=" + path, "--inlines", "--functions=linkage",
                  "--no-demangle"], text)
    gnu = timed(["addr2line", "-i", "-f", "-e", path], text)
    warm = timed([WAGGLE, "dump", "lines", "--passes", "5", "--memory", "1024", path], text)[3]
    passes = re.findall(r"in ([\d.]+) ms, ([\d.]+) ms of CPU", warm)[1:]
    wall, cpu = (COUNT / min(float(p[i]) for p in passes) for i in (0, 1))
    a, b = chains.parse(ours[2]), chains.parse(llvm[2])
    counts, example = chains.compare(a, b, chains.symbols(path))
    same = counts["equal"] + sum(counts.get(c, 0) for c in ("alias", "comp_dir", "marker", "path"))
    counts.pop("equal")
    print("| %s | %d MiB | %.2f s (%.2f) | %.2f s (%.2f) | %.2f s (%.2f) | %.1f / %.1f | %.0f k/s (%.0f) | "
          "%.2f %% | %s |" % (
              what, os.path.getsize(path) >> 20, ours[0], ours[1], llvm[0], llvm[1], gnu[0], gnu[1],
              llvm[0] / ours[0], gnu[0] / ours[0], wall, cpu, 100 * same / COUNT,
              ", ".join("%s %d" % kv for kv in sorted(counts.items()) if kv[1]) or "-"), flush=True)
    if example:
        print("names: not explained:", *example, sep="\n  ", file=sys.stderr)
    return min(llvm[0], gnu[0]) / ours[0], wall, same / COUNT


def measure(paths=()):
    """The table; the worst of all files for the bars."""
    print("## Names\n")
    print("| %d addresses of | size | waggle, wall (CPU) | llvm-symbolizer | addr2line | times faster | "
          "warm, wall (CPU) | same | by class |" % COUNT)
    print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as work:
        named = [(os.path.basename(p), p) for p in paths]
        all_files = [measure_file(what, path) for what, path in named or defaults(work)]
    print(flush=True)
    if not all_files:
        return {}
    return dict(zip(("ratio", "warm", "equal"), map(min, zip(*all_files))))


if __name__ == "__main__":
    measure(sys.argv[1:])

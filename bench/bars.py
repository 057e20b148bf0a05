"""bars.py - the bars this project set itself beside what was measured in this run, one row a bar."""
from show import *


def bars(sides, first, foot, conversion, cost, giant, names, look):
    rows = []

    def bar(what, limit, value, words, ok):
        rows.append([what, limit, words(value) if value is not None else "not measured",
                     "-" if value is None else "yes" if ok(value) else "**no**"])

    def share(x):
        return "%.2f %%" % (100 * x)

    def ms(x):
        return "%.0f ms" % (1000 * x)

    def times(x):
        return "%.2fx" % x
    ratios = [m["perf --call-graph dwarf"]["wrote"] / m["waggle"]["wrote"] for m in sides.values()
              if "waggle" in m and "perf --call-graph dwarf" in m]
    bar("ns a frame against bpf_get_stackid's, warm", "<= 1.0x", cost.get("warm"), times, lambda x: x <= 1.0)
    bar("the same, caches thrashed between samples (the worse of 99 and 999 Hz)", "<= 1.5x", cost.get("cold"), times,
        lambda x: x <= 1.5)
    bar("own CPU at 99 Hz, share of a busy machine after warm-up", "<= 0.3 %", foot.get("steady"), share,
        lambda x: x <= 0.003)
    bar("peak RSS + BPF memory with clang, node, postgres, java", "<= 60 MB", foot.get("memory"), lambda x: "%.1f MB" % (x / 1e6),
        lambda x: x <= 60e6)
    bar("samples lost there", "0", foot.get("lost"), str, lambda x: x == 0)
    bar("bytes for a row of unwind tables, all in", "<= 4.7", foot.get("row"), lambda x: "%.2f" % x,
        lambda x: x <= 4.7)
    bar("rows of unwind tables built a second on one processor", ">= 10 M", foot.get("rate"), lambda x: "%.1f M" % (x / 1e6),
        lambda x: x >= 10e6)
    bar("start to first whole sample, nothing cached", "<= 150 ms", first.get("cold"), ms, lambda x: x <= 0.15)
    bar("the same with the disk cache", "<= 50 ms", first.get("cached"), ms, lambda x: x <= 0.05)
    bar("10,000 addresses with inlines, against the faster of addr2line and llvm-symbolizer", ">= 3x",
        names.get("ratio"), lambda x: "%.1fx" % x, lambda x: x >= 3)
    bar("addresses named a second, warm", ">= 250 k", names.get("warm"), lambda x: "%.0f k" % (x / 1e3),
        lambda x: x >= 250e3)
    bar("answers equal to llvm-symbolizer's", ">= 99.5 %", names.get("equal"), share, lambda x: x >= 0.995)
    bar("samples lost at 10 kHz while naming 1 GB of debug info", "0", giant.get("lost"), str, lambda x: x == 0)
    bar("written, against perf's DWARF mode (worst load)", ">= 50x less", min(ratios, default=None),
        lambda x: "%.0fx" % x, lambda x: x >= 50)
    bar("folded to SVG, against flamegraph.pl", ">= 20x faster", conversion.get("svg"), lambda x: "%.1fx" % x,
        lambda x: x >= 20)
    bar("own CPU of a served capture that nobody looks at, of one processor", "<= 1 %", look.get("alone"), share,
        lambda x: x <= 0.01)
    bar("the same with terminal and page open", "<= 5 %", look.get("both"), share, lambda x: x <= 0.05)
    bar("its highest memory in the last third of the run, against the second", "<= 1 MiB", look.get("growth"), lambda x: "%.1f MiB" % x,
        lambda x: x <= 1)
    bar("samples lost there", "0", look.get("lost"), str, lambda x: x == 0)
    print("## Against the project's own bars\n")
    table(["", "bar", "measured", "reached"], rows)

"""show.py - how the benchmark prints: Markdown tables on standard output, progress on standard error."""
import sys


def progress(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if i == 0 else "--:" for i in range(len(head))) + "|")
    for r in rows:
        print("| " + " | ".join(r) + " |")
    print(flush=True)


def size(n):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024 or unit == "GiB":
            return ("%d %s" if unit == "B" or n >= 100 else "%.1f %s") % (n, unit)
        n /= 1024


def percent(x):
    return "%+.1f %%" % (100 * x)

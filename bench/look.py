"""look.py - captures that stay open: first a page that nobody looks at, then terminal and page together for
BENCH_MINUTES (30), beside the four kinds of programs of footprint.py. What waggle takes of one processor, whether
its memory stays where it is, and whether anything was lost.

The terminal is a real one (tmux), the page is open in a real Chromium (look.mjs says what it shows).
"""
import json
import os
import re
import shutil
import sys
import time
import urllib.request

from harness import *
from footprint import Busy
from show import *

sys.path.append(os.path.join(ROOT, "test/tui"))
import terminal  # noqa: E402

MINUTES = float(os.environ.get("BENCH_MINUTES", "30"))
ALONE = 120   # seconds nobody looks
WARM = 30     # files are met, tables built, names found
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def rss_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1)) / 1024


def watch(pid, seconds, step=10):
    """[(seconds, processor seconds, MiB)]"""
    begun, rows = time.monotonic(), []
    while True:
        now = time.monotonic() - begun
        rows.append((now, cpu_of(pid), rss_of(pid)))
        if now >= seconds:
            return rows
        time.sleep(min(step, max(0.1, seconds - now)))


def share(rows):
    return (rows[-1][1] - rows[0][1]) / (rows[-1][0] - rows[0][0])


def page_of(err):
    """The address that a capture said in this file."""
    check(wait_for(lambda: os.path.exists(err) and "live page at" in open(err).read()), "no page")
    return re.search(r"live page at (\S+)", open(err).read()).group(1)


def ledger_of(url):
    """Asked of the server, for with -o all samples would have to be kept until the end."""
    path, token = url.split("?token=")
    request = urllib.request.Request(path + "api/ledger", headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["ledger"]


def lost_of(ledger):
    """What the kernel's timer left out is the machine's, and told apart in the ledger."""
    return ledger["lost"] - ledger["lost_timer"]


def nobody(folder):
    err = folder + "/alone.err"
    with open(err, "w") as f:
        w = start([WAGGLE, "cpu", "--serve", "--port", "0", str(ALONE + WARM + 60)], stderr=f)
    url = page_of(err)
    time.sleep(WARM)
    rows = watch(w.pid, ALONE)
    ledger = ledger_of(url)
    stop(w)
    return rows, ledger


def browser(url):
    web = os.path.join(BUILD, "web-test")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium or not os.path.isdir(web + "/node_modules/playwright-core"):
        raise Skip("no Chromium, or test/web/run.sh never ran")
    return start_logged(["node", os.path.join(ROOT, "bench/look.mjs"), web, url], env=dict(os.environ, CHROMIUM=chromium))


def both(folder):
    err = folder + "/both.err"
    terminal.begin()
    t = terminal.Terminal("%s cpu --tui --serve --port 0 2>%s" % (WAGGLE, err), width=160, height=48)
    try:
        url = page_of(err)
        pid = t.pid()
        page = browser(url)
        time.sleep(WARM)
        rows = watch(pid, 60 * MINUTES)
        ledger, seen = ledger_of(url), said(page).splitlines()
        stop(page)
        t.keys("q")
        t.shows(r"left with \d", seconds=60)
    finally:
        t.close()
        terminal.end_all()
    return rows, ledger, seen


def minute_by_minute(rows, seen):
    """A tenth of the run each."""
    lines, n = [], len(rows)
    for i in range(10):
        part = rows[i * (n - 1) // 10: (i + 1) * (n - 1) // 10 + 1]
        if len(part) > 1:
            lines.append(["%.1f min" % (part[-1][0] / 60), "%.1f %%" % (100 * share(part)), "%.1f" % part[-1][2],
                          seen[(i + 1) * len(seen) // 10 - 1] if seen else ""])
    table(["until", "of one processor", "RSS, MiB", "the page"], lines)


def highest(rows, third):
    """The most memory in that third of the time: it goes up and down with what is given up from time to time."""
    n = len(rows)
    return max(row[2] for row in rows[third * n // 3: (third + 1) * n // 3])


def looks():
    """{"alone": share of one processor, "both": the same, "growth": MiB, "lost": samples}"""
    print("## Captures that stay open\n")
    busy, folder = Busy(), scratch()
    busy.begin()
    try:
        progress("nobody looks")
        alone, alone_ledger = nobody(folder)
        progress("terminal and page")
        rows, ledger, seen = both(folder)
    except Skip as e:
        print("skipped: %s\n" % e)
        return {}
    finally:
        busy.end()
    lost = lost_of(alone_ledger) + lost_of(ledger)
    growth = highest(rows, 2) - highest(rows, 1)
    table(["", "seconds", "of one processor", "RSS at the end", "samples", "lost"], [
        ["the page, nobody looks", "%d" % ALONE, "%.2f %%" % (100 * share(alone)), "%.1f MiB" % alone[-1][2],
         str(alone_ledger["samples_taken"]), str(lost_of(alone_ledger))],
        ["terminal and page, both open", "%d" % rows[-1][0], "%.2f %%" % (100 * share(rows)),
         "%.1f MiB" % rows[-1][2], str(ledger["samples_taken"]), str(lost_of(ledger))]])
    print("Ticks that the kernel's timer left out: %d and %d.\n" %
          (alone_ledger["lost_timer"], ledger["lost_timer"]))
    print("RSS was %.1f MiB at the most in the first third, %.1f in the second, %.1f in the last: %+.1f MiB.\n" %
          (*(highest(rows, third) for third in range(3)), growth))
    minute_by_minute(rows, seen)
    if busy.missing:
        print("Missing: %s\n" % "; ".join(busy.missing))
    return {"alone": share(alone), "both": share(rows), "growth": growth, "lost": lost}

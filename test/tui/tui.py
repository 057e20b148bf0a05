"""tui.py - `waggle top` and --tui in a real terminal: every view and key, sizes, colours, a recording and live
captures. What is asserted is what is on the screen."""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from terminal import Terminal, begin, close_windows, end_all, tmux  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("B", os.path.join(ROOT, "build")))
WAGGLE = os.path.join(BUILD, "waggle")
PHASES = os.path.join(BUILD, "test/workload/phases")
CONVOY = os.path.join(BUILD, "test/workload/convoy")
WAITS = os.path.join(ROOT, "test/cli/off.waggle")
WORK = tempfile.mkdtemp(prefix="waggle-tui-")
CASES = []


class Skip(Exception):
    pass


def case(title):
    def add(function):
        CASES.append((title, function))
        return function
    return add


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


def recording():
    """A profile of known numbers: 60 % stir, 20 % chop, 20 % dine."""
    path = os.path.join(WORK, "meal.folded")
    if not os.path.exists(path):
        with open(path, "w") as f:
            f.write("chef;main;cook;stir 30\nchef;main;cook;stir;sys_stir_[k] 30\nchef;main;cook;chop 20\nchef;main;dine 20\n")
    return path


def direct():
    """Descriptions of terminals with direct colours: Debian has them in a package of their own."""
    source = os.path.join(WORK, "direct.ti")
    with open(source, "w") as f:
        f.write("tmux-direct|tmux with direct colours,\n\tRGB, colors#0x1000000, pairs#0x7FFF,\n"
                "\tsetab=\\E[48\\:2\\:\\:%p1%{65536}%/%d\\:%p1%{256}%/%{255}%&%d\\:%p1%{255}%&%dm,\n"
                "\tsetaf=\\E[38\\:2\\:\\:%p1%{65536}%/%d\\:%p1%{256}%/%{255}%&%d\\:%p1%{255}%&%dm,\n"
                "\tuse=tmux-256color,\n")
    subprocess.run(["tic", "-x", "-o", WORK + "/terminfo", source], check=True, capture_output=True)
    return WORK + "/terminfo"


def live():
    if os.geteuid():
        raise Skip("needs root")


def report(path, *args):
    done = subprocess.run([WAGGLE, "report", "-q", "-f", path, *args], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    return dict((stack, int(n)) for stack, n in (l.rsplit(" ", 1) for l in done.stdout.splitlines()))


# -- a file ----------------------------------------------------------------------------------------

@case("a file: every view by Tab, and by its own key")
def views():
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 % +100")
    for name, sign in (("Top", r"self\(1\) total\(2\)"), ("Processes", r"share +value"),
                       ("Heat", "no samples yet|at 0 s"), ("Waits", "no waits in it"),
                       ("Ledger", "The live model"), ("Output", "No command was started"),
                       ("Flame", r"all +100\.0 %")):
        t.keys("Tab")
        t.shows(sign)
    for key, sign in (("t", r"self\(1\)"), ("p", "share +value"), ("o", "No command"), ("W", "no waits"),
                      ("F", r"100\.0 %")):
        t.keys(key)
        t.shows(sign)
    t.keys("BTab")
    t.shows("No command")
    t.keys("?")
    t.shows("Keys of the view: Output")
    t.keys("x")
    t.hides("Keys of the view")
    t.keys("q")
    t.shows("left with 0")


@case("a file: moving, zooming, searching, opening")
def moving():
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 %")
    t.keys("Down", "j", "j", "j")
    t.shows(r"^stir +60\.0 %")
    t.keys("h")
    t.shows(r"^chop +20\.0 %")
    t.keys("l", "Up")
    t.shows(r"^cook +80\.0 %")
    t.keys("Enter")
    t.hides("dine")
    t.keys("Escape")
    t.shows("dine")
    t.keys("/")
    t.type("^st")
    t.keys("Enter")
    t.shows(r"^stir +60\.0 %")
    t.keys("#", "t")
    t.shows(r"/stir")
    t.keys("n", "Enter")
    t.shows(r"▲ cook")
    t.shows(r"▼ sys_stir")
    t.keys("2")
    t.shows(r"100\.0 % .* main$")
    t.keys("q")


@case("a file: the mouse selects, zooms, and changes the view")
def mouse():
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows("dine")
    lines = t.text().splitlines()
    y = next(i for i, l in enumerate(lines) if "cook" in l and i > 1)
    x = lines[y].index("cook")
    t.mouse(x, y)
    t.shows(r"^cook +80\.0 %")
    t.mouse(x, y, up=True)
    t.mouse(x, y)
    t.mouse(x, y, up=True)
    t.hides("dine")
    t.mouse(9, 1)
    t.shows(r"self\(1\)")
    t.keys("q")


@case("a file: 40x10, 250x80 and back, without a line out of place")
def sizes():
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 %")
    for width, height in ((40, 10), (250, 80), (20, 5), (100, 30)):
        t.resize(width, height)
        t.shows(r"\A(?:[^\n]*\n){%d}[^\n]*everything" % (height - 1))
        for _ in range(7):
            t.keys("Tab")
            time.sleep(0.1)
            text = t.text()
            check(len(text.splitlines()) == height and max(map(len, text.splitlines())) <= width, text)
            check(text.splitlines()[0].startswith(" waggle top"), text)
    t.shows(r"cook")
    t.keys("q")
    t.shows("left with 0")


@case("a file: exact, 256 and 8 colours, none with NO_COLOR, ASCII in the C locale")
def colours():
    many = Terminal("%s top %s" % (WAGGLE, recording()))
    many.shows("cook")
    check(len(set(re.findall(r"\033\[(?:38;5;\d+;)?48;5;(\d+)m", many.text(True)))) >= 3, many.text(True))
    many.keys("c", "c")
    many.shows("colours plain")
    exact = Terminal("%s top %s" % (WAGGLE, recording()), env=[("COLORTERM", "truecolor"), ("TERMINFO", direct())])
    exact.shows("cook")
    check(len(set(re.findall(r"48;2;(\d+;\d+;\d+)m", exact.text(True)))) >= 3, exact.text(True))
    few = Terminal("%s top %s" % (WAGGLE, recording()), term="xterm-color")
    few.shows("cook")
    check(re.search(r"\033\[(?:\d+;)*4[0-7]m", few.text(True)), few.text(True))
    none = Terminal("%s top %s" % (WAGGLE, recording()), env=[("NO_COLOR", "1")])
    none.shows(r"\|cook")
    check(not re.search(r"\033\[(?:\d+;)*(?:3[0-7]|4[0-7]|38;|48;)", none.text(True)), none.text(True))
    plain = Terminal("%s top %s" % (WAGGLE, recording()), env=[("LC_ALL", "C")])
    plain.keys("t", "Enter")
    plain.shows("self")
    check(plain.text().isascii(), plain.text())
    for t in (many, exact, few, none, plain):
        t.keys("q")


@case("a file: copies the stack to the terminal's clipboard")
def copies():
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 %")
    t.keys("j", "j", "j", "j", "y")
    t.shows("copied: chef;main;cook;stir")
    until = time.monotonic() + 5
    while "chef;main;cook;stir" != tmux("show-buffer", check=False).strip():
        check(time.monotonic() < until, "not in the clipboard:", tmux("show-buffer", check=False))
        time.sleep(0.1)
    t.keys("q")


@case("a file: saves what is shown, by the name's end, and says what went wrong")
def saves():
    path = os.path.join(WORK, "saved.folded")
    t = Terminal("%s top %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 %")
    t.keys("w")
    t.type(path)
    t.keys("Enter")
    t.shows("saved to")
    check(sum(report(path).values()) == 100, report(path))
    t.keys("w")
    t.type("/no/such/place.svg")
    t.keys("Enter")
    t.shows("No such file")
    t.keys("w")
    t.type("nothing")
    t.keys("Enter")
    t.shows(r"\.svg")
    t.keys("q")


@case("a file of waits: classes, places, locks, shares by group")
def waits():
    t = Terminal("%s top %s" % (WAGGLE, WAITS), 120, 36)
    t.keys("W")
    t.shows(r"^share +time +waits +longest +class")
    t.shows(r"lock +waiting for a lock")
    t.keys("L")
    t.shows("locks, hottest first")
    t.keys("L", "p")
    t.shows("cpu  block  idle ready")
    t.keys("s")
    t.shows("on processor only")
    t.keys("s")
    t.shows("waiting only")
    t.keys("q")
    t.shows("left with 0")


@case("a file: only the part that was asked for")
def part():
    t = Terminal("%s top --drop dine --focus cook %s" % (WAGGLE, recording()))
    t.shows(r"all +100\.0 % +80 ")
    t.hides("main")
    t.keys("q")


@case("a heat map of a file: a range is what all views show, and what report gives for it")
def ranges():
    live()
    path = os.path.join(WORK, "range.waggle")
    done = subprocess.run([WAGGLE, "-q", "--max-overhead", "100", "-o", path, "--", PHASES, "2"], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    t = Terminal("%s top %s" % (WAGGLE, path))
    t.shows(r"all +100\.0 %")
    t.keys("Tab", "Tab", "Tab")
    t.shows("at [34] s")
    t.keys("g", "Space", "Space", "F")
    t.shows(r"0\.0 s to 1\.0 s")
    shown = int(t.shows(r"^all +100\.0 % +(\d+) ").group(1))
    check(shown == sum(report(path, "--from", "0", "--to", "1").values()), shown)
    saved = os.path.join(WORK, "part.folded")
    t.keys("w")
    t.type(saved)
    t.keys("Enter")
    t.shows("saved to")
    check(any("boil" in s for s in report(saved)) and not any("fry" in s for s in report(saved)), report(saved))
    t.keys("Escape")
    t.shows("everything")
    t.keys("q")


@case("where there is no terminal to work on it says so")
def refused():
    done = subprocess.run([WAGGLE, "top", recording()], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(done.returncode == 1 and "needs a terminal" in done.stderr, done)
    t = Terminal("%s top %s" % (WAGGLE, recording()), term="dumb")
    t.shows("cannot work on a terminal of type")
    t.shows("left with 1")
    t = Terminal("%s top %s" % (WAGGLE, recording()), term="no-such-terminal")
    t.shows("nothing is known of a terminal")


# -- live ------------------------------------------------------------------------------------------

@case("live: a command, its output, new functions within moments, its end")
def command():
    live()
    t = Terminal("%s top --max-overhead 100 --exit-with-child -- %s 4" % (WAGGLE, PHASES))
    t.shows(r"boil", 6)
    t.keys("o")
    t.shows(r"^boil$")
    t.hides(r"^fry$", 0.1)
    t.keys("t")
    t.shows(r"boil")
    t.keys("o")
    t.shows(r"^fry$", 8)
    begun = time.monotonic()
    t.keys("t")
    t.shows(r" fry", 4)
    took = time.monotonic() - begun
    print("  a new function was on the screen %.1f s after it began" % took)
    t.shows(r"ended [0-9.]+ s", 10)
    t.shows(r"boil")
    t.keys("F")
    t.shows(r"boil")
    check(took < 2.5, "a new function after", took)
    t.keys("q")
    t.shows("left with 3")


@case("live: freezing, last seconds, counting anew; leaving ends the command")
def freezing():
    live()
    t = Terminal("%s top --max-overhead 100 -- %s 100" % (WAGGLE, PHASES))
    t.shows(r"boil", 6)
    t.keys("z")
    t.shows("FROZEN")
    time.sleep(0.3)
    first = t.shows(r"^all .*").group(0)
    time.sleep(1.5)
    check(t.shows(r"^all .*").group(0) == first, "it moved:", first)
    t.keys("z")
    t.shows(r"^all +100\.0 % +(?!" + re.search(r"% +(\d+)", first).group(1) + " )")
    t.keys("m")
    t.shows("last 10 s")
    t.keys("m", "m")
    t.shows("fading")
    t.keys("x")
    t.shows(r"since [0-9.]+ s")
    child = int(subprocess.run(["pgrep", "-f", "^%s 100" % PHASES], capture_output=True, text=True).stdout.split()[0])
    t.keys("q")
    t.shows("left with 0")
    check(not os.path.exists("/proc/%d" % child), "the command still runs")


@case("live: -o is written afterwards; the whole, whatever was looked at")
def outputs():
    live()
    path = os.path.join(WORK, "out.waggle")
    t = Terminal("%s cpu --max-overhead 100 --tui -o %s -- %s 1.5" % (WAGGLE, path, PHASES))
    t.shows(r"ended", 10)
    shown = int(t.shows(r"^all +100\.0 % +(\d+) ").group(1))
    t.keys("Tab", "Tab", "Tab")
    t.shows("at [23] s")
    t.keys("g", "l", "Space", "Space", "F")
    t.shows(r"1\.0 s to 2\.0 s")
    part = int(t.shows(r"^all +100\.0 % +(\d+) ").group(1))
    t.keys("q")
    t.shows("left with 0")
    stacks = report(path)
    check(part == sum(report(path, "--from", "1", "--to", "2").values()), "a range:", part)
    check(sum(stacks.values()) == shown, shown, sum(stacks.values()))
    check(any("boil" in s for s in stacks) and any("fry" in s for s in stacks), stacks)


@case("live: the terminal and the page of one capture, both at once")
def both():
    live()
    t = Terminal("%s cpu --max-overhead 100 --tui --serve -- %s 100" % (WAGGLE, PHASES))
    t.shows(r"boil", 8)
    t.shows(r"page: Ledger")
    t.keys("BTab", "BTab")
    url, token = t.shows(r"^ +(http://127\.0\.0\.1:\d+/)\?token=([0-9a-f]{32})$").groups()

    def ask(path):
        asked = urllib.request.Request(url + path, headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.read()

    t.keys("F")
    first = int(t.shows(r"^all +100\.0 % +(\d+) ").group(1))
    t.shows(r"boil")
    ledger = json.loads(ask("api/ledger"))
    check(ledger["state"]["phase"] == "running" and ledger["state"]["samples"] >= first, ledger["state"], first)
    # A timer that fired less often than it should have is the machine's loss; nothing else may be lost.
    check(ledger["ledger"]["lost"] == ledger["ledger"]["lost_timer"] <= 0.05 * ledger["ledger"]["ticks_expected"], ledger["ledger"])
    check(b"boil" in ask("api/profile"), "the page is not shown what the terminal shows")
    folded = ask("api/export.folded").decode().splitlines()
    check(any(";boil" in line for line in folded), folded)
    last = int(t.shows(r"^all +100\.0 %% +(?!%d )(\d+) " % first, 8).group(1))
    check(last > first, "the terminal goes on beside the page:", first, last)
    t.shows(r" \d+ taken +\d+ lost")
    t.keys("q")
    t.shows("left with 0", 10)
    try:
        ask("health")
        check(False, "the server is still there")
    except urllib.error.URLError as e:
        check(isinstance(e.reason, ConnectionRefusedError), e)


@case("live: waits, by class and place")
def blocked():
    live()
    t = Terminal("%s off --max-overhead 100 --tui -- %s 4000000 4 mutex" % (WAGGLE, CONVOY), 120, 36)
    t.keys("W")
    t.shows(r"lock +waiting for a lock", 10)
    t.shows(r"convoy", 10)
    t.keys("q")
    t.shows("left with 0", 10)


@case("live: a signal gives the terminal back, and Ctrl-C leaves")
def signals():
    live()
    t = Terminal("%s top --max-overhead 100 -- %s 100" % (WAGGLE, PHASES))
    t.shows(r"boil", 6)
    os.kill(t.pid(), signal.SIGTERM)
    t.shows("left with", 10)
    t.hides("Flame  Top")
    t = Terminal("%s top --max-overhead 100 -- %s 100" % (WAGGLE, PHASES))
    t.shows(r"boil", 6)
    t.keys("C-c")
    t.shows("left with 0", 10)


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    begin()
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    for title, function in CASES:
        if not pattern.search(title):
            continue
        begun = time.monotonic()
        try:
            function()
            word, what = "passed", ""
        except Skip as e:
            word, what = "skipped", ": %s" % e
        except (AssertionError, IndexError, ValueError, OSError) as e:
            word, what = "failed", ": %s" % e
        close_windows()
        counts[word] += 1
        print("%-7s %s (%.1f s)%s" % (word, title, time.monotonic() - begun, what), flush=True)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["failed"] else 0


atexit.register(shutil.rmtree, WORK, True)
atexit.register(end_all)
sys.exit(main())

"""terminal.py - a real terminal to press keys in and read screens from: tmux, on a server of its own, which is ended
with the test. Standard library only."""
import os
import re
import subprocess
import time

SOCKET = "waggle-test-%d" % os.getpid()


def tmux(*args, check=True):
    done = subprocess.run(("tmux", "-L", SOCKET, "-f", "/dev/null") + args, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError("tmux %s: %s" % (" ".join(args), done.stderr))
    return done.stdout


def begin():
    """A session that stays: a server that has lost its last one is gone for the next."""
    tmux("new-session", "-d", "-s", "stays", "exec sleep 10000")
    tmux("set-option", "-g", "set-clipboard", "on")


def close_windows():
    for name in tmux("list-sessions", "-F", "#{session_name}").split():
        if name != "stays":
            tmux("kill-session", "-t", name, check=False)


def end_all():
    tmux("kill-server", check=False)


class Terminal:
    """One window that runs a command; `text()` is what is on its screen."""

    def __init__(self, command, width=100, height=30, env=(), term="tmux-256color"):
        sets = " ".join("%s=%s" % pair for pair in dict({"LC_ALL": "C.UTF-8", "TERM": term}, **dict(env)).items())
        unset = "" if any(k == "NO_COLOR" for k, _ in env) else "unset NO_COLOR; "
        self.name = "w%d" % time.monotonic_ns()
        tmux("new-session", "-d", "-s", self.name, "-x", str(width), "-y", str(height),
             "%sexec env %s sh -c '%s; echo \"left with $?\"; exec sleep 1000'" % (unset, sets, command))

    def text(self, colours=False):
        return tmux("capture-pane", "-p", "-t", self.name, *(["-e"] if colours else []))

    def keys(self, *keys):
        for key in keys:
            tmux("send-keys", "-t", self.name, key)

    def type(self, text):
        tmux("send-keys", "-t", self.name, "-l", text)

    def mouse(self, x, y, up=False):
        """As terminals that tmux speaks of report it: places below 95."""
        self.type("\033[M" + chr(32 + (3 if up else 0)) + chr(33 + x) + chr(33 + y))

    def resize(self, width, height):
        tmux("resize-window", "-t", self.name, "-x", str(width), "-y", str(height))

    def shows(self, pattern, seconds=8, colours=False):
        """Waits until the pattern is on the screen; the match."""
        until = time.monotonic() + seconds
        while True:
            text = self.text(colours)
            found = re.search(pattern, text, re.M)
            if found:
                return found
            if time.monotonic() > until:
                raise AssertionError("'%s' is not on the screen:\n%s" % (pattern, text))
            time.sleep(0.05)

    def hides(self, pattern, seconds=4):
        until = time.monotonic() + seconds
        while re.search(pattern, self.text(), re.M):
            if time.monotonic() > until:
                raise AssertionError("'%s' is still on the screen:\n%s" % (pattern, self.text()))
            time.sleep(0.05)

    def pid(self):
        """Of the program that runs in it."""
        shell = tmux("list-panes", "-t", self.name, "-F", "#{pane_pid}").strip()
        with open("/proc/%s/task/%s/children" % (shell, shell)) as f:
            return int(f.read().split()[0])

    def close(self):
        tmux("kill-session", "-t", self.name, check=False)

# opening.py - --open: the browser of the one who asked gets a link that works once, and where there is none it is
# said once and the server goes on. Browsers here are scripts that write down what they were given.
import atexit
import os
import re
import shutil
import tempfile
import time

from harness import BUILD, Server, check, test

WORK = tempfile.mkdtemp(prefix="waggle-open-", dir=BUILD)
GIVEN = os.path.join(WORK, "given")
FOLDED = os.path.join(WORK, "one.folded")
atexit.register(shutil.rmtree, WORK, True)


def browser(name):
    """A folder with one program in it, which writes its name and its arguments to GIVEN, a line each."""
    folder = os.path.join(WORK, name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(f"#!/bin/sh\nprintf '%s\\n' \"{name}\" \"$@\" >{GIVEN}.new\n/bin/mv {GIVEN}.new {GIVEN}\n")
    os.chmod(path, 0o755)
    return folder


def serve(path, **env):
    """A server with --open that finds its programs in `path` only; and what the browser was given, [] for nothing."""
    with open(FOLDED, "w") as f:
        f.write("main;work 7\n")
    if os.path.exists(GIVEN):
        os.unlink(GIVEN)
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SUDO_USER")}
    return Server("--open", FOLDED, env={**clean, "PATH": path, **env})


def given(seconds=10):
    end = time.time() + seconds
    while not os.path.exists(GIVEN) and time.time() < end:
        time.sleep(0.05)
    check(os.path.exists(GIVEN), "no browser was started")
    with open(GIVEN) as f:
        return f.read().splitlines()


def check_link(server, link):
    """It leads to the page with the token, once, and does not have the token in it: arguments are everybody's."""
    match = re.fullmatch(f"http://127.0.0.1:{server.port}(/[?]once=[0-9a-f]{{32}})", link)
    check(match and server.token not in link, link)
    check(server.ask(match[1], token=False, Host="evil.example").status == 403, "not by another name")
    check(server.ask(match[1].replace("/?", "/api/ledger?"), token=False).status == 401, "the page only")
    first, again = (server.ask(match[1], token=False) for _ in range(2))
    check(first.status == 303 and first.headers["location"] == f"/?token={server.token}", first.raw)
    check(again.status == 401 and server.token.encode() not in again.raw, again.raw)


def no_zombies(server):
    end = time.time() + 5
    while time.time() < end:
        states = []
        for line in os.popen(f"ps -o stat= --ppid {server.process.pid}"):
            states.append(line.strip())
        if not any(s.startswith("Z") for s in states):
            return
        time.sleep(0.05)
    check(False, f"the browser was not waited for: {states}")


def works(server):
    """It serves, and what it was asked for."""
    check(b"main;work 7" in server.ask("/api/export.folded").body, "it serves")
    said = server.said().splitlines()
    check(server.stop() == 0, said)
    return said


@test
def desktop():
    """--open gives the desktop's browser a link that works once, on X and on Wayland"""
    for display in ({"DISPLAY": ":7"}, {"WAYLAND_DISPLAY": "wayland-7"}):
        server = serve(browser("xdg-open"), **display)
        name, link = given()
        check(name == "xdg-open", name)
        check_link(server, link)
        no_zombies(server)
        check(len(works(server)) == 1, "nothing but the address is said")


@test
def chosen_browser():
    """--open takes $BROWSER, with or without a display"""
    for display in ({}, {"DISPLAY": ":7"}):
        server = serve(browser("xdg-open"), BROWSER=os.path.join(browser("lynx"), "lynx"), **display)
        name, link = given()
        check(name == "lynx", name)
        check_link(server, link)
        check(len(works(server)) == 1, "nothing but the address is said")


@test
def not_as_root():
    """--open under sudo starts the browser as the user who called it"""
    server = serve(browser("sudo"), DISPLAY=":7", SUDO_USER="somebody")
    if os.geteuid():
        server.stop()
        return check(not os.path.exists(GIVEN), "sudo is for root")
    said = given()
    check(said[:3] == ["sudo", "-u", "somebody"] and said[-2] == "xdg-open", said)
    check_link(server, said[-1])
    check(len(said) == 6 and said[3].startswith("--preserve-env=DISPLAY,WAYLAND_DISPLAY,XAUTHORITY,BROWSER"), said)
    works(server)


@test
def no_browser():
    """--open says in one sentence that there is no display, or no browser, and the server goes on"""
    for env, sentence in (({}, "waggle: there is no display to open a browser on"),
                          ({"DISPLAY": ":7"}, "waggle: cannot start a browser (xdg-open): No such file or directory"),
                          ({"BROWSER": "/no/such/browser"},
                           "waggle: cannot start a browser (/no/such/browser): No such file or directory")):
        said = works(serve(os.path.join(WORK, "nothing"), **env))
        check(said[1:] == [sentence], said)
        check(not os.path.exists(GIVEN), "nothing was started")

"""chains.py - inline chains as llvm-symbolizer and `waggle dump lines` print them, and how two of them differ.

A chain is a list of (function, file, line), innermost first. differ() gives None when two are equal, or the
class of the difference; all but "other" are explained:
  alias      another name of the same address: there is no right one
  symbol     llvm-symbolizer calls the file what the symbol table says where there is no line; we say nothing
  marker     llvm-symbolizer gives a function the name of a symbol that is none (of link time optimisation)
  comp_dir   llvm-symbolizer before 15 puts the compilation directory before directory 0, which is it
  path       the same file by another spelling ("a/./b", "a//b")
"""
import os
import re
import subprocess


def parse(text):
    chains = []
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines == [""]:
            continue
        chain = []
        for i in range(0, len(lines) - 1, 2):
            place = lines[i + 1]
            m = re.fullmatch(r"(.*?):(\d+|\?)(?::(\d+))?(?: \(discriminator \d+\))?", place)
            line = 0 if m.group(2) == "?" else int(m.group(2))
            chain.append((lines[i], m.group(1), line))
        chains.append(chain)
    return chains


def symbols(path):
    """name -> address of the file's symbols; None -> those that are neither functions nor data."""
    out = subprocess.run(["nm", path], capture_output=True, text=True).stdout
    out += subprocess.run(["nm", "-D", "--without-symbol-versions", path],
                          capture_output=True, text=True).stdout
    found = {f[2]: f[0] for f in (s.split() for s in out.splitlines()) if len(f) == 3}
    out = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True).stdout
    found[None] = {f[7] for f in (s.split() for s in out.splitlines())
                   if len(f) == 8 and f[3] == "NOTYPE"}
    return found


def differ_name(a, b, names):
    if a == b:
        return None
    if a in names and names[a] == names.get(b):
        return "alias"
    if b in names[None] and a not in names[None]:
        return "marker"
    # Constructors and destructors that are the same code, where no symbol is left of one.
    same = [re.sub(r"([CD])[1245](?=[EI])", r"\1", n) for n in (a, b)]
    return "alias" if same[0] == same[1] else "other"


def differ_file(a, b):
    if a == b:
        return None
    if os.path.normpath(a) == os.path.normpath(b):
        return "path"
    first = a.split("/")
    for i in range(1, len(first)):
        if b == "/".join(first[:i]) + "/" + a:
            return "comp_dir"
    return "other"


def differ(ours, theirs, names):
    if ours == theirs:
        return None
    if len(ours) != len(theirs):
        return "other"
    found = set()
    for a, b in zip(ours, theirs):
        found.add(differ_name(a[0], b[0], names))
        if a[1:] == ("??", 0) and b[2] == 0:
            if b[1] != "??":
                found.add("symbol")
            continue
        found.add("other" if a[2] != b[2] else differ_file(a[1], b[1]))
    found.discard(None)
    for why in ("other", "comp_dir", "marker", "alias", "symbol", "path"):
        if why in found:
            return why
    return None


def compare(ours, theirs, names):
    """Counts by class; "equal" and "other" are always there. The first of "other" is kept."""
    counts, example = {"equal": 0, "other": 0}, None
    for a, b in zip(ours, theirs):
        why = differ(a, b, names) or "equal"
        counts[why] = counts.get(why, 0) + 1
        if why == "other" and not example:
            example = (a, b)
    if len(ours) != len(theirs):
        counts["other"] += abs(len(ours) - len(theirs))
    return counts, example

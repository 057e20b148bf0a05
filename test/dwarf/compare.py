"""compare.py WAGGLE FILE [REFERENCE] - every third address of every function: our chains against those of
llvm-symbolizer, or against our own of REFERENCE, the same program in a form that is known to be read right.
Prints what is different; exits with 1 when it is not explained (chains.py), or when nothing was named."""
import os
import re
import subprocess
import sys

import chains


def addresses(path):
    out = subprocess.run(["nm", "-S", path], capture_output=True, text=True, check=True).stdout
    found = []
    for f in (s.split() for s in out.splitlines()):
        if len(f) == 4 and f[2] in "tTwW":
            found += range(int(f[0], 16), int(f[0], 16) + int(f[1], 16), 3)
    return found[:20000]


def run(command, text):
    return chains.parse(subprocess.run(command, input=text, capture_output=True, text=True,
                                       check=True).stdout)


waggle, path = sys.argv[1:3]
reference = sys.argv[3] if len(sys.argv) > 3 else None
source = reference or path
text = "".join("%#x\n" % a for a in addresses(source))
ours = run([waggle, "dump", "lines", path], text)
if reference:
    theirs = run([waggle, "dump", "lines", reference], text)
else:
    theirs = run(["llvm-symbolizer", "--obj=" + path, "--inlines", "--functions=linkage",
                  "--no-demangle"], text)
if reference: # the two were built in different directories of this one
    below = re.compile("^%s/[^/]+/" % re.escape(os.getcwd()))
    ours, theirs = ([[(f, below.sub("", p), n) for f, p, n in c] for c in x] for x in (ours, theirs))
counts, example = chains.compare(ours, theirs, chains.symbols(source))
inlined = sum(len(c) > 1 and c[0][2] > 0 for c in ours)
print("%d addresses, %d in inlined functions; %s" % (
    len(ours), inlined, ", ".join("%s %d" % kv for kv in sorted(counts.items()))))
if example:
    print("ours:  ", example[0], "\ntheirs:", example[1])
if counts["other"] or inlined < 50:
    sys.exit(1)

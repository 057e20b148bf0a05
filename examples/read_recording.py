#!/usr/bin/env python3
"""Reads a .waggle recording with nothing of waggle: folded stacks on standard output.

    read_recording.py FILE             folded stacks
    read_recording.py FILE --samples   one line a sample, with everything that is known of it
    read_recording.py FILE --json      what is in the file

Written from doc/recording.md, to show that the page is enough, and used by the tests to hold waggle
against it. Needs python3 and the zstd command. Damage is not mended here: it is an error.
"""
import json
import subprocess
import struct
import sys

MAGIC = b"\xf7waggle\n"
MARKER = b"\xf7WGB"
MASK = 0xFFFFFFFF
(HEADER, META, VALUE_TYPES, STRINGS, OBJECTS, FRAMES, NODES, TASKS, LABEL_SETS, SAMPLES, NAMES,
 LEDGER, END) = range(1, 14)


def rotate(x, r):
    return ((x << r) | (x >> (32 - r))) & MASK


def xxh32(data):
    """XXH32 with seed 0, from its specification (github.com/Cyan4973/xxHash, doc/)."""
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    at, n = 0, len(data)
    if n >= 16:
        lanes = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
        while n - at >= 16:
            for i, word in enumerate(struct.unpack_from("<4I", data, at)):
                lanes[i] = rotate((lanes[i] + word * p2) & MASK, 13) * p1 & MASK
            at += 16
        h = sum(rotate(lane, r) for lane, r in zip(lanes, (1, 7, 12, 18))) & MASK
    else:
        h = p5
    h = (h + n) & MASK
    while n - at >= 4:
        h = rotate((h + struct.unpack_from("<I", data, at)[0] * p3) & MASK, 17) * p4 & MASK
        at += 4
    for byte in data[at:]:
        h = rotate((h + byte * p5) & MASK, 11) * p1 & MASK
    h = (h ^ h >> 15) * p2 & MASK
    h = (h ^ h >> 13) * p3 & MASK
    return h ^ h >> 16


class Payload:
    def __init__(self, data):
        self.data, self.at = data, 0

    def u8(self):
        self.at += 1
        return self.data[self.at - 1]

    def n(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value & 0xFFFFFFFFFFFFFFFF

    def s(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value - (1 << shift) if byte & 0x40 else value

    def text(self):
        length = self.n()
        self.at += length
        return self.data[self.at - length:self.at].decode("utf-8", "replace")


def blocks(data):
    """(type, payload) of every block; raises ValueError at the first damage."""
    if data[:8] != MAGIC:
        raise ValueError("not a waggle recording")
    at, expected, stream = 8, 0, None
    while at < len(data):
        head = data[at:at + 32]
        if len(head) < 32 or head[:4] != MARKER or xxh32(head[:28]) != struct.unpack("<I", head[28:])[0]:
            raise ValueError(f"no block head at {at}")
        kind, version, of, sequence, raw, stored, checksum = struct.unpack("<HHIIIII", head[4:28])
        payload = data[at + 32:at + 32 + stored]
        if xxh32(payload) != checksum:
            raise ValueError(f"damaged payload at {at}")
        if sequence != expected or (stream is not None and of != stream):
            raise ValueError(f"block at {at} does not follow the one before")
        if kind <= END and version > 1:
            raise ValueError("written by a newer waggle")
        if stored != raw:
            payload = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE,
                                     check=True).stdout
        if len(payload) != raw:
            raise ValueError(f"payload at {at} unpacks to {len(payload)} bytes, not {raw}")
        yield kind, payload
        at, expected, stream = at + 32 + stored, expected + 1, of
    if kind != END:
        raise ValueError("the recording was not finished")


class Recording:
    def __init__(self, data):
        self.meta, self.types, self.shown, self.ledger = {}, [], 0, {}
        self.strings, self.objects = [""], [(0, "", "", 0, 0, 0, 0)]
        self.frames = [(0, 0, 0, [])]
        self.nodes, self.tasks, self.label_sets = [None], [(0, 0, "", "")], [[]]
        self.samples = []
        self.causes = [[], []]
        for kind, payload in blocks(data):
            self.take(kind, Payload(payload))

    def take(self, kind, p):
        tables = {STRINGS: (self.strings, lambda i: p.text()),
                  OBJECTS: (self.objects, lambda i: self.object(p)),
                  FRAMES: (self.frames, lambda i: self.frame(p)),
                  NODES: (self.nodes, lambda i: (i - p.n(), p.n())),
                  TASKS: (self.tasks, lambda i: (p.n(), p.n(), self.string(p), self.string(p))),
                  LABEL_SETS: (self.label_sets, lambda i: self.labels(p))}
        if kind in tables:
            table, row = tables[kind]
            first, n = p.n(), p.n()
            assert first == len(table), "rows are missing"
            for i in range(first, first + n):
                table.append(row(i))
        elif kind == HEADER:
            self.writer = p.data.decode()
        elif kind == META:
            self.meta = {p.text(): p.text() if p.u8() else p.s() for _ in range(p.n())}
        elif kind == VALUE_TYPES:
            self.types = [(p.text(), p.text()) for _ in range(p.n())]
            self.shown = p.n()
        elif kind == SAMPLES:
            self.take_samples(p)
        elif kind == NAMES:
            frame = 0
            for _ in range(p.n()):
                frame += p.n()
                self.frames[frame] = self.frames[frame][:3] + (self.names(p),)
        elif kind == LEDGER:
            self.ledger = {p.text(): p.n() for _ in range(p.n())}
            self.causes = [[(p.text(), p.n(), p.n()) for _ in range(p.n())] for _ in range(2)]
        elif kind == END:
            assert p.n() == len(self.samples), "samples are missing"

    def string(self, p):
        return self.strings[p.n()]

    def object(self, p):
        return (p.u8(), self.string(p), self.string(p), p.n(), p.n(), p.n(), p.n())

    def names(self, p):
        p.u8()
        return [(self.string(p), self.string(p), p.n(), self.string(p)) for _ in range(p.n())]

    def frame(self, p):
        return (p.u8(), p.n(), p.n(), self.names(p))

    def labels(self, p):
        return [(self.string(p), self.string(p), p.s(), self.string(p)) for _ in range(p.n())]

    def take_samples(self, p):
        first, n, n_values = p.n(), p.n(), p.n()
        assert first == len(self.samples) and n_values == len(self.types)
        columns, time = [[]], 0
        for _ in range(n):
            time = (time + p.s()) & 0xFFFFFFFFFFFFFFFF
            columns[0].append(time)
        columns += [[p.n() for _ in range(n)] for _ in range(5)]
        columns += [[p.s() for _ in range(n)] for _ in range(n_values)]
        self.samples += zip(*columns)

    def stack(self, node):
        """Frame ids from the root to the leaf."""
        found = []
        while node:
            node, frame = self.nodes[node]
            found.append(frame)
        return found[::-1]

    def labels_of(self, frame):
        """What to call a frame, from the outermost function to the innermost inlined one."""
        _, obj, _, lines = self.frames[frame]
        place = self.objects[obj][1].rpartition("/")[2] or "unknown"
        place = place if place.startswith("[") else f"[{place}]"
        return [line[0] or place for line in reversed(lines)] or [place]

    def folded(self):
        sums = {}
        for sample in self.samples:
            pid, tid, thread, process = self.tasks[sample[2]]
            names = [thread] + [name for f in self.stack(sample[1]) for name in self.labels_of(f)]
            key = ";".join(names)
            sums[key] = sums.get(key, 0) + sample[6 + self.shown]
        return sums

    def lines_of_samples(self):
        """All of every sample as text; what the tests compare with what was recorded."""
        for time, node, task, labels, cpu, _, *values in self.samples:
            words = ["%d %d %d/%d %s %s" % ((time, cpu) + self.tasks[task])]
            words += [str(value) for value in values]
            words += ["%s=%s%d%s" % label for label in self.label_sets[labels]]
            for frame in self.stack(node):
                kind, obj, offset, lines = self.frames[frame]
                words.append("%d:%s+%x" % (kind, self.objects[obj][1], offset) +
                             "".join(",%s,%s,%d,%s" % line for line in lines))
            yield " ".join(words)


def main():
    with open(sys.argv[1], "rb") as file:
        r = Recording(file.read())
    if "--samples" in sys.argv[2:]:
        for line in r.lines_of_samples():
            print(line)
        return
    if "--json" in sys.argv[2:]:
        json.dump({"writer": r.writer, "meta": r.meta, "types": r.types, "ledger": r.ledger,
                   "samples": len(r.samples), "objects": len(r.objects), "frames": len(r.frames),
                   "nodes": len(r.nodes), "tasks": len(r.tasks)}, sys.stdout, indent=1)
        print()
        return
    for stack, value in sorted(r.folded().items()):
        print(stack, value)


if __name__ == "__main__":
    main()

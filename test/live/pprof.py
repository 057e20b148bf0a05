"""pprof.py - reads what waggle wrote as pprof, with nothing but the standard library and the published numbers of
profile.proto: samples with their stacks, values and labels.
"""
import gzip


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value - (1 << 64) if value >> 63 else value, at


def fields(data):
    """(number, value) of each field: an integer, or bytes."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            n, at = varint(data, at)
            value = data[at:at + n]
            at += n
        else:
            raise ValueError("wire type %d" % kind)
        yield tag >> 3, value


def packed(value):
    """A repeated integer, packed or one of it."""
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        n, at = varint(value, at)
        numbers.append(n)
    return numbers


class Sample:
    """stack: names, outermost first; values and labels: by name."""

    def __init__(self, stack, values, labels):
        self.stack, self.values, self.labels = stack, values, labels

    def __repr__(self):
        return "%s %s %s" % (";".join(self.stack), self.values, self.labels)


class Pprof:
    def __init__(self, path):
        with gzip.open(path) as f:
            data = f.read()
        self.strings, types, samples, self.functions, self.locations = [], [], [], {}, {}
        for number, value in fields(data):
            if number == 1:
                types.append(dict(fields(value)))
            elif number == 2:
                samples.append(value)
            elif number == 4:
                self.location(value)
            elif number == 5:
                f = dict(fields(value))
                self.functions[f[1]] = f.get(2, 0)
            elif number == 6:
                self.strings.append(value.decode("utf-8", "replace"))
        self.types = [self.strings[t.get(1, 0)] for t in types]
        self.names = {i: [self.strings[self.functions[f]] for f in fs] for i, fs in self.locations.items()}
        self.samples = [self.sample(s) for s in samples]

    def location(self, data):
        lines, at = [], 0
        for number, value in fields(data):
            if number == 1:
                at = value
            elif number == 4:
                lines.append(dict(fields(value)).get(1, 0))
        self.locations[at] = lines  # innermost first

    def sample(self, data):
        stack, values, labels = [], [], {}
        for number, value in fields(data):
            if number == 1:
                for at in packed(value):
                    stack += self.names.get(at) or ["?"]
            elif number == 2:
                values += packed(value)
            elif number == 3:
                l = dict(fields(value))
                labels[self.strings[l[1]]] = self.strings[l[2]] if l.get(2) else l.get(3, 0)
        return Sample(tuple(reversed(stack)), dict(zip(self.types, values)), labels)

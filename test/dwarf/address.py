"""address.py FILE HEX.. - a pprof profile on standard output with one sample at each of these file offsets of FILE, and no
names: what `waggle report --symbolize` names from the file. Written by hand, so that it needs no capture."""
import sys


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def piece(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def profile(path, offsets):
    strings = [b"", b"samples", b"count", path.encode()]
    out = piece(1, number(1, 1) + number(2, 2))  # sample_type
    for i, offset in enumerate(offsets, 1):
        out += piece(2, piece(1, varint(i)) + piece(2, varint(1)))             # sample: location_id, value
        out += piece(4, number(1, i) + number(2, 1) + number(3, 4096 + offset))  # location: id, mapping_id, address
    out += piece(3, number(1, 1) + number(2, 4096) + number(3, 1 << 40) + number(5, 3))  # mapping: id, start, limit, filename
    return out + b"".join(piece(6, s) for s in strings)


sys.stdout.buffer.write(profile(sys.argv[1], [int(word, 16) for word in sys.argv[2:]]))

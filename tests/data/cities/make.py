"""Writes the small files of cities that the tests read, in the MaxMind DB format 2.0: python3 make.py"""

import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"


def control(kind, size):
    assert size < 29 + 256
    extended = b"" if kind < 8 else bytes([kind - 7])
    first = (kind if kind < 8 else 0) << 5
    return bytes([first | size]) + extended if size < 29 else bytes([first | 29]) + extended + bytes([size - 29])


def encode(value):
    if isinstance(value, str):
        data = value.encode()
        return control(2, len(data)) + data
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(encode(name) + encode(inner) for name, inner in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    kind, width = value[1], value[2]
    data = value[0].to_bytes(width, "big").lstrip(b"\0")
    return control(kind, len(data)) + data


def u16(number):
    return (number, 5, 2)


def u32(number):
    return (number, 6, 4)


def u64(number):
    return (number, 9, 8)


def write(path, cities):
    nodes, data, offsets = [[None, None]], b"", []
    for network, names in cities.items():
        network, at = ipaddress.ip_network(network), 0
        bits = format(int(network.network_address), "032b")[: network.prefixlen]
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("data", len(data))
        data += encode({"city": {"names": names}})
    count = len(nodes)
    record = lambda one: count if one is None else one if isinstance(one, int) else count + 16 + one[1]
    tree = b"".join(struct.pack(">I", record(one))[1:] for node in nodes for one in node)
    metadata = {
        "binary_format_major_version": u16(2), "binary_format_minor_version": u16(0), "build_epoch": u64(1772000000),
        "database_type": "Test-City", "description": {"en": "Made-up cities of documentation networks"},
        "ip_version": u16(4), "languages": ["en", "ru"], "node_count": u32(count), "record_size": u16(24),
    }
    with open(path, "wb") as file:
        file.write(tree + b"\0" * 16 + data + MARKER + encode(metadata))


write("first.mmdb", {"203.0.113.0/24": {"en": "Kazan", "ru": "Казань"}, "198.51.100.0/25": {"en": "Springfield"}})
write("second.mmdb", {"203.0.113.0/24": {"en": "Perm", "ru": "Пермь"}})

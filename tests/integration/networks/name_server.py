"""A name server of few words: what ends in .example has one address. Run as a program, on port 53 of the address that
is its argument, by UDP."""

import socket
import struct
import sys

ADDRESSES = {"outside.example": "192.0.2.7"}
ANYBODY = "192.0.2.9"


def answer(query: bytes) -> bytes:
    labels, offset = [], 12
    while query[offset]:
        labels.append(query[offset + 1 : offset + 1 + query[offset]].decode())
        offset += 1 + query[offset]
    kind, _ = struct.unpack_from(">2H", query, offset + 1)
    name = ".".join(labels).lower()
    known = name.endswith(".example")
    records = b""
    if known and kind == 1:
        address = socket.inet_aton(ADDRESSES.get(name, ANYBODY))
        records = struct.pack(">3HIH", 0xC00C, 1, 1, 60, 4) + address
    header = query[:2] + struct.pack(">5H", 0x8180 | (0 if known else 3), 1, 1 if records else 0, 0, 0)
    return header + query[12 : offset + 5] + records


if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((sys.argv[1], 53))
        print("ready", flush=True)
        while True:
            received, sender = server.recvfrom(4096)
            server.sendto(answer(received), sender)

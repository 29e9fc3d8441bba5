"""Asks a name server as fast as it answers. A program, for a container's network namespace:
`dns_client.py NAME COUNT` prints the median latency in microseconds and the queries a second, one client."""

import socket
import statistics
import struct
import sys
import time

SERVER = ("127.0.0.11", 53)


def main(name: str, count: int) -> None:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack(">2H", 1, 1)
    took = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(SERVER)
        for number in range(count):
            query = struct.pack(">6H", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + question
            begin = time.perf_counter()
            client.send(query)
            answer = client.recv(512)
            took.append(time.perf_counter() - begin)
            assert answer[:2] == query[:2] and answer[3] & 0xF == 0 and answer[7] > 0, answer
    print(statistics.median(took) * 1e6, count / sum(took))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

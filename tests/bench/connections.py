"""Short connections, one after another. A program: `connections.py serve PORT` answers each by one byte,
`connections.py call ADDRESS PORT SECONDS` prints how many a second it got."""

import socket
import sys
import time


def serve(port: int) -> None:
    with socket.create_server(("", port), backlog=1024) as server:
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            connection.send(b"x")
            connection.close()


def call(address: str, port: int, seconds: float) -> None:
    count = 0
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        with socket.create_connection((address, port), timeout=5) as client:
            # It goes at once, and leaves no port behind that is not free for a minute.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            assert client.recv(1) == b"x"
        count += 1
    print(count / (time.monotonic() - begin))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        call(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))

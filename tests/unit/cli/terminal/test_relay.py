"""Attached streams through real sockets, pipes and pseudo-terminals."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from ck.cli.client.connection import Connection
from ck.cli.terminal.relay import Relay
from ck.cli.terminal.signals import Handlers
from tests.unit.cli.client.server import serving

SCRIPT = """
import sys
from ck.cli.client.connection import Connection
from ck.cli.terminal.relay import Relay
connection = Connection(sys.argv[1])
detached = Relay(connection, framed=sys.argv[2] == "frames", stdin=True, detach_keys=b"\\x10\\x11").run()
sys.exit(7 if detached else 0)
"""


def start_relay(path: Path, mode: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(path), mode]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4) + data


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def test_streams_are_taken_apart_and_stdin_is_half_closed(tmp_path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        connection.sendall(frame(1, b"out") + frame(2, b"err"))
        # The end of stdin comes through while output goes on.
        assert read_all(connection) == b"typed"
        connection.sendall(frame(1, b" more"))

    with serving(tmp_path / "s", handler), start_relay(tmp_path / "s", "frames") as process:
        out, err = process.communicate(b"typed")
    assert (out, err, process.returncode) == (b"out more", b"err", 0)


def test_the_exit_code_and_an_error_of_the_engine_come_apart(tmp_path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        for byte in frame(3, b"no such program") + frame(4, b"127"):
            connection.sendall(bytes([byte]))

    with serving(tmp_path / "s", handler):
        connection = Connection(str(tmp_path / "s"))
        relay = Relay(connection, framed=True, stdin=False)
        assert not relay.run()
        connection.close()
    assert (relay.exit_code, relay.engine_error) == (127, "no such program")


def test_output_goes_on_while_nobody_reads_the_input(tmp_path: Path) -> None:
    size = 4 * 1024 * 1024

    def handler(connection: socket.socket) -> None:
        # Much more than fits into the socket is typed, and none of it read, before all output is out.
        for _ in range(size // 65536):
            connection.sendall(b"o" * 65536)
        connection.sendall(b"end")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    with serving(tmp_path / "s", handler), start_relay(tmp_path / "s", "tty") as process:
        out, _ = process.communicate(b"i" * size)
    assert len(out) == size + 3 and out.endswith(b"end")


def test_large_input_arrives_whole(tmp_path: Path) -> None:
    data = os.urandom(3 * 1024 * 1024).replace(b"\x10\x11", b"")

    def handler(connection: socket.socket) -> None:
        assert read_all(connection) == data

    with serving(tmp_path / "s", handler), start_relay(tmp_path / "s", "tty") as process:
        process.communicate(data)
    assert process.returncode == 0


def test_a_slow_reader_loses_nothing(tmp_path: Path) -> None:
    pieces = [frame(1, b"%07d\n" % number) for number in range(100_000)]

    def handler(connection: socket.socket) -> None:
        connection.sendall(b"".join(pieces))

    with serving(tmp_path / "s", handler), start_relay(tmp_path / "s", "frames") as process:
        assert process.stdout
        first = process.stdout.read(8)
        rest = process.stdout.read()
        process.communicate()
    assert first + rest == b"".join(b"%07d\n" % number for number in range(100_000))


def test_a_non_blocking_stdout_loses_nothing(tmp_path: Path) -> None:
    size = 1024 * 1024

    def handler(connection: socket.socket) -> None:
        connection.sendall(b"x" * size)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with serving(tmp_path / "s", handler), os.fdopen(reading, "rb") as source:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "s"), "tty"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writing) as process:
            os.close(writing)
            assert source.read() == b"x" * size
    assert process.returncode == 0


def test_detach_keys_end_it(tmp_path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        assert read_all(connection) == b"ls\n"

    with serving(tmp_path / "s", handler), start_relay(tmp_path / "s", "tty") as process:
        process.communicate(b"ls\n\x10\x11more")
    assert process.returncode == 7


def test_a_peer_that_is_killed_is_the_end_of_the_stream(tmp_path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(1)  # then closes with input unread: a reset

    with serving(tmp_path / "s", handler):
        connection = Connection(str(tmp_path / "s"))
        connection.socket.sendall(b"unread" * 1000)
        assert not Relay(connection, framed=False, stdin=False).run()
        connection.close()


def test_a_signal_that_interrupts_no_system_call_is_acted_on(tmp_path: Path) -> None:
    """As one does that arrives just before poll(2) begins: here another thread gets it."""
    acted = threading.Event()
    reading, writing = os.pipe()

    def handler(connection: socket.socket) -> None:
        connection.sendall(b"x")
        os.read(reading, 1)  # the relay is about to wait for more
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        assert acted.wait(30)

    with serving(tmp_path / "s", handler), Handlers({"SIGUSR1": lambda _: acted.set()}) as handlers:
        connection = Connection(str(tmp_path / "s"))
        relay = Relay(connection, framed=False, stdin=False, outputs=(writing, writing), awake=handlers.awake)
        assert not relay.run()
        connection.close()
    assert acted.is_set()
    os.close(reading)
    os.close(writing)

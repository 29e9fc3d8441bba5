"""The HTTP client against a real socket."""

import select
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.cli.client.api import HIJACK, Client
from ck.cli.errors import ApiError, CliError, ConnectionFailed
from tests.unit.cli.client.server import answer, chunked, read_request, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ck.sock"


def client_of(path: Path) -> Client:
    return Client(f"unix://{path}", autostart=False)


def test_one_connection_serves_many_requests(path: Path) -> None:
    lines: list[str] = []

    def handler(connection: socket.socket) -> None:
        for _ in range(2):
            line, headers, body = read_request(connection)
            lines.append(line)
            assert headers["host"] == "ck"
            assert body == (b'{"a":[1,null]}' if line.startswith("POST") else b"")
            connection.sendall(answer("200 OK", b'{"Id": "x"}'))

    with serving(path, handler):
        client = client_of(path)
        assert client.get("/containers/json", all=True) == {"Id": "x"}
        assert client.post("/containers/create", {"a": [1, None]}, name="n") == {"Id": "x"}
    assert lines == ["GET /v1.51/containers/json?all=1 HTTP/1.1", "POST /v1.51/containers/create?name=n HTTP/1.1"]


def test_a_stale_connection_is_not_used_again(path: Path) -> None:
    def once(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer("200 OK", b"1"))

    with serving(path, once, once):
        client = client_of(path)
        response = client.request("GET", "/a")
        assert response.read() == b"1"
        select.select([response.connection.socket], [], [])  # until the server has hung up
        client.release(response.connection)
        assert client.get("/b") == 1


def test_an_answer_that_is_no_json_is_told(path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer("200 OK", b"<html>"))

    with serving(path, handler), pytest.raises(ConnectionFailed, match="the engine's answer is not JSON: '<html>'"):
        client_of(path).get("/a")


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"message": "No such container: x"}', "No such container: x", None),
        (b'{"message": "exec: not found", "exitCode": 127}', "exec: not found", 127),
        (b"plain", "plain", None),
        (b"", "the engine answered with HTTP status 404", None),
    ],
)
def test_errors(path: Path, body: bytes, message: str, code: int | None) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer("404 Not Found", body))

    with serving(path, handler), pytest.raises(ApiError) as caught:
        client_of(path).get("/x")
    assert (str(caught.value), caught.value.status, caught.value.exit_code) == (message, 404, code)


def test_json_stream(path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(chunked(b'{"a": 1}\n{"b"', b": 2}", b'\n\n{"c": 3}'))

    with serving(path, handler):
        assert list(client_of(path).stream("GET", "/events", {})) == [{"a": 1}, {"b": 2}, {"c": 3}]


@settings(max_examples=30)
@given(pieces=st.lists(st.binary(min_size=1), max_size=5), cut=st.integers(1, 50))
def test_chunks_survive_any_cut(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], cut: int) -> None:
    path = tmp_path_factory.mktemp("ck") / "s"

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        wire = chunked(*pieces)
        for start in range(0, len(wire), cut):
            connection.sendall(wire[start : start + cut])

    with serving(path, handler):
        assert client_of(path).request("GET", "/x").read() == b"".join(pieces)


def test_informational_and_bodiless_responses(path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
        assert read_request(connection)[0].startswith("HEAD")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Stat: 1\r\n\r\n")
        read_request(connection)
        connection.sendall(answer("200 OK", b"2"))

    with serving(path, handler):
        client = client_of(path)
        assert client.post("/start") is None
        response = client.request("HEAD", "/archive")
        assert response.headers["x-stat"] == "1" and response.read() == b""
        client.release(response.connection)
        assert client.get("/x") == 2


def test_upload_is_chunked_and_an_early_refusal_is_heard(path: Path) -> None:
    def accepts(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        assert data.endswith(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        connection.sendall(answer("200 OK"))

    def refuses(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer("403 Forbidden", b'{"message": "no"}'))
        connection.shutdown(socket.SHUT_RD)

    with serving(path, accepts, refuses):
        client = client_of(path)
        client.request("PUT", "/x", data=iter([b"abc", b"", b"de"])).read()
        with pytest.raises(ApiError, match="no"):
            client_of(path).request("PUT", "/x", data=(b"x" * 100_000 for _ in range(100)))


def test_hijack_keeps_what_came_with_the_head(path: Path) -> None:
    def handler(connection: socket.socket) -> None:
        assert read_request(connection)[1]["upgrade"] == "tcp"
        connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nfirst")
        assert connection.recv(10) == b"typed"

    with serving(path, handler):
        stream = client_of(path).request("POST", "/attach", headers=HIJACK).connection
        assert stream.take_rest() == b"first"
        stream.socket.sendall(b"typed")


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"x" * 70000],
)
def test_broken_answers(path: Path, reply: bytes) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)

    with serving(path, handler), pytest.raises(ConnectionFailed):
        client_of(path).get("/x")


def test_nobody_there(path: Path) -> None:
    with pytest.raises(ConnectionFailed, match=r"No such file or directory; is ckd running"):
        client_of(path).get("/x")
    with pytest.raises(ConnectionFailed, match="AF_UNIX path too long"):
        Client("unix:///" + "x" * 200, autostart=False).get("/x")
    with pytest.raises(CliError, match="not of the form"):
        Client("tcp://x")


def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CK_HOST", "CK_RUN_ROOT"):
        monkeypatch.delenv(name, raising=False)
    assert Client().path == "/run/ck/ck.sock"
    monkeypatch.setenv("CK_RUN_ROOT", "/run/other")
    assert Client().path == "/run/other/ck.sock"
    monkeypatch.setenv("CK_HOST", "unix:///a.sock")
    assert Client().path == "/a.sock"
    assert Client("unix:///b.sock").path == "/b.sock"

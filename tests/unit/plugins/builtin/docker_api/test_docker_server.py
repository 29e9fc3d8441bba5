"""The server as its clients see it: bytes in, bytes out, on a real unix socket."""

# ruff: noqa: ASYNC240 a stat of a path in a test blocks nobody

import contextlib
import json
import os
import re
import socket
import struct
import tempfile
from pathlib import Path

import h11
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ck.kernel.api.container import ContainerConfig, ContainerState
from ck.kernel.api.image import Progress
from ck.kernel.drivers.log import LogRecord, Stream
from ck.kernel.errors import Conflict, InvalidArgument, NotFound, StartFailed
from ck.kernel.lifecycle import State
from ck.plugins.builtin.docker_api.driver import DockerApi
from tests.support.records import ID, container
from tests.unit.plugins.builtin.docker_api.fake_engine import FakeEngine
from tests.unit.plugins.builtin.docker_api.running import SECONDS, Server, ask_on, read_until, serve


def test_ping_tells_what_docker_clients_ask_for() -> None:
    async def inner(server: Server) -> None:
        for method, body in (("GET", b"OK"), ("HEAD", b"")):
            client = await server.connect()
            async with client:
                await client.send_all(f"{method} /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                raw = b"".join([piece async for piece in client])
            head, _, rest = raw.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and rest == body
            for header in (
                b"Api-Version: 1.51",
                b"Docker-Experimental: false",
                b"Ostype: linux",
                b"Builder-Version: 1",
            ):
                assert header in head

    serve(inner)


def test_socket_is_for_root_and_one_group() -> None:
    async def inner(server: Server) -> None:
        stat = server.path.stat()
        assert stat.st_mode & 0o777 == 0o660 and stat.st_gid == os.getgid()

    serve(inner)


def test_keep_alive_and_pipelining_answer_in_order() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        async with client:
            one = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
            two = b"GET /containers/none/json HTTP/1.1\r\nHost: x\r\n\r\n"
            await client.send_all(one + two + one.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            raw = b"".join([piece async for piece in client])
        assert re.findall(rb"HTTP/1.1 (\d+)", raw) == [b"200", b"404", b"200"]

    serve(inner)


def test_errors_have_docker_s_status_and_a_message() -> None:
    async def inner(server: Server) -> None:
        assert await server.ask_json("GET", "/v1.40/containers/none/json") == (
            404,
            {"message": "No such container: none"},
        )
        assert await server.ask_json("GET", "/nowhere") == (404, {"message": "page not found"})
        assert await server.ask_json("DELETE", "/_ping") == (404, {"message": "page not found"})
        status, answer = await server.ask_json("GET", "/v1.23/info")
        assert status == 400 and answer["message"].startswith("client version 1.23 is too old. Minimum supported API")
        status, answer = await server.ask_json("GET", "/v1.99/info")
        assert status == 400 and answer["message"].startswith("client version 1.99 is too new. Maximum supported API")
        status, answer = await server.ask_json("POST", "/session")
        assert status == 501 and answer["message"] == "this engine does not support BuildKit's sessions"
        status, answer = await server.ask_json("POST", "/containers/create", [1])
        assert status == 400 and "JSON object" in answer["message"]
        server.engine.containers.error = RuntimeError("secret")
        status, answer = await server.ask_json("GET", "/containers/web/json")
        assert status == 500 and "secret" not in answer["message"] and "RuntimeError" in answer["message"]
        server.engine.containers.error = ExceptionGroup("nursery", [ValueError(), Conflict("busy")])
        assert await server.ask_json("GET", "/containers/web/json") == (409, {"message": "busy"})

    serve(inner)


def test_create_tells_the_engine_who_asks() -> None:
    async def inner(server: Server) -> None:
        body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"Memory": 4096}}
        assert await server.ask_json("POST", "/v1.50/containers/create?name=/x", body) == (
            201,
            {"Id": ID, "Warnings": ["careful"]},
        )
        assert server.engine.containers.specs[0].host_config.resources.memory == 4096
        caller = server.engine.containers.callers[0]
        assert caller.pid == os.getpid() and caller.uid == os.getuid()
        assert caller.program == Path("/proc/self/comm").read_text().strip()
        status, answer = await server.ask_json("POST", "/containers/create", {"HostConfig": {"DeviceRequests": [{}]}})
        assert status == 400 and "HostConfig.DeviceRequests" in answer["message"]

    serve(inner)


def test_a_body_may_be_chunked_and_wait_for_100_continue() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        async with client:
            head = b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            await client.send_all(head + b"Expect: 100-continue\r\n\r\n")
            assert b"100" in await read_until(client, b"\r\n\r\n")
            await client.send_all(b'8\r\n{"Image"\r\n6\r\n: "a"}\r\n0\r\n\r\n')
            assert b"201" in await read_until(client, b"}\n")
        assert server.engine.containers.specs[0].config.image == "a"

    serve(inner)


def test_a_body_that_is_too_large_is_refused() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        async with client:
            await client.send_all(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
            refused = trio.Event()

            async def send_all_of_it() -> None:
                with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    while not refused.is_set():
                        await client.send_all(b" " * (1 << 20))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_all_of_it)
                answer = await read_until(client, b"}\n")
                refused.set()
        assert b" 400 " in answer and b"larger than 16 MiB" in answer

    serve(inner)


def test_wait_answers_its_head_before_the_exit() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        async with client:
            await client.send_all(b"POST /v1.50/containers/web/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await read_until(client, b"\r\n\r\n")
            assert b" 200 " in head and server.engine.containers.armed.is_set()
            server.engine.containers.exited.set()
            assert b'{"StatusCode":7}\n' in await read_until(client, b"0\r\n\r\n")

    serve(inner)


def test_exec_in_one_request_tells_session_error_and_exit_code() -> None:
    async def inner(server: Server) -> None:
        server.engine.execs.error = StartFailed('exec: "nope": not found in $PATH of the image', 127)
        client = await server.connect()
        body = b'{"Cmd": ["nope"], "AttachStdout": true, "Tty": true}'
        head = b"POST /ck/containers/web/exec HTTP/1.1\r\nHost: x\r\nUpgrade: ck-stream\r\nConnection: Upgrade\r\n"
        await client.send_all(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        raw = b"".join([piece async for piece in client])
        answer, _, payload = raw.partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ") and b"\r\nUpgrade: ck-stream\r\n" in answer
        assert answer.endswith(b"\r\nCk-Exec: e1")
        sentence = b'exec: "nope": not found in $PATH of the image'
        assert payload == struct.pack(">B3xL", 3, len(sentence)) + sentence + struct.pack(">B3xL", 4, 3) + b"127"
        status, refused = await server.ask_json(
            "POST", "/ck/containers/web/exec", {"Cmd": [""], "DetachKeys": "ctrl-?"}
        )
        assert status == 400 and "ctrl-?" in refused["message"]

    serve(inner)


def test_start_and_wait_in_one_answers_its_head_when_the_container_runs() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        async with client:
            await client.send_all(b"POST /v1.50/ck/containers/web/start?condition=removed HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in await read_until(client, b"\r\n\r\n") and server.engine.containers.armed.is_set()
            server.engine.containers.exited.set()
            assert b'{"StatusCode":7}\n' in await read_until(client, b"0\r\n\r\n")
        status, answer = await server.ask_json("POST", "/ck/containers/nosuch/start", None)
        assert status == 404 and "nosuch" in answer["message"]

    serve(inner)


@pytest.mark.parametrize("version", ["v1.29", "v1.50"])
def test_a_client_that_hangs_up_cancels_its_wait(version: str) -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        await client.send_all(f"POST /{version}/containers/web/wait HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await server.engine.containers.armed.wait()
        await client.aclose()
        await server.engine.containers.disarmed.wait()

    serve(inner)


def test_a_client_that_hangs_up_cancels_its_pull() -> None:
    async def inner(server: Server) -> None:
        images = server.engine.images
        images.steps = [Progress(status="Pulling from library/x", id="latest"), Progress(status="hang")]
        client = await server.connect()
        await client.send_all(b"POST /images/create?fromImage=x&tag=latest HTTP/1.1\r\nHost: x\r\n\r\n")
        await read_until(client, b"hang")
        await client.aclose()
        await images.cancelled.wait()
        assert images.pulled == [("x:latest", None, None, False)]

    serve(inner)


def test_pull_tells_errors_by_status_first_and_on_the_stream_later() -> None:
    async def inner(server: Server) -> None:
        server.engine.images.steps = [NotFound("manifest for x:latest not found")]
        assert await server.ask_json("POST", "/images/create?fromImage=x&tag=latest") == (
            404,
            {"message": "manifest for x:latest not found"},
        )
        server.engine.images.steps = [
            Progress(status="Downloading", id="aabbccddeeff", current=5, total=10),
            Conflict("the disk is full"),
        ]
        status, _, body = await server.ask("POST", "/images/create?fromImage=x&tag=latest")
        assert status == 200
        assert [json.loads(line) for line in body.splitlines()] == [
            {"status": "Downloading", "id": "aabbccddeeff", "progressDetail": {"current": 5, "total": 10}},
            {"error": "the disk is full", "errorDetail": {"message": "the disk is full"}},
        ]

    serve(inner)


def test_logs_are_framed_without_a_terminal_and_raw_with_one() -> None:
    async def inner(server: Server) -> None:
        containers = server.engine.containers
        lines = [LogRecord(1_700_000_000_000_000_005, Stream.STDOUT, b"out\n"), LogRecord(0, Stream.STDERR, b"err\n")]
        containers.log_batches = [lines]
        status, headers, body = await server.ask("GET", "/v1.42/containers/web/logs?stdout=1&stderr=1")
        assert status == 200 and headers["content-type"] == "application/vnd.docker.multiplexed-stream"
        assert body == b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n"
        containers.records["web"] = container(config=ContainerConfig(tty=True))
        _, headers, body = await server.ask("GET", "/v1.42/containers/web/logs?stdout=1&timestamps=1")
        assert headers["content-type"] == "application/vnd.docker.raw-stream"
        assert body == b"2023-11-14T22:13:20.000000005Z out\n1970-01-01T00:00:00.000000000Z err\n"
        status, answer = await server.ask_json("GET", "/containers/web/logs")
        assert status == 400 and "at least one stream" in answer["message"]
        containers.records["web"] = container(log_driver="none")
        status, answer = await server.ask_json("GET", "/containers/web/logs?stdout=1")
        assert status == 501

    serve(inner)


def test_attach_hands_over_the_client_s_own_socket() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        head = "POST /v1.50/containers/web/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a HTTP/1.1\r\nHost: x\r\n"
        await client.send_all(f"{head}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly stdin".encode())
        answer = await read_until(client, b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n")
        assert b"Content-Type: application/vnd.docker.multiplexed-stream" in answer
        # A further request is answered only after this task had its turn, so the hand-over is done.
        assert (await server.ask("GET", "/_ping"))[0] == 200
        (request,) = server.engine.containers.attached
        assert (request.stdin, request.stdout, request.stderr) == (True, True, False)
        assert request.initial == b"early stdin" and request.detach_keys == b"\x01"
        with request.stream as stream:
            stream.send(b"raw bytes")
            assert await read_until(client, b"raw bytes") == b"raw bytes"
            await client.send_all(b"more")
            await trio.lowlevel.wait_readable(stream)
            assert stream.recv(64) == b"more"
        assert await client.receive_some(1) == b""

    serve(inner)


def test_attach_without_upgrade_and_its_errors() -> None:
    async def inner(server: Server) -> None:
        assert (await server.ask_json("POST", "/containers/none/attach?stream=1"))[0] == 404
        containers = server.engine.containers
        containers.records["web"] = container(state=ContainerState(status=State.PAUSED))
        assert (await server.ask_json("POST", "/containers/web/attach?stream=1"))[0] == 409
        containers.records["web"] = container(config=ContainerConfig(tty=True))
        client = await server.connect()
        await client.send_all(b"POST /containers/web/attach?stdout=1&stream=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await read_until(client, b"\r\n\r\n")
        assert answer == b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
        await client.aclose()

    serve(inner)


def test_exec_that_cannot_start_says_so_on_the_stream() -> None:
    async def inner(server: Server) -> None:
        spec = {"Cmd": ["nope"], "AttachStdout": True, "Tty": False}
        assert await server.ask_json("POST", "/containers/web/exec", spec) == (201, {"Id": "e1"})
        server.engine.execs.error = StartFailed('exec: "nope": not found in $PATH of the image', 127)
        client = await server.connect()
        body = b'{"Detach": false, "Tty": false}'
        head = b"POST /exec/e1/start HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n"
        await client.send_all(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        raw = b"".join([piece async for piece in client])
        assert raw.startswith(b"HTTP/1.1 101 ")
        payload = raw.partition(b"\r\n\r\n")[2]
        assert struct.unpack(">B3xL", payload[:8]) == (2, len(payload) - 8)
        assert b'exec: "nope": not found in $PATH of the image (executable file not found)' in payload
        status, answer = await server.ask_json("POST", "/exec/e1/start", {"Detach": True})
        assert status == 400 and answer["exitCode"] == 127
        server.engine.execs.error = None
        status, _, body = await server.ask("POST", "/exec/e1/start", b'{"Detach":true,"ConsoleSize":[24,80]}')
        assert (status, body) == (200, b"") and server.engine.execs.started[0][0] is None

    serve(inner)


def test_archives_go_both_ways() -> None:
    async def inner(server: Server) -> None:
        containers = server.engine.containers
        status, headers, body = await server.ask("GET", "/containers/web/archive?path=/etc")
        assert (status, body) == (200, b"tar") and headers["x-docker-container-path-stat"]
        big = os.urandom(1 << 20)
        assert (await server.ask("PUT", "/containers/web/archive?path=/etc", big))[0] == 200
        assert containers.received == big
        # What follows the part that the engine wants is read and dropped, and the connection lives on.
        client, http = await server.connect(), h11.Connection(h11.CLIENT)
        async with client:
            assert (await ask_on(client, http, "PUT", "/containers/web/archive?path=/take/5", big))[0] == 200
            assert containers.received == big[:5]
            http.start_next_cycle()
            assert (await ask_on(client, http, "GET", "/_ping"))[0] == 200
        containers.error = InvalidArgument("the tar escapes")
        status, answer = await server.ask_json("PUT", "/containers/web/archive?path=/etc", "x")
        assert (status, answer) == (400, {"message": "the tar escapes"})

    serve(inner)


def test_an_upload_that_breaks_off_is_no_upload() -> None:
    async def inner(server: Server) -> None:
        client = await server.connect()
        await client.send_all(
            b"PUT /containers/web/archive?path=/etc HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart"
        )
        await client.send_eof()
        raw = b"".join([piece async for piece in client])
        assert b" 400 " in raw

    serve(inner)


def test_stopping_lets_a_request_end_and_cuts_streams() -> None:
    async def inner() -> None:
        with tempfile.TemporaryDirectory(prefix="ck-api-") as directory, trio.fail_after(SECONDS):
            path, engine = Path(directory, "ck.sock"), FakeEngine()
            api = DockerApi({"socket": str(path)}, engine)  # type: ignore[arg-type]
            async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
                await nursery.start(lambda task_status: api.serve(task_status=task_status))
                server = Server(path, engine)
                stopped: list[int] = []

                async def stop() -> None:
                    stopped.append((await server.ask("POST", "/containers/web/stop?t=3"))[0])

                outer.start_soon(stop)
                idle, stream = await server.connect(), await server.connect()
                await stream.send_all(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
                await read_until(stream, b"\r\n\r\n")
                await engine.containers.stop_began.wait()
                nursery.cancel_scope.cancel()
                assert await _ends(stream) and await _ends(idle)
                engine.containers.stop_may_end.set()
            assert stopped == [204] and not path.exists()

    async def _ends(client: trio.SocketStream) -> bool:
        with trio.CancelScope(shield=True), trio.fail_after(SECONDS):
            return await client.receive_some(1) == b""
        return False

    trio.run(inner)


def test_a_socket_left_behind_is_replaced_and_other_things_are_not(tmp_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    path = Path(tempfile.mkdtemp(prefix="ck-api-"), "ck.sock")
    stale.bind(str(path))
    stale.close()

    async def start(options: dict[str, str]) -> None:
        async with trio.open_nursery() as nursery:
            api = DockerApi(options, FakeEngine())  # type: ignore[arg-type]
            await nursery.start(lambda task_status: api.serve(task_status=task_status))
            with pytest.raises(Conflict, match="another process"):
                await DockerApi(options, FakeEngine()).serve()  # type: ignore[arg-type]
            nursery.cancel_scope.cancel()

    try:
        trio.run(start, {"socket": str(path)})
        path.write_text("mine")
        with pytest.raises(Conflict, match="no socket"):
            trio.run(DockerApi({"socket": str(path)}, FakeEngine()).serve)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="cannot listen"):
            trio.run(DockerApi({"socket": str(tmp_path / ("x" * 120))}, FakeEngine()).serve)  # type: ignore[arg-type]
    finally:
        path.unlink()
        path.parent.rmdir()


@pytest.mark.parametrize(("options", "named"), [({}, "socket"), ({"socket": "/x", "tcp": 1}, "'tcp'")])
def test_options_are_checked(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        DockerApi(options, FakeEngine())  # type: ignore[arg-type]


_LINES = st.sampled_from(
    [
        b"GET /_ping HTTP/1.1\r\n",
        b"POST /containers/create?name=%00%ff HTTP/1.1\r\n",
        b"PUT /containers/web/archive?path=/ HTTP/1.1\r\n",
        b"GET /containers/json?filters={%22status%22:[1]} HTTP/1.1\r\n",
        b"GET http://x/v1.50/info HTTP/1.0\r\n",
        b"Host: x\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: upgrade\r\nUpgrade: tcp\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"fffffffff\r\n",
        b"0\r\n\r\n",
        b'{"HostConfig":{"Binds":[[[]]]}}',
        b"[" * 5000,
        b"\0",
        b"\xff" * 70000,
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.one_of(_LINES, st.binary(max_size=40)), max_size=8), min_size=1, max_size=4))
def test_no_bytes_break_the_server(clients: list[list[bytes]]) -> None:
    async def inner(server: Server) -> None:
        for pieces in clients:
            client = await server.connect()
            async with client:
                with contextlib.suppress(trio.BrokenResourceError):
                    for piece in pieces:
                        await client.send_all(piece)
                    await client.send_eof()
                    while await client.receive_some(65536):
                        continue
                for request in server.engine.containers.attached:
                    request.stream.close()
        assert (await server.ask("GET", "/_ping"))[0] == 200

    serve(inner)

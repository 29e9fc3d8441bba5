"""The built-in health probes do what every health probe must, against a real server."""

import os
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import trio

from ck.kernel.drivers.probe import ProbeResult
from ck.kernel.testing.probe import check_health_probe
from ck.plugins.builtin.health_probes.plugin import ck_register_probe


class Here:
    """A ProbeTarget: this machine itself."""

    async def execute(self, command: Sequence[str]) -> ProbeResult:
        done = await trio.run_process(list(command), capture_stdout=True, check=False)
        return ProbeResult(done.returncode, done.stdout.decode())

    async def shell(self, text: str) -> ProbeResult:
        return await self.execute(["sh", "-c", text])

    def network(self) -> int:
        return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not to the terminal."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "well", "unwell", "refused"),
    [
        ("CMD", ["true"], ["false"], [[], [""]]),
        ("CMD-SHELL", ["exit 0"], ["exit 3"], [[], [""]]),
        ("HTTP", ["http://127.0.0.1:PORT/well"], [":PORT/sick"], [[], ["ftp://x/"], ["80", "81"]]),
        ("TCP", ["PORT"], ["127.0.0.1:1"], [[], ["0"], ["80", "81"]]),
    ],
)
def test_conformance(name: str, well: list[str], unwell: list[str], refused: list[list[str]], port: int) -> None:
    def filled(words: list[str]) -> list[str]:
        return [word.replace("PORT", str(port)) for word in words]

    probe = ck_register_probe()[name]({})

    async def check() -> None:
        await check_health_probe(probe, Here(), well=filled(well), unwell=filled(unwell), refused=refused)

    trio.run(check)

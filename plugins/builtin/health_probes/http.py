"""The probe HTTP: a page is served with a status of 200 to 399.

Written by hand, because only the first line of the answer counts and a hundred containers may be asked every second.
"""

import re
import socket
from collections.abc import Sequence
from typing import Final

import trio

from ck.kernel.drivers.probe import ProbeResult, ProbeTarget
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.health_probes._address import parse_page
from ck.plugins.builtin.health_probes._connect import connected

_LINE_BYTES: Final = 4096
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r?\n|$)")


class HttpProbe:
    """See HealthProbe. The test is `["HTTP", "http://localhost:8080/healthz"]`."""

    name = "HTTP"

    def check(self, arguments: Sequence[str]) -> None:
        """See HealthProbe."""
        if len(arguments) != 1:
            raise InvalidArgument(f"the health check HTTP takes one URL, not {list(arguments)!r}")
        parse_page(arguments[0])

    async def probe(self, target: ProbeTarget, arguments: Sequence[str]) -> ProbeResult:
        """See HealthProbe."""
        page = parse_page(arguments[0])
        try:
            async with connected(target, page.address) as sock:
                sock.send(page.request)  # a fresh connection takes that much at once
                line = await _first_line(sock)
        except OSError as error:
            return ProbeResult(1, f"{arguments[0]}: {error.strerror}")
        found = _STATUS.match(line)
        if found is None:
            return ProbeResult(1, f"{arguments[0]}: the answer is not HTTP: {line[:80]!r}")
        well = 200 <= int(found[1]) < 400
        return ProbeResult(0 if well else 1, line.decode(errors="replace").rstrip())


async def _first_line(sock: socket.socket) -> bytes:
    received = b""
    while b"\n" not in received and len(received) < _LINE_BYTES:
        await trio.lowlevel.wait_readable(sock)
        chunk = sock.recv(_LINE_BYTES)
        if not chunk:
            break
        received += chunk
    return received.partition(b"\n")[0]

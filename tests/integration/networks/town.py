"""Containers that serve a page, and visits to them from everywhere."""

import sys
from typing import Final

import attrs

from tests.support.daemon import Daemon
from tests.support.machine import Machine

_SERVER: Final = "mkdir -p /www; echo {name} >/www/index.html; httpd -p 80 -h /www && echo ready; exec sleep 1000000"
_FETCH: Final = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode().strip())"
_TCP_TRY: Final = (
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()"
)
PATIENCE: Final = "2"
"""Seconds after which a packet that nobody answers counts as dropped."""


@attrs.frozen
class Town:
    """An engine on a machine, with an image."""

    machine: Machine
    engine: Daemon
    image: str

    def serve(self, name: str, *options: str) -> str:
        """Start a container whose port 80 says its name; return the name once it serves."""
        self.engine.ck(
            "run", "-d", "--init", "--name", name, *options, self.image, "sh", "-c", _SERVER.format(name=name)
        )
        self.ready(name)
        return name

    def ready(self, name: str) -> None:
        """Wait until its server listens."""
        with self.engine.popen("logs", "-f", name) as logs:
            assert logs.stdout is not None
            line = logs.stdout.readline()
            logs.kill()
        assert line == b"ready\n", f"{name} said {line!r}"

    def idle(self, name: str, *options: str) -> str:
        """Start a container that does nothing."""
        self.engine.ck("run", "-d", "--init", "--name", name, *options, self.image, "sleep", "1000000")
        return name

    def fetch(self, url: str, *, lan: bool = False) -> str:
        """What a page says to this machine, or to its neighbour."""
        where = self.machine.lan if lan else self.machine.host
        return self.machine.run(where, sys.executable, "-c", _FETCH, url).strip()

    def fetch_in(self, container: str, url: str) -> str:
        """What a page says to a container."""
        return self.engine.ck("exec", container, "wget", "-qO-", url).out.strip()

    def reaches(self, container: str, address: str, port: int = 80) -> bool:
        """Whether *container* gets a page from there."""
        url = f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"
        words = ("exec", container, "timeout", PATIENCE, "wget", "-qO-", url)
        return self.engine.ck(*words, check=False).code == 0

    def reached(self, address: str, port: int, *, lan: bool = False) -> bool:
        """Whether a TCP connection from this machine, or from its neighbour, is accepted."""
        where = self.machine.lan if lan else self.machine.host
        said = self.machine.run(where, sys.executable, "-c", _TCP_TRY, address, str(port), PATIENCE, check=False)
        return said == ""

    def address(self, container: str, network: str, version: int = 4) -> str:
        field = "IPAddress" if version == 4 else "GlobalIPv6Address"
        return self.inspect(container, f'{{{{(index .NetworkSettings.Networks "{network}").{field}}}}}')

    def inspect(self, container: str, template: str) -> str:
        return self.engine.ck("inspect", "-f", template, container).out.strip()

    def resolve(self, container: str, name: str) -> list[str]:
        """The addresses that a container finds for a name, sorted; none where it finds none."""
        said = self.engine.ck("exec", container, "nslookup", name, check=False).out
        _, _, answer = said.partition("\n\n")
        return sorted(line.split()[1] for line in answer.splitlines() if line.startswith("Address"))

    def links(self) -> list[str]:
        """The links of the machine."""
        return self.machine.links()

    def clean(self) -> None:
        """Remove all containers, and all networks that were made."""
        if containers := self.engine.ck("ps", "-aq").out.split():
            self.engine.ck("rm", "-f", *containers)
        self.engine.ck("network", "prune", "-f")

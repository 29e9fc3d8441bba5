"""The resolvers of the host, as its /etc/resolv.conf says at this moment (resolv.conf(5))."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

RESOLV_CONF: Final = Path("/etc/resolv.conf")


class HostServers:
    """Looks at the file anew whenever it has changed; a look costs microseconds, so nothing needs to watch it.

    A stub on loopback, such as that of systemd-resolved, is asked as any other: from the host it can be reached.
    """

    def __init__(self, path: Path = RESOLV_CONF) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._servers: Sequence[str] = ()

    def current(self) -> Sequence[str]:
        """Their addresses."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._servers = parse_servers(self._path.read_text(errors="replace"))
                self._seen = seen
        except OSError:  # it is being replaced, or there is none
            self._seen = None
        return self._servers


def parse_servers(text: str) -> Sequence[str]:
    """The name servers of a resolv.conf. Pure."""
    lines = (line.split() for line in text.splitlines())
    return [fields[1] for fields in lines if len(fields) > 1 and fields[0] == "nameserver"]

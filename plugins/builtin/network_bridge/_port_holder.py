"""Which process has a port (proc(5): /proc/net/tcp and its like, and the descriptors of all processes)."""

from collections.abc import Iterator
from pathlib import Path


def process_with_port(protocol: str, port: int) -> str | None:
    """Its name and number, in words; None where it is nobody's that can be seen. Reads all of /proc: for errors."""
    inodes = {inode for table in (protocol, f"{protocol}6") for inode in inodes_of(_read(f"/proc/net/{table}"), port)}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:  # it has ended
            continue
        for descriptor in descriptors:
            try:
                if str(descriptor.readlink()) in wanted:
                    return f"process {process.name} ({_read(str(process / 'comm')).strip()})"
            except OSError:
                continue
    return None


def inodes_of(table: str, port: int) -> Iterator[str]:
    """The sockets of a /proc/net table with the local *port*; 0 is that of a socket that nobody has any more. Pure."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
            yield fields[9]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""

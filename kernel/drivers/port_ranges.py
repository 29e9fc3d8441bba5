"""Published ports as ranges, for records: ten thousand in a row are one line instead of megabytes. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from ck.kernel.drivers.network import PublishedPort


def to_ranges(ports: Iterable[PublishedPort]) -> list[list[Any]]:
    """Rows of protocol, address of the host, network ID, first port of the container, first of the host, count."""
    rows: list[list[Any]] = []
    open_rows: dict[tuple[str, str, str], list[Any]] = {}
    for port in ports:
        key = (port.protocol, port.host_ip, port.network_id)
        row = open_rows.get(key)
        if row is not None and (port.container_port, port.host_port) == (row[3] + row[5], row[4] + row[5]):
            row[5] += 1
            continue
        row = open_rows[key] = [*key, port.container_port, port.host_port, 1]
        rows.append(row)
    return rows


def from_ranges(rows: Sequence[Sequence[Any]]) -> tuple[PublishedPort, ...]:
    """The same ports; those of one range stand together."""
    return tuple(
        PublishedPort(
            protocol=protocol,
            container_port=inside + number,
            host_ip=host_ip,
            host_port=outside + number,
            network_id=network_id,
        )
        for protocol, host_ip, network_id, inside, outside, count in rows
        for number in range(count)
    )

"""`ck port`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command

COMMAND = Command(
    "CONTAINER [PRIVATE_PORT[/PROTO]] | explain PUBLIC_PORT[/PROTO]",
    "List port mappings or a specific mapping for the container; explain which rules let a public port's packets in",
    minimum=1,
    maximum=2,
    completes=("container", ""),
)


def run(args: Args, client: Client) -> int:
    """Print `PORT/PROTO -> ADDRESS:PORT` lines, or the addresses of one port. Raises: CliError if it is not
    published."""
    container, *wanted = args.words
    if container == "explain" and wanted:
        print(*client.get("/ports/explain", port=wanted[0])["Lines"], sep="\n")
        return 0
    ports = client.get(f"/containers/{name(container)}/json")["NetworkSettings"].get("Ports") or {}
    if wanted:
        port = wanted[0] if "/" in wanted[0] else f"{wanted[0]}/tcp"
        if not ports.get(port):
            raise CliError(f"no public port '{wanted[0]}' published for {container}")
        print(*(_address(binding) for binding in ports[port]), sep="\n")
        return 0
    for port in sorted(ports, key=lambda each: (int(each.partition("/")[0]), each)):
        for binding in ports[port] or ():
            print(f"{port} -> {_address(binding)}")
    return 0


def _address(binding: dict[str, str]) -> str:
    address = f"[{binding['HostIp']}]" if ":" in binding["HostIp"] else binding["HostIp"]
    return f"{address}:{binding['HostPort']}"

"""`ck network connect`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, text, texts
from ck.cli.options.environment import strict_pairs

COMMAND = Command(
    "NETWORK CONTAINER",
    "Connect a container to a network",
    (
        texts("alias", "Add network-scoped alias for the container"),
        texts("driver-opt", "driver options for the network", kind="map"),
        text("gw-priority", "Highest gw-priority provides the default gateway", default="0", kind="int"),
        text("ip", "IPv4 address (e.g., 172.30.100.104)"),
        text("ip6", "IPv6 address (e.g., 2001:db8::33)"),
        texts("link", "Add link to another container", completes="container"),
        texts("link-local-ip", "Add a link-local address for the container"),
    ),
    minimum=2,
    maximum=2,
    completes=("network", "container"),
)


def run(args: Args, client: Client) -> int:
    """Connect it, running or not."""
    network, container = args.words
    ipam = {
        "IPv4Address": args.text("ip"),
        "IPv6Address": args.text("ip6"),
        "LinkLocalIPs": args.texts("link-local-ip"),
    }
    endpoint = {
        "Aliases": args.texts("alias"),
        "DriverOpts": dict(
            item for each in args.parsed("driver-opt", lambda one: strict_pairs([one])) for item in each.items()
        ),
        "GwPriority": args.number("gw-priority"),
        "IPAMConfig": {key: value for key, value in ipam.items() if value},
        "Links": args.texts("link"),
    }
    client.post(f"/networks/{name(network)}/connect", {"Container": container, "EndpointConfig": endpoint})
    return 0

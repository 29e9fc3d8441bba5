"""`ck network create`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.options.environment import pairs, strict_pairs
from ck.cli.options.subnets import subnet_configs

COMMAND = Command(
    "NETWORK",
    "Create a network",
    (
        switch("attachable", "Enable manual container attachment"),
        texts("aux-address", "Auxiliary IPv4 or IPv6 addresses used by others on the network", kind="map"),
        text("driver", "Driver to manage the network", "d", default="bridge"),
        texts("gateway", "IPv4 or IPv6 gateway for the subnet"),
        switch("internal", "Restrict external access to the network"),
        texts("ip-range", "Allocate container addresses from a sub-range"),
        switch("ipv6", "Enable IPv6 networking (the default where the host has it)"),
        texts("label", "Set metadata on a network"),
        texts("opt", "Set driver specific options", "o", kind="map"),
        texts("subnet", "Subnet in CIDR format that represents a network segment"),
    ),
    minimum=1,
    maximum=1,
)


def run(args: Args, client: Client) -> int:
    """Create a network and print its ID. Raises: UsageError."""
    try:
        subnets = subnet_configs(
            args.texts("subnet"), args.texts("ip-range"), args.texts("gateway"), args.texts("aux-address")
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    body = {
        "Name": args.words[0],
        "Driver": args.text("driver"),
        "Attachable": args.on("attachable"),
        "Internal": args.on("internal"),
        "EnableIPv6": args.on("ipv6") if args.given("ipv6") else None,
        "IPAM": {"Driver": "default", "Config": subnets},
        "Labels": dict(item for each in args.parsed("label", lambda one: pairs([one])) for item in each.items()),
        "Options": dict(item for each in args.parsed("opt", lambda one: strict_pairs([one])) for item in each.items()),
    }
    print(client.post("/networks/create", body)["Id"])
    return 0

"""`ck network ls`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import filters
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.output.listing import FORMAT_HELP, Listing, label_of, labels_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.output.listing import Row

COMMAND = Command(
    "",
    "List networks",
    (
        texts("filter", 'Provide filter values (e.g. "driver=bridge")', "f", kind="filter"),
        text("format", FORMAT_HELP),
        switch("no-trunc", "Do not truncate the output"),
        switch("quiet", "Only display network IDs", "q"),
    ),
)

HEADERS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}


def run(args: Args, client: Client) -> int:
    """Print a table, IDs, or what --format says."""
    networks = client.get("/networks", filters=filters(args) or None) or []
    networks.sort(key=lambda each: each["Name"])
    full = args.on("no-trunc")
    rows = [_row(each, full=full) for each in networks]
    if args.on("quiet") and not args.text("format"):
        for row in rows:
            print(row["ID"])
        return 0
    Listing(HEADERS, ("ID", "Name", "Driver", "Scope")).show(rows, args.text("format"))
    return 0


def _row(network: dict[str, Any], *, full: bool) -> Row:
    return {
        "ID": network["Id"] if full else network["Id"][:12],
        "Name": network["Name"],
        "Driver": network["Driver"],
        "Scope": network["Scope"],
        "IPv4": _truth(network.get("EnableIPv4", True)),
        "IPv6": _truth(network.get("EnableIPv6", False)),
        "Internal": _truth(network.get("Internal", False)),
        "Labels": labels_text(network.get("Labels")),
        "Label": label_of(network.get("Labels")),
        "CreatedAt": network.get("Created", ""),
    }


def _truth(value: object) -> str:
    return "true" if value else "false"

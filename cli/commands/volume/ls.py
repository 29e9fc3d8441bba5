"""`ck volume ls`."""

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
    "List volumes",
    (
        texts("filter", 'Provide filter values (e.g. "dangling=true")', "f", kind="filter"),
        text("format", FORMAT_HELP),
        switch("quiet", "Only display volume names", "q"),
    ),
)

HEADERS = {
    "Driver": "DRIVER",
    "Name": "VOLUME NAME",
    "Scope": "SCOPE",
    "Mountpoint": "MOUNTPOINT",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Size": "SIZE",
}


def run(args: Args, client: Client) -> int:
    """Print a table, names, or what --format says."""
    volumes = client.get("/volumes", filters=filters(args) or None)["Volumes"] or []
    volumes.sort(key=lambda each: each["Name"])
    if args.on("quiet") and not args.text("format"):
        for volume in volumes:
            print(volume["Name"])
        return 0
    Listing(HEADERS, ("Driver", "Name")).show([_row(each) for each in volumes], args.text("format"))
    return 0


def _row(volume: dict[str, Any]) -> Row:
    return {
        "Driver": volume["Driver"],
        "Name": volume["Name"],
        "Scope": volume.get("Scope", "local"),
        "Mountpoint": volume["Mountpoint"],
        "Labels": labels_text(volume.get("Labels")),
        "Label": label_of(volume.get("Labels")),
        "Links": "N/A",
        "Size": "N/A",
    }

"""`ck volume create`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, text, texts
from ck.cli.options.environment import pairs, strict_pairs

COMMAND = Command(
    "[VOLUME]",
    "Create a volume",
    (
        text("driver", "Specify volume driver name", "d", default="local"),
        texts("label", "Set metadata for a volume"),
        texts("opt", "Set driver specific options", "o", kind="map"),
    ),
    maximum=1,
)


def run(args: Args, client: Client) -> int:
    """Create a volume and print its name."""
    body = {
        "Name": args.words[0] if args.words else "",
        "Driver": args.text("driver"),
        "Labels": dict(item for each in args.parsed("label", lambda one: pairs([one])) for item in each.items()),
        "DriverOpts": dict(
            item for each in args.parsed("opt", lambda one: strict_pairs([one])) for item in each.items()
        ),
    }
    print(client.post("/volumes/create", body)["Name"])
    return 0

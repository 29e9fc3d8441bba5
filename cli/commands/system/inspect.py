"""`ck inspect`: whatever the name names."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._inspect import inspect_each
from ck.cli.errors import ApiError
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}

COMMAND = Command(
    "NAME|ID [NAME|ID...]",
    "Return low-level information on containers, images, volumes and networks",
    (
        text("format", INSPECT_FORMAT_HELP, "f"),
        switch("size", "Display total file sizes if the type is container", "s"),
        text("type", "Only inspect objects of the given type", completes=tuple(PATHS)),
    ),
    minimum=1,
    maximum=None,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Print the API's record of each object; containers are looked for first, then images, networks, volumes."""
    kinds = [args.choice("type", tuple(PATHS))] if args.given("type") else list(PATHS)
    size = args.on("size")

    def get(ref: str) -> Any:
        for kind in kinds:
            try:
                return client.get(PATHS[kind].format(name(ref)), size=size and kind == "container")
            except ApiError as error:
                if error.status != 404 or len(kinds) == 1:
                    raise
        raise ApiError(404, f"no such object: {ref}")

    return inspect_each(args, get)

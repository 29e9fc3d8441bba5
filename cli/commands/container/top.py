"""`ck top`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command
from ck.cli.output.table import align

COMMAND = Command(
    "CONTAINER [ps OPTIONS]",
    "Display the running processes of a container",
    minimum=1,
    maximum=None,
    interspersed=False,
    completes=("running", ""),
)


def run(args: Args, client: Client) -> int:
    """Show what ps(1) shows of the container's processes."""
    container, *options = args.words
    processes = client.get(f"/containers/{name(container)}/top", ps_args=" ".join(options))
    print("\n".join(align(["\t".join(row) for row in (processes["Titles"], *(processes["Processes"] or ()))])))
    return 0

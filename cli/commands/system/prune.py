"""`ck system prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters, print_pruned, pruned_images
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "",
    "Remove unused data: stopped containers, networks, images, build cache, and volumes if asked to",
    (
        switch("all", "Remove all unused images, not just dangling ones", "a"),
        texts("filter", 'Provide filter values (e.g. "label=<key>=<value>")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
        switch("volumes", "Prune anonymous volumes too"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove one kind after the other, so that what a container held is free by its turn; tell what is gone."""
    wanted = filters(args)
    everything, volumes = args.on("all"), args.on("volumes")
    if volumes and "until" in wanted:
        raise UsageError('the "until" filter is not supported with "--volumes"', 1)
    if not confirmed(args, _warning(everything=everything, volumes=volumes)):
        return 0
    space = 0
    deleted = client.post("/containers/prune", filters=wanted)
    space += _told("Containers", deleted["ContainersDeleted"], deleted)
    _told("Networks", client.post("/networks/prune", filters=wanted)["NetworksDeleted"], {})
    if volumes:
        deleted = client.post("/volumes/prune", filters=wanted)
        space += _told("Volumes", deleted["VolumesDeleted"], deleted)
    deleted = client.post("/images/prune", filters={**wanted, "dangling": ["false" if everything else "true"]})
    space += _told("Images", pruned_images(deleted), deleted)
    # Steps of builds have no labels.
    deleted = client.post(
        "/build/prune", all=everything, filters={key: wanted[key] for key in wanted if key == "until"}
    )
    space += _told("build cache objects", deleted["CachesDeleted"], deleted)
    print_pruned("", None, space)
    return 0


def _warning(*, everything: bool, volumes: bool) -> str:
    kinds = [
        "all stopped containers",
        "all networks not used by at least one container",
        *(["all anonymous volumes not used by at least one container"] if volumes else []),
        "all images without at least one container associated to them" if everything else "all dangling images",
        "all build cache" if everything else "unused build cache",
    ]
    return "This will remove:\n" + "".join(f"  - {kind}\n" for kind in kinds)


def _told(kind: str, names: list[str] | None, pruned: dict[str, Any]) -> int:
    if names:
        print(f"Deleted {kind}:", *names, "", sep="\n")
    return int(pruned.get("SpaceReclaimed", 0))

"""`ck system df`."""

from __future__ import annotations

from time import time

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import FORMAT_HELP, Listing
from ck.cli.output.units import ago, human_size, short_id
from ck.cli.reference import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.output.listing import Row

COMMAND = Command(
    "",
    "Show disk usage",
    (
        text("format", FORMAT_HELP),
        switch("verbose", "Show detailed information on space usage", "v"),
    ),
)

HEADERS = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
IMAGE_HEADERS = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS")
CONTAINER_HEADERS = ("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")
CACHE_HEADERS = ("CACHE ID", "CACHE TYPE", "STEP", "SIZE", "USAGE", "SHARED")
VOLUME_HEADERS = ("VOLUME NAME", "LINKS", "SIZE")


def run(args: Args, client: Client) -> int:
    """Print one row for images, containers, volumes and the build cache; with -v one for each of them."""
    usage = client.get("/system/df")
    if args.on("verbose"):
        _print_details(usage)
    else:
        Listing(HEADERS, HEADERS).show(summary(usage), args.text("format"))
    return 0


def summary(usage: dict[str, Any]) -> list[Row]:
    """The four rows of the table."""
    images = usage.get("Images") or []
    containers = usage.get("Containers") or []
    volumes = usage.get("Volumes") or []
    layers = usage.get("LayersSize") or 0
    idle = [each for each in containers if each["State"].lower() not in {"running", "paused", "restarting"}]
    written = sum(each.get("SizeRw", 0) for each in containers)
    free = sum(each.get("SizeRw", 0) for each in idle)
    known = [each["UsageData"] for each in volumes if each.get("UsageData")]
    volume_bytes = sum(max(each["Size"], 0) for each in known)
    volume_free = sum(max(each["Size"], 0) for each in known if not each["RefCount"])
    active_images = sum(each.get("Containers", 0) > 0 for each in images)
    steps = usage.get("BuildCache") or []
    alone = [each for each in steps if not each["Shared"]]
    cached = sum(each["Size"] for each in alone)
    cached_free = sum(each["Size"] for each in alone if not each["InUse"])
    active_steps = sum(each["Shared"] or each["InUse"] for each in steps)
    active_volumes = sum(each["RefCount"] > 0 for each in known)
    return [
        _row("Images", len(images), active_images, layers, usage["ck"]["ImagesReclaimable"]),
        _row("Containers", len(containers), len(containers) - len(idle), written, free),
        _row("Local Volumes", len(volumes), active_volumes, volume_bytes, volume_free),
        _row("Build Cache", len(steps), active_steps, cached, cached_free),
    ]


def _row(kind: str, total: int, active: int, size: int, free: int) -> Row:
    percent = f" ({free * 100 // size}%)" if size else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": human_size(size, 4),
        "Reclaimable": human_size(free, 4) + percent,
    }


def _print_details(usage: dict[str, Any]) -> None:
    from ck.cli.output.table import align

    def show(title: str, headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        print(f"{title} space usage:\n")
        print("\n".join(align(["\t".join(row) for row in (headers, *rows)])))
        print()

    now = time()
    show("Images", IMAGE_HEADERS, [_image(each, now) for each in usage.get("Images") or ()])
    show("Containers", CONTAINER_HEADERS, [_container(each, now) for each in usage.get("Containers") or ()])
    show("Local Volumes", VOLUME_HEADERS, [_volume(each) for each in usage.get("Volumes") or ()])
    show("Build cache", CACHE_HEADERS, [_step(each) for each in usage.get("BuildCache") or ()])


def _image(image: dict[str, Any], now: float) -> tuple[str, ...]:
    repository, tag = split((image.get("RepoTags") or ["<none>:<none>"])[0])
    shared = max(image.get("SharedSize", 0), 0)
    return (
        repository,
        tag,
        short_id(image["Id"]),
        ago(image["Created"], now),
        human_size(image["Size"], 3),
        human_size(shared, 3),
        human_size(image["Size"] - shared, 3),
        str(image.get("Containers", 0)),
    )


def _container(container: dict[str, Any], now: float) -> tuple[str, ...]:
    from ck.cli.commands.container._row import container_row

    row = container_row(container, full=False)
    return (
        str(row["ID"]),
        str(row["Image"]),
        str(row["Command"]),
        str(row["LocalVolumes"]),
        human_size(container.get("SizeRw", 0), 3),
        ago(container["Created"], now),
        str(row["Status"]),
        str(row["Names"]),
    )


def _volume(volume: dict[str, Any]) -> tuple[str, ...]:
    usage = volume.get("UsageData") or {"RefCount": 0, "Size": 0}
    return volume["Name"], str(usage["RefCount"]), human_size(max(usage["Size"], 0), 3)


def _step(step: dict[str, Any]) -> tuple[str, ...]:
    title = step["Description"]
    return (
        step["ID"][:12],
        step["Type"],
        title if len(title) <= 60 else f"{title[:59]}…",
        human_size(step["Size"], 3),
        str(step["UsageCount"]),
        str(step["Shared"]).lower(),
    )

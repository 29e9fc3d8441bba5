"""A container as a row of `ck ps`."""

from __future__ import annotations

from time import time

from ck.cli.output.listing import Listing, label_of, labels_text
from ck.cli.output.times import go_time
from ck.cli.output.units import ellipsis, human_duration, human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.output.listing import Row

HEADERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Size": "SIZE",
    "Names": "NAMES",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}
DEFAULT = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
COMMAND_WIDTH = 20
MOUNT_WIDTH = 15


def listing(*, size: bool) -> Listing:
    """The table, with the sizes as its last column if they are wanted."""
    return Listing(HEADERS, (*DEFAULT, "Size") if size else DEFAULT)


def container_row(container: dict[str, Any], *, full: bool) -> Row:
    """One element of GET /containers/json; *full*: nothing is cut."""
    created = container["Created"]
    names = [each.removeprefix("/") for each in container["Names"]]
    # A name with a second slash is a link's: another container's word for this one.
    own = [each for each in names if "/" not in each] or names
    command = container["Command"] if full else ellipsis(container["Command"], COMMAND_WIDTH)
    mounts = [each.get("Name") or each.get("Source") or "" for each in container.get("Mounts") or ()]
    return {
        "ID": container["Id"] if full else container["Id"][:12],
        "Image": _image(container, full=full),
        "Command": f'"{command}"',
        "CreatedAt": go_time(created),
        "RunningFor": human_duration(time() - created) + " ago",
        "Ports": ports_text(container.get("Ports") or []),
        "State": container["State"],
        "Status": container["Status"],
        "Size": _size(container),
        "Names": ",".join(names if full else own),
        "Labels": labels_text(container.get("Labels")),
        "Label": label_of(container.get("Labels")),
        "Mounts": ",".join(mounts if full else [ellipsis(each, MOUNT_WIDTH) for each in mounts]),
        "LocalVolumes": str(sum(each.get("Driver") == "local" for each in container.get("Mounts") or ())),
        "Networks": ",".join((container.get("NetworkSettings") or {}).get("Networks") or ()),
        "Platform": _platform(container.get("ImageManifestDescriptor") or {}),
    }


def _platform(descriptor: dict[str, Any]) -> str:
    platform = descriptor.get("platform") or {}
    return "/".join(filter(None, (platform.get("os"), platform.get("architecture"), platform.get("variant"))))


def _image(container: dict[str, Any], *, full: bool) -> str:
    image = str(container["Image"])
    if not image:
        return "<no image>"
    if not full and image.startswith("sha256:"):
        return image[7:19]
    return image


def _size(container: dict[str, Any]) -> str:
    written, whole = container.get("SizeRw") or 0, container.get("SizeRootFs") or 0
    text = human_size(written, 3)
    return f"{text} (virtual {human_size(whole, 3)})" if whole else text


def ports_text(ports: list[dict[str, Any]]) -> str:
    """`0.0.0.0:80->80/tcp, 443/tcp`; neighbouring ports that go to neighbouring ports are one range."""
    runs: list[list[Any]] = []  # [address, protocol, first private, last private, first public]
    ordered = sorted(
        ports, key=lambda each: (each.get("IP", ""), each["Type"], each["PrivatePort"], each.get("PublicPort", 0))
    )
    for port in ordered:
        address, kind, private, public = (
            port.get("IP", ""),
            port["Type"],
            port["PrivatePort"],
            port.get("PublicPort", 0),
        )
        if runs:
            run = runs[-1]
            follows = run[3] + 1 == private and (not public or run[4] + private - run[2] == public)
            if run[:2] == [address, kind] and bool(run[4]) == bool(public) and follows:
                run[3] = private
                continue
        runs.append([address, kind, private, private, public])
    runs.sort(key=lambda run: (run[2], run[1], run[0]))
    return ", ".join(_run_text(*run) for run in runs)


def _run_text(address: str, kind: str, first: int, last: int, public: int) -> str:
    inside = f"{first}/{kind}" if first == last else f"{first}-{last}/{kind}"
    if not public:
        return inside
    outside = str(public) if first == last else f"{public}-{public + last - first}"
    return f"{f'[{address}]' if ':' in address else address}:{outside}->{inside}"

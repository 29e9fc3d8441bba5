"""`ck images`, `ck image ls`."""

from __future__ import annotations

from time import time

from ck.cli.client.api import Client
from ck.cli.commands._filters import filters
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.output.listing import FORMAT_HELP, Listing
from ck.cli.output.times import go_time
from ck.cli.output.units import NO_TIME, ago, human_size, short_id
from ck.cli.reference import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ck.cli.output.listing import Row

COMMAND = Command(
    "[REPOSITORY[:TAG]]",
    "List images",
    (
        switch("all", "Show all images (default hides intermediate images)", "a"),
        switch("digests", "Show digests"),
        texts("filter", "Filter output based on conditions provided", "f", kind="filter"),
        text("format", FORMAT_HELP),
        switch("no-trunc", "Don't truncate output"),
        switch("quiet", "Only show image IDs", "q"),
        switch("tree", "Show which image stands on the layers of which other"),
    ),
    maximum=1,
    completes=("image",),
)

HEADERS = {
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
}
DEFAULT = ("Repository", "Tag", "ID", "CreatedSince", "Size")
WITH_DIGESTS = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
NONE = "<none>"


def run(args: Args, client: Client) -> int:
    """Print a table, IDs, or what --format says."""
    wanted = filters(args)
    if args.words:
        wanted["reference"] = [args.words[0]]
    format_ = args.text("format")
    digests = args.on("digests") or ".Digest" in format_
    images = client.get("/images/json", all=args.on("all"), digests=digests, filters=wanted or None)
    full = args.on("no-trunc")
    if args.on("tree"):
        if args.on("quiet") or args.on("digests") or format_:
            raise UsageError("--tree shows a table of its own: it goes with neither --quiet, --digests nor --format", 1)
        from ck.cli.commands.image._tree import tree

        print(*tree(images, full=full), sep="\n")
        return 0
    rows = [row for image in images for row in image_rows(image, full=full, digests=digests)]
    if args.on("quiet") and not format_:
        # One line for each name, as Docker does: `rmi $(ck images -q)` copes with repeats.
        for row in rows:
            print(row["ID"])
        return 0
    Listing(HEADERS, WITH_DIGESTS if digests else DEFAULT).show(rows, format_)
    return 0


def image_rows(image: dict[str, Any], *, full: bool, digests: bool) -> Iterator[Row]:
    """One row for each tag of an image; with *digests* for each digest of the tag's repository too."""
    common: Row = {
        "ID": image["Id"] if full else short_id(image["Id"]),
        "CreatedSince": ago(image["Created"], time()),
        "CreatedAt": go_time(image["Created"]) if image["Created"] > 0 else NO_TIME,
        "Size": human_size(image["Size"], 3),
        "Containers": _count(image.get("Containers", -1)),
        "VirtualSize": human_size(image["Size"], 3),
        "SharedSize": _size(image.get("SharedSize", -1)),
        "UniqueSize": _size(image["Size"] - image["SharedSize"] if image.get("SharedSize", -1) >= 0 else -1),
    }
    by_repository: dict[str, list[str]] = {}
    for each in image.get("RepoDigests") or ():
        repository, digest = split(each)
        by_repository.setdefault(repository, []).append(digest)
    tags = [split(each) for each in image.get("RepoTags") or () if not each.startswith(NONE)]
    if not tags:
        tags = [(repository, NONE) for repository in by_repository] or [(NONE, NONE)]
    for repository, tag in tags:
        for digest in (by_repository.get(repository) or [NONE]) if digests else [NONE]:
            yield {**common, "Repository": repository, "Tag": tag or NONE, "Digest": digest}


def _count(number: int) -> str:
    return "N/A" if number < 0 else str(number)


def _size(number: int) -> str:
    return "N/A" if number < 0 else human_size(number, 3)

"""`ck images --tree`: which image stands on which."""

from __future__ import annotations

from ck.cli.output.table import align
from ck.cli.output.units import human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HEADER = "IMAGE\tIMAGE ID\tSIZE\tOF ITS OWN"


def tree(images: list[dict[str, Any]], *, full: bool) -> list[str]:
    """The lines of a table: an image, below it those that stand on its layers. One whose base is not among *images*
    stands at the left."""
    known = {image["Id"]: image for image in images}
    children: dict[str, list[dict[str, Any]]] = {}
    for image in images:
        children.setdefault(image["ParentId"] if image["ParentId"] in known else "", []).append(image)

    def lines(parent: str, indent: str) -> Iterator[str]:
        row = sorted(children.get(parent, ()), key=lambda image: (_names(image), image["Id"]))
        for place, image in enumerate(row):
            last = place == len(row) - 1
            branch, below = ("", "") if not parent else ("└─ ", "   ") if last else ("├─ ", "│  ")
            own = image["Size"] - (known[parent]["Size"] if parent else 0)
            yield "\t".join(
                (
                    indent + branch + _names(image),
                    image["Id"] if full else short_id(image["Id"]),
                    human_size(image["Size"], 3),
                    human_size(own, 3),
                )
            )
            yield from lines(image["Id"], indent + below)

    return align([HEADER, *lines("", "")])


def _names(image: dict[str, Any]) -> str:
    return ", ".join(image["RepoTags"] or ()) or "<none>"

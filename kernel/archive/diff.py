"""Packing what differs between two trees as the tar of an image layer (OCI image spec, layer.md)."""

from collections.abc import Iterable, Iterator

from ck.kernel.archive.compare import Changed, Difference
from ck.kernel.archive.entry import Entry, shown
from ck.kernel.archive.header import END
from ck.kernel.archive.layers import WHITEOUT_PREFIX
from ck.kernel.archive.pack import encode, pack_entry
from ck.kernel.errors import Conflict


def pack_changes(changes: Iterable[Changed]) -> Iterator[bytes]:
    """The tar stream of *changes*, as a comparison gives them, what is gone as whiteouts; in chunks of at most 1 MiB.

    Raises: Conflict where a name begins with ".wh.", which would mean something else in a layer; OSError.
    """
    links: dict[tuple[int, int], bytes] = {}
    for change in changes:
        if change.name.startswith(WHITEOUT_PREFIX):
            raise Conflict(
                f"{shown(change.path)} cannot be in an image: a layer has a meaning of its own for .wh. names"
            )
        if change.difference is Difference.DELETED:
            above, slash, name = change.path.rpartition(b"/")
            yield encode(Entry(above + slash + WHITEOUT_PREFIX + name))
        else:
            yield from pack_entry(change.parent, change.name, change.path, links)
    yield END

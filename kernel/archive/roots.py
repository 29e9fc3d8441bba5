"""The writable roots of containers on overlays: an upper and a work directory each, on top of lower directories.

    <root>/containers/<ID>/{upper,work}/
    <root>/empty/        overlayfs wants a lower directory, also under a container without an image

Lower directories are named relative to <root>, as the record of a container or a layer has them in `below`: mount(2)
takes one page of options, into which the names of 128 layers fit only so. Every method blocks.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from ck.kernel.archive.compare import Changed, upper_changes
from ck.kernel.archive.diff import pack_changes
from ck.kernel.archive.nodes import copy_attributes
from ck.kernel.archive.overlay import mount_options
from ck.kernel.archive.shelf import RootRecord, Shelf
from ck.kernel.archive.stage import opened
from ck.kernel.archive.walk import tree_size

LINK_DIGITS: Final = 12  # of a layer's chain ID in the name of its lower directory
NOTHING: Final = "empty"

OpenedLayers = Callable[[Sequence[str]], AbstractContextManager[list[int]]]
"""Opens lower directories by their names: fds in the same order, closed with the context."""


class OverlayRoots:
    """The containers of *shelf*, as roots of overlays."""

    def __init__(self, shelf: Shelf, opened_layers: OpenedLayers) -> None:
        self._shelf = shelf
        self._opened_layers = opened_layers

    def open(self) -> None:
        """Make what is missing."""
        (self._shelf.root / NOTHING).mkdir(mode=0o755, exist_ok=True)

    def create(self, container_id: str, record: RootRecord) -> None:
        """Make a root. Raises: Unsupported for more layers than one mount can name."""
        self._named(container_id, record, volatile=True)  # refused here, not at start
        self._shelf.add_container(container_id, record, partial(self._fill, record))

    def _fill(self, record: RootRecord, directory: Path) -> None:
        for name in ("upper", "work"):
            (directory / name).mkdir(mode=0o755)
        # The merged root directory has the upper one's attributes.
        with opened(directory / "upper") as upper, self._opened_layers(record.below[:1]) as below:
            os.fchmod(upper, 0o755)
            if below:
                copy_attributes(below[0], upper)

    def options(self, container_id: str, *, discard: bool) -> tuple[str, ...]:
        """The options of the overlay mount, relative to <root>. With *discard* it is never flushed.

        Raises: NotFound.
        """
        record = self._shelf.root_record(container_id)
        # A volatile mount leaves this behind, and the kernel then refuses every other until it is gone, because what
        # was never flushed may be damaged by a power cut. Those who ask to discard have said that they take that.
        self._shelf.stage.discard(self._shelf.container(container_id) / "work" / "work" / "incompat" / "volatile")
        return self._named(container_id, record, volatile=discard)

    def changes(self, container_id: str) -> Iterator[Changed]:
        """What the container changed against its image. Raises: NotFound."""
        record = self._shelf.root_record(container_id)
        with (
            opened(self._shelf.container(container_id) / "upper") as upper,
            self._opened_layers(record.below or (NOTHING,)) as below,
        ):
            yield from upper_changes(upper, below)

    def diff(self, container_id: str, sink: BinaryIO) -> None:
        """Write what `changes` tells to *sink*, as the tar of a layer. Raises: NotFound, Conflict."""
        for chunk in pack_changes(self.changes(container_id)):
            sink.write(chunk)

    def usage(self, container_id: str) -> int:
        """Bytes in the upper directory. Raises: NotFound."""
        with opened(self._shelf.container(container_id) / "upper") as fd:
            return tree_size(fd)

    def _named(self, container_id: str, record: RootRecord, *, volatile: bool) -> tuple[str, ...]:
        directory = f"containers/{container_id}"
        return mount_options(record.below or (NOTHING,), f"{directory}/upper", f"{directory}/work", volatile=volatile)

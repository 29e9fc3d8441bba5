"""Storage drivers: image layers, and the writable root of each container on top of them."""

import enum
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class Layer:
    """One layer in its place on top of others.

    `chain_id` and `diff_id` are as in the OCI image spec, config.md "Layer ChainID" and "Layer DiffID"
    ("sha256:<64 hex>"); `parent` is the chain ID below, or None for the lowest layer.
    """

    chain_id: str
    diff_id: str
    parent: str | None


@attrs.frozen(kw_only=True)
class LayerUsage:
    """What a stored layer takes: `size` is the bytes of its regular files, as Docker counts an image's size."""

    size: int


@attrs.frozen(kw_only=True)
class LayerTar:
    """Where a layer's tar lies, byte for byte: `size` bytes of the file `path` from `offset` on."""

    path: Path
    offset: int
    size: int


@attrs.frozen(kw_only=True)
class RootMount:
    """One mount(2) call that builds a container's root at a place the runtime chooses.

    The runtime makes it inside the container's own mount namespace, so that it is gone with the container and cannot
    leak. `options` are relative to the directory `cwd` where they hold paths: mount(2) takes one page of options,
    and 128 layers fit only as relative names. `beneath` are the mounts below `cwd` that such paths lead through,
    relative to it, the upper ones first: a runtime that works on a copy of `cwd`'s mount needs copies of them too.
    """

    type: str  # "overlay", or "bind" to bind `source`
    source: str
    options: tuple[str, ...] = ()
    cwd: str | None = None
    beneath: tuple[str, ...] = ()


class ChangeKind(enum.IntEnum):
    """As the Docker Engine API counts them (ContainerChanges)."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@attrs.frozen(order=True)
class Change:
    """One path that differs between a container's root and its image. `path` is absolute inside the container."""

    path: str
    kind: ChangeKind


@runtime_checkable
class StorageDriver(Protocol):
    """Every method may be called again after a crash at any point: what is done already is success, what is half
    done is begun anew. Keys are chain IDs for layers and container IDs for roots; both are safe file names once
    ":" is replaced. Conformance: ck.kernel.testing.storage.
    """

    name: str

    async def open(self, root: Path) -> None:
        """Use the directory *root* (made if missing), drop what an interrupted `apply` left. Call once, first.

        Raises: Unsupported, with the reason, where this host cannot serve the driver.
        """

    async def apply(
        self, layer: Layer, tar: BinaryIO, parent_stored: Callable[[], Awaitable[None]] | None = None
    ) -> LayerUsage:
        """Unpack the uncompressed stream *tar* as *layer*. Its parent is there already, or else it is when
        *parent_stored* has returned: layers of an image arrive at the same time, and a driver awaits that, once, when
        it has to look below, which may be after it has read *tar*.

        Reads *tar* to its end in a worker thread, blocking where the stream does. The stream raises CorruptData at
        its end if the bytes were not those of the diff ID; then, and on any other error, nothing of the layer is kept.
        A layer that is there already is not read. Raises: CorruptData for a malformed tar or one that escapes.
        """

    async def has_layer(self, chain_id: str) -> bool:
        """Whether the layer is wholly there."""

    async def layers(self) -> Sequence[str]:
        """The chain IDs of all layers that are wholly there."""

    async def layer_usage(self, chain_id: str) -> LayerUsage:
        """What the layer takes. Raises: NotFound."""

    async def layer_disk(self, chain_id: str) -> int:
        """Bytes that the layer takes on the disk, as du(1) counts them: what its removal frees. May take as long as the
        layer is large. Raises: NotFound."""

    async def layer_tar(self, chain_id: str) -> LayerTar | None:
        """Where the tar lies that `apply` has read, good until the layer is removed; None if the driver does not keep
        it, so that the engine keeps what it fetched. Raises: NotFound."""

    async def remove_layer(self, chain_id: str) -> None:
        """Take the layer away, so that nothing finds it any more; one that is not there is success. The caller knows
        that no other layer and no container stands on it."""

    async def purge_layer(self, chain_id: str) -> None:
        """Free the space of a layer that was removed, as `purge` does it for a root."""

    async def create(self, container_id: str, parent: str | None) -> None:
        """Make the writable root of a container on top of the layer *parent*. Raises: NotFound for the parent."""

    async def mounts(self, container_id: str, *, discard: bool = False) -> Sequence[RootMount]:
        """What to mount, in order, all at the same place, to have the container's root.

        *discard* says that the root is thrown away after this run (`--rm`), so the driver may skip flushing it.
        Raises: NotFound.
        """

    async def changes(self, container_id: str) -> Sequence[Change]:
        """What the container changed against its image, sorted by path. Raises: NotFound."""

    async def diff(self, container_id: str, sink: BinaryIO) -> None:
        """Write what the container changed to *sink* as the tar of a layer that goes on top of its image.

        Writes in a worker thread, blocking where *sink* does. Raises: NotFound; Conflict for what no layer can hold;
        what *sink* raises.
        """

    async def usage(self, container_id: str) -> int:
        """Bytes in the container's writable root. Raises: NotFound."""

    async def containers(self) -> Sequence[str]:
        """IDs of all containers that have a writable root here."""

    async def remove(self, container_id: str) -> None:
        """Take the container's writable root away, so that nothing finds it any more; one that is not there is
        success."""

    async def purge(self, container_id: str) -> None:
        """Free the space of a root that was removed. Apart from that because it takes as long as the root is large,
        and nobody need wait who only wants the container gone. `open` does it for what a crash left."""

    async def describe(self) -> Sequence[tuple[str, str]]:
        """What `ck info` shows of the driver ("Backing Filesystem", "extfs")."""

    async def close(self) -> None:
        """Let go of what `open` took."""

"""Volume drivers: named directories that outlive containers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class DriverVolume:
    """A volume as its driver sees it. `mountpoint` is on the host."""

    name: str
    mountpoint: Path
    created: datetime
    options: Mapping[str, str] = attrs.field(factory=dict)


@runtime_checkable
class VolumeDriver(Protocol):
    """Conformance: ck.kernel.testing.volume."""

    name: str

    async def open(self, root: Path) -> None:
        """Use the directory *root*, made if missing. Call once, first."""

    async def create(self, name: str, options: Mapping[str, str]) -> DriverVolume:
        """Make the volume; the same name and options again is success. Raises: InvalidArgument (an option the driver
        does not know, named; a bad name), Conflict (the name with other options)."""

    async def get(self, name: str) -> DriverVolume:
        """Raises: NotFound."""

    async def list(self) -> Sequence[DriverVolume]:
        """All volumes, by name."""

    async def mount(self, name: str, container_id: str) -> Path:
        """Make the volume ready for a container and return the directory to bind. Idempotent."""

    async def unmount(self, name: str, container_id: str) -> None:
        """The container no longer uses it. Idempotent."""

    async def usage(self, name: str) -> int:
        """Bytes in the volume. Raises: NotFound."""

    async def remove(self, name: str) -> None:
        """Delete volume and content; one that is not there is success."""

    async def close(self) -> None:
        """Let go of what `open` took."""

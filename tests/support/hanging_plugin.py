"""A plugin whose volume driver "hang" never returns from anything that may block."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio

from ck.kernel.drivers.volume import DriverVolume, VolumeDriver
from ck.kernel.hookspecs import Options, hookimpl


class HangingVolumes:
    """A VolumeDriver."""

    name = "hang"

    def __init__(self, options: Options) -> None:
        del options

    async def open(self, root: Path) -> None:
        """This one returns, or there would be no engine."""

    async def create(self, name: str, options: Mapping[str, str]) -> DriverVolume:
        return await self._never()

    async def get(self, name: str) -> DriverVolume:
        return await self._never()

    async def list(self) -> Sequence[DriverVolume]:
        await self._never()
        return ()

    async def mount(self, name: str, container_id: str) -> Path:
        await self._never()
        return Path()

    async def unmount(self, name: str, container_id: str) -> None:
        await self._never()

    async def usage(self, name: str) -> int:
        await self._never()
        return 0

    async def remove(self, name: str) -> None:
        await self._never()

    async def close(self) -> None:
        """Nothing is held."""

    async def _never(self) -> DriverVolume:
        await trio.sleep_forever()
        raise AssertionError("never is over")


@hookimpl
def ck_register_volume() -> Mapping[str, Callable[[Options], VolumeDriver]]:
    return {"hang": HangingVolumes}

"""The engine put together: nouns over one context."""

import logging
import secrets
from pathlib import Path
from typing import Final

import trio

from ck.kernel.bus import Bus
from ck.kernel.config import Config
from ck.kernel.drivers.content import ContentStore
from ck.kernel.drivers.network import NetworkDriver
from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.drivers.runtime import RuntimeDriver
from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.drivers.volume import VolumeDriver
from ck.kernel.engine.actor import Actors
from ck.kernel.engine.build.builder import Builder
from ck.kernel.engine.build.mounts import Caches
from ck.kernel.engine.containers import Containers
from ck.kernel.engine.context import Context
from ck.kernel.engine.doctor import Doctor
from ck.kernel.engine.execs import Execs
from ck.kernel.engine.farewell import Farewell
from ck.kernel.engine.image_collect import collect_soon
from ck.kernel.engine.images import Images
from ck.kernel.engine.lifetime import Lifetime
from ck.kernel.engine.networks import Networks
from ck.kernel.engine.record_copies import restore_lost
from ck.kernel.engine.recover import Recovery
from ck.kernel.engine.runs import Runs
from ck.kernel.engine.sampler import Sampler
from ck.kernel.engine.system import System
from ck.kernel.engine.volumes import Volumes
from ck.kernel.engine.watermarks import Watermarks
from ck.kernel.errors import CkError, Unsupported
from ck.kernel.pluginmanager import PluginManager
from ck.kernel.store import Store

log: Final = logging.getLogger(__name__)
_THROWAWAY_SECONDS: Final = 10.0


class Engine:
    """ck.kernel.api.engine.Engine."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._volumes = Volumes(ctx)
        self._runs = Runs(ctx, self._volumes)
        self.containers = Containers(ctx, self._volumes, self._runs)
        self.execs = Execs(ctx)
        self.images = Images(ctx)
        self.volumes = self._volumes
        self.networks = Networks(ctx)
        caches = Caches(ctx.config.data_root / "build-cache")
        self.system = System(ctx, caches)
        self.statistics = Sampler(ctx)
        self.lifetime = Lifetime(ctx)
        self.doctor = Doctor(ctx)
        self.builder = Builder(ctx, self._volumes, self.containers, caches)

    async def close(self) -> None:
        """Let go of what the drivers hold; nothing of the engine may run any more."""
        await self._ctx.storage.close()

    async def recover(self) -> None:
        """Bring store and machine together after a start."""
        await self.networks.open()
        await self.builder.open()
        if self._ctx.store.damaged:
            await restore_lost(self._ctx.store, self._ctx.config.data_root / "containers")
        await Recovery(self._ctx, self._volumes, self._runs, self.execs).run()
        await self._remove_throwaways()
        self._ctx.recovered.set()
        collect_soon(self._ctx)

    async def _remove_throwaways(self) -> None:
        """What builds that went down with an engine have run. Bounded, as what is stuck in the kernel must not keep the
        engine from serving; it goes when it can."""
        with trio.move_on_after(_THROWAWAY_SECONDS):
            async with trio.open_nursery() as nursery:
                for container in self._ctx.store.containers:
                    if container.throwaway:
                        nursery.start_soon(self._remove_throwaway, container.id)

    async def _remove_throwaway(self, container_id: str) -> None:
        try:
            await self.containers.remove(container_id, force=True, volumes=True)
        except CkError as error:
            log.error("cannot remove container %s of a build: %s", container_id[:12], error)


async def open_engine(
    config: Config, store: Store, bus: Bus, plugins: PluginManager, nursery: trio.Nursery, farewell: Farewell
) -> Engine:
    """Make and open every driver that the config chooses. Raises: what a driver raises that cannot serve here;
    InvalidArgument for watermarks that cannot be."""
    Watermarks.parse(config.images.high_watermark, config.images.low_watermark)
    data = config.data_root
    content = plugins.driver("content", config.default.content, ContentStore)  # type: ignore[type-abstract]
    await content.open(data / "content")
    storage = await _open_storage(config, plugins, store)
    runtime = plugins.driver("runtime", config.default.runtime, RuntimeDriver)  # type: ignore[type-abstract]
    await runtime.open(config.run_root / "runtime" / runtime.name, data / "runtime" / runtime.name)
    for name in plugins.names("volume"):
        volume = plugins.driver("volume", name, VolumeDriver)  # type: ignore[type-abstract]
        await volume.open(data / "volumes" / name)
    for name in plugins.names("network"):
        network = plugins.driver("network", name, NetworkDriver)  # type: ignore[type-abstract]
        await nursery.start(network.run, config.run_root / "network" / name)
    registries = tuple(
        plugins.driver("registry", name, RegistryDriver)  # type: ignore[type-abstract]
        for name in config.registries
    )
    context = Context(
        config=config,
        store=store,
        bus=bus,
        plugins=plugins,
        nursery=nursery,
        content=content,
        storage=storage,
        runtime=runtime,
        registries=registries,
        actors=Actors(nursery),
        farewell=farewell,
        engine_id=await trio.to_thread.run_sync(_engine_id, data / "engine-id"),
    )
    if context.resolver is not None:
        await nursery.start(context.resolver.run, context.directory)
    return Engine(context)


async def _open_storage(config: Config, plugins: PluginManager, store: Store) -> StorageDriver:
    """The first of the configured drivers that this host supports; first of all one that is in use, because images and
    containers do not move from one to another."""
    used = {record.storage_driver for records in (store.images, store.containers) for record in records}
    reasons = []
    for name in sorted(config.default.storage, key=lambda name: name not in used):
        driver = plugins.driver("storage", name, StorageDriver)  # type: ignore[type-abstract]
        try:
            await driver.open(config.data_root / "storage" / name)
        except Unsupported as error:
            reasons.append(f"{name}: {error}")
            continue
        return driver
    raise Unsupported(f"no storage driver works on this host ({'; '.join(reasons)})")


def _engine_id(path: Path) -> str:
    """An ID that stays the same as long as the data root does."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        made = secrets.token_hex(16)
        path.write_text(f"{made}\n")
        return made

"""The noun `volume`: what drivers hold, and what the engine remembers of it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ck.kernel.api.container import Container, Pruned
from ck.kernel.api.volume import Volume
from ck.kernel.drivers.volume import DriverVolume
from ck.kernel.engine.context import Context
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.names import new_id
from ck.kernel.engine.turns import Turns
from ck.kernel.errors import CkError, Conflict, NotFound
from ck.kernel.events import Noun
from ck.kernel.store_records import Delete, Put, VolumeRecord

log: Final = logging.getLogger(__name__)


class Volumes:
    """ck.kernel.api.engine.Volumes, and what the mounts of containers need of it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        # Two creates of one name must agree on who makes it; one name's driver that hangs holds up no other.
        self._making = Turns()

    async def create(
        self, name: str | None, driver: str, options: Mapping[str, str], labels: Mapping[str, str]
    ) -> Volume:
        record = VolumeRecord(
            name=name or new_id(),
            driver=driver or self._ctx.config.default.volume,
            options=dict(options),
            labels=dict(labels),
            anonymous=not name,
        )
        return self._shape(record, await self.make(record))

    async def list(self) -> Sequence[Volume]:
        volumes = []
        for record in sorted(self._ctx.store.volumes, key=lambda each: each.name):
            try:
                volumes.append(await self._get(record))
            except NotFound:  # removed by its driver behind our back: nothing to show
                continue
        return volumes

    async def get(self, name: str) -> Volume:
        return await self._get(self._record(name))

    async def remove(self, name: str, *, force: bool = False) -> None:
        record = self._ctx.store.volumes.get(name)
        if record is None:
            if force:
                return
            raise NotFound(f"no such volume: {name}")
        users = self._users(name)
        if users:
            raise Conflict(f"volume {name} is in use by container {', '.join(user[:12] for user in users)}")
        await self._remove(record)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Pruned:
        """Remove unused anonymous volumes; with the filter `all`, named ones too."""
        wanted = Filters(filters, {"all", "label", "label!"})
        removed, space = [], 0
        for record in list(self._ctx.store.volumes):
            everything = wanted.flag("all")
            if self._users(record.name) or not (record.anonymous or everything):
                continue
            if not wanted.match_labels(record.labels):
                continue
            space += await self._ctx.volume_driver(record.driver).usage(record.name)
            await self._remove(record)
            removed.append(record.name)
        return Pruned(ids=tuple(removed), space=space)

    async def forget(self, names: Sequence[str]) -> None:
        """Remove anonymous volumes that nobody uses any more."""
        for name in names:
            record = self._ctx.store.volumes.get(name)
            if record is not None and not self._users(name):
                await self._remove(record)

    def left_by(self, container: Container, *, removed: bool) -> Sequence[Put]:
        """For the commit that ends *container*: those of its anonymous volumes that stay are nobody's from then on. The
        others (*removed*) stay its own, so that after a crash before they are gone the next engine removes them."""
        found = []
        for name in {point.name for point in container.mounts if point.anonymous}:
            record = self._ctx.store.volumes.get(name)
            if record is None or record.owner != container.id:
                continue
            if not removed or len(self._users(name)) > 1:
                found.append(Put(name, attrs.evolve(record, owner="")))
        return found

    async def make(self, record: VolumeRecord) -> DriverVolume:
        """Make the volume unless it is there, and remember it. Raises: Conflict where it is another driver's."""
        async with self._making.of(record.name):
            driver, store = self._ctx.volume_driver(record.driver), self._ctx.store
            known = store.volumes.get(record.name)
            if known is not None:
                if known.driver != record.driver:
                    raise Conflict(f"volume {record.name} exists with driver {known.driver!r}, not {record.driver!r}")
                return await driver.create(record.name, record.options)
            # The record comes first: what a crash leaves behind is known to the next engine.
            await store.commit([Put(record.name, record)])
            try:
                made = await driver.create(record.name, record.options)
            except CkError:
                await store.commit([Delete("volume", record.name)])
                raise
            await store.commit([], [self._ctx.event(Noun.VOLUME, "create", record.name, {"driver": record.driver})])
            return made

    async def drop_unmade(self) -> None:
        """After a crash: forget the records of volumes that were never made, or that somebody has taken away."""
        for record in self._ctx.store.volumes:
            if record.driver in self._ctx.plugins.names("volume"):
                async with self._making.of(record.name):
                    await self._drop_if_unmade(record)

    async def _drop_if_unmade(self, record: VolumeRecord) -> None:
        try:
            try:
                await self._ctx.volume_driver(record.driver).get(record.name)
            except NotFound:
                if not self._users(record.name):
                    log.info("volume %s is not there: its record goes", record.name)
                    await self._ctx.store.commit([Delete("volume", record.name)])
        except CkError as error:
            log.warning("cannot look after volume %s: %s", record.name, error)

    async def _remove(self, record: VolumeRecord) -> None:
        await self._ctx.volume_driver(record.driver).remove(record.name)
        event = self._ctx.event(Noun.VOLUME, "destroy", record.name, {"driver": record.driver})
        await self._ctx.store.commit([Delete("volume", record.name)], [event])

    def _record(self, name: str) -> VolumeRecord:
        record = self._ctx.store.volumes.get(name)
        if record is None:
            raise NotFound(f"no such volume: {name}")
        return record

    async def _get(self, record: VolumeRecord) -> Volume:
        return self._shape(record, await self._ctx.volume_driver(record.driver).get(record.name))

    def _shape(self, record: VolumeRecord, made: DriverVolume) -> Volume:
        return Volume(
            name=record.name,
            driver=record.driver,
            mountpoint=str(made.mountpoint),
            created=made.created,
            labels=record.labels,
            options=record.options,
            anonymous=record.anonymous,
            used_by=tuple(self._users(record.name)),
        )

    def _users(self, name: str) -> Sequence[str]:
        return [
            container.id
            for container in self._ctx.store.containers
            if any(point.type == "volume" and point.name == name for point in container.mounts)
        ]

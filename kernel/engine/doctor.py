"""`ck doctor`: compares the store with what exists, while the engine runs."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.api.doctor import Finding
from ck.kernel.drivers.orphan import Orphan, OrphanKeeper
from ck.kernel.engine.container_remove import drop_root
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.files import delete_directory
from ck.kernel.engine.image_garbage import drop_layers, used_layers
from ck.kernel.engine.image_pull import pull
from ck.kernel.errors import CkError, NotFound, PluginFailed
from ck.kernel.lifecycle import State

log: Final = logging.getLogger(__name__)

_YOUNG: Final = timedelta(seconds=10)  # what is younger may belong to something that is being made

Fix = Callable[[], Awaitable[object]]


@attrs.frozen
class _Case:
    finding: Finding
    fix: Fix | None = None


class Doctor:
    """ck.kernel.api.engine.Doctor."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def examine(self, *, fix: bool = False) -> Sequence[Finding]:
        """Everything that is wrong; with *fix*, after what can be done about it."""
        findings = []
        for look in (
            self._records,
            self._driver_orphans,
            self._roots,
            self._directories,
            self._volumes,
            self._layers,
            self._stuck,
        ):
            try:
                async for case in look():
                    finding = attrs.evolve(case.finding, fixable=case.fix is not None)
                    if fix and case.fix is not None:
                        finding = await self._try(finding, case.fix)
                    findings.append(finding)
            except CkError as error:  # a driver that does not answer must not hide what the others know
                findings.append(Finding(kind="driver", name=look.__name__.strip("_"), problem=str(error)))
        return findings

    async def _try(self, finding: Finding, fix: Fix) -> Finding:
        try:
            await fix()
        except CkError as error:
            return attrs.evolve(finding, problem=f"{finding.problem}; it cannot be set right: {error}")
        log.info("doctor: %s %s: %s: set right", finding.kind, finding.name, finding.problem)
        return attrs.evolve(finding, fixed=True)

    def _nobodys(self, finding: Finding, removal: Fix) -> _Case:
        """What no record knows. As long as a damaged store is there it may be somebody's whose record is lost."""
        return _Case(finding, None if self._ctx.store.damaged else removal)

    def _known(self) -> frozenset[str]:
        """IDs of what has a record, readable or not, or is being made."""
        ctx = self._ctx
        return frozenset(
            [
                *ctx.store.containers.ids(),
                *ctx.store.networks.ids(),
                *ctx.store.unreadable_ids,
                *ctx.reserved_names.values(),
            ]
        )

    async def _records(self) -> AsyncIterator[_Case]:
        for path in self._ctx.store.damaged:
            problem = (
                "the store was damaged and is kept here; as long as it is, nothing is removed for want of a record: "
                "remove the file when everything is there"
            )
            yield _Case(Finding(kind="damaged store", name=str(path), problem=problem))
        for kind, record_id, sentence in self._ctx.store.unreadable:
            yield _Case(Finding(kind=f"{kind} record", name=record_id, problem=sentence))

    async def _driver_orphans(self) -> AsyncIterator[_Case]:
        for keeper in self._keepers():
            for orphan in await keeper.orphans(self._known()):
                if not _is_young(orphan.since):
                    yield self._nobodys(_orphan(orphan), partial(keeper.remove_orphan, orphan))

    def _keepers(self) -> list[OrphanKeeper]:
        ctx = self._ctx
        drivers = [ctx.runtime, *(ctx.network_driver(name) for name in ctx.plugins.names("network"))]
        return [driver for driver in drivers if isinstance(driver, OrphanKeeper)]

    async def _roots(self) -> AsyncIterator[_Case]:
        for container_id in await self._ctx.storage.containers():
            if container_id not in self._known():
                finding = Finding(kind="container root", name=container_id, problem="no container has it")
                yield self._nobodys(finding, partial(drop_root, self._ctx, container_id))

    async def _directories(self) -> AsyncIterator[_Case]:
        top = trio.Path(self._ctx.config.data_root / "containers")
        for path in await top.iterdir() if await top.exists() else ():
            since = datetime.fromtimestamp((await path.stat()).st_mtime, UTC)
            if path.name not in self._known() and not _is_young(since):
                finding = Finding(kind="directory", name=str(path), problem="no container has it", since=since)
                yield self._nobodys(finding, partial(delete_directory, Path(path)))

    async def _volumes(self) -> AsyncIterator[_Case]:
        for name in self._ctx.plugins.names("volume"):
            for volume in await self._ctx.volume_driver(name).list():
                if volume.name not in self._ctx.store.volumes:
                    problem = "the engine has no record of it; it may hold data, so it is left where it is"
                    yield _Case(
                        Finding(kind="volume", name=volume.name, problem=problem, holder=str(volume.mountpoint))
                    )

    async def _layers(self) -> AsyncIterator[_Case]:
        ctx = self._ctx
        used = used_layers(ctx)
        present = set(await ctx.storage.layers())
        for chain_id in present - used:
            finding = Finding(kind="layer", name=chain_id, problem="no image and no container stands on it")
            yield self._nobodys(finding, partial(drop_layers, ctx, [chain_id]))
        for image in ctx.store.images:
            missing = [chain_id for chain_id in image.chain_ids if chain_id not in present]
            references = (*image.digests, *image.tags)  # a tag may have moved on to another image
            reference = next(iter(references), image.id)
            for chain_id in missing:
                problem = f"image {reference} stands on it, and it is missing or damaged"
                fix = partial(self._fetch, chain_id, references) if references else None
                yield _Case(Finding(kind="layer", name=chain_id, problem=problem), fix)

    async def _fetch(self, chain_id: str, references: Sequence[str]) -> None:
        """Pull by one name after another until the layer is there; what is there already is not fetched again."""
        problem: CkError = NotFound(f"no image of these names has the layer any more: {', '.join(references)}")
        for reference in references:
            try:
                async with aclosing(pull(self._ctx, reference, None, None)) as progress:
                    async for _ in progress:
                        continue
            except CkError as error:
                problem = error
            if await self._ctx.storage.has_layer(chain_id):
                return
        raise problem

    async def _stuck(self) -> AsyncIterator[_Case]:
        ctx = self._ctx
        for container in ctx.store.containers:
            if container.state.status in (State.REMOVING, State.DEAD):
                yield _Case(await self._unremoved(container))
            run = ctx.runs.get(container.id)
            if run is None:
                continue
            try:
                troubles = await run.runtime.troubles()
            except PluginFailed as error:
                troubles = [str(error)]
            for trouble in troubles:
                yield _Case(Finding(kind="container", name=container.name, problem=trouble))

    async def _unremoved(self, container: Container) -> Finding:
        since, error = container.state.finished_at, container.state.error
        problem = f"it is {container.state.status.value}: {error or 'its removal has not come to its end'}"
        return Finding(kind="container", name=container.name, problem=problem, since=since)


def _orphan(orphan: Orphan) -> Finding:
    return Finding(
        kind=orphan.kind,
        name=orphan.name,
        problem="no container or network has it",
        since=orphan.since,
        holder=orphan.holder,
    )


def _is_young(since: datetime | None) -> bool:
    return since is not None and now() - since < _YOUNG

"""A copy of each container's record beside its files, without what changes with each run: where the store is damaged,
its container is not lost."""

import logging
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container, ContainerState
from ck.kernel.errors import CorruptData
from ck.kernel.store import Store
from ck.kernel.store_records import Put

log: Final = logging.getLogger(__name__)

_NAME: Final = "record.json"


def differs(before: Container | None, after: Container) -> bool:
    """Whether the copy must be written anew."""
    return before is None or _lasting(before) != _lasting(after)


def _lasting(container: Container) -> tuple[object, ...]:
    return (container.name, container.config, container.host_config, container.networks, container.mounts)


async def write_copy(store: Store, container: Container, directory: Path) -> None:
    """A copy that cannot be written is reported: the record itself is in the store."""
    lasting = attrs.evolve(container, state=ContainerState(), endpoints={}, ports=())

    def write() -> None:
        new = directory / f".{_NAME}"
        new.write_text(store.dump(lasting))
        new.rename(directory / _NAME)

    try:
        await trio.to_thread.run_sync(write)
    except OSError as error:
        log.warning("cannot write the copy of the record of container %s: %s", container.name, error.strerror)


async def restore_lost(store: Store, containers: Path) -> None:
    """Put back from its copy each record that a damaged store has lost. What runs is adopted afterwards."""
    for path in await trio.to_thread.run_sync(lambda: sorted(containers.glob(f"*/{_NAME}"))):
        if path.parent.name in store.containers or path.parent.name in store.unreadable_ids:
            continue
        try:
            container = store.parse(await trio.Path(path).read_text())
        except (CorruptData, OSError) as error:
            log.error("container %s cannot be restored: %s", path.parent.name[:12], error)
            continue
        if any(other.name == container.name for other in store.containers):
            container = attrs.evolve(container, name=f"{container.name}-{container.id[:12]}")
        await store.commit([Put(container.id, container)])
        log.warning("the record of container %s is restored from its copy", container.name)

"""What the verb groups share: the store, the drivers, and what is known of running containers only in memory."""

import logging
import platform
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.caller import CALLER, ENGINE
from ck.kernel.api.container import Container, Health, IdRange
from ck.kernel.bus import Bus
from ck.kernel.config import Config
from ck.kernel.drivers.content import ContentStore
from ck.kernel.drivers.log import LogDriver
from ck.kernel.drivers.network import NetworkDriver
from ck.kernel.drivers.probe import HealthProbe
from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.drivers.resolver import ResolverDriver
from ck.kernel.drivers.restart import RestartPolicy
from ck.kernel.drivers.runtime import RuntimeContainer, RuntimeDriver
from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.drivers.volume import VolumeDriver
from ck.kernel.engine.actor import Actors
from ck.kernel.engine.addresses import Addresses
from ck.kernel.engine.attachments import Attachments
from ck.kernel.engine.capabilities import available
from ck.kernel.engine.farewell import Farewell
from ck.kernel.engine.gate import Gate
from ck.kernel.engine.leases import Leases
from ck.kernel.engine.limits import Machine
from ck.kernel.engine.memberships import Memberships
from ck.kernel.engine.name_directory import NameDirectory
from ck.kernel.engine.names import by_prefix
from ck.kernel.engine.pins import Pins
from ck.kernel.engine.record_copies import differs, write_copy
from ck.kernel.engine.users import Obstacles
from ck.kernel.engine.waiters import Waiters
from ck.kernel.errors import Conflict, NotFound
from ck.kernel.events import USER, Event, Noun
from ck.kernel.linux.host import boot_id, bounding_capabilities, online
from ck.kernel.pluginmanager import PluginManager
from ck.kernel.store import Store
from ck.kernel.store_records import Put

log: Final = logging.getLogger(__name__)


@attrs.define
class Run:
    """A container that has processes, or whose end is being recorded."""

    runtime: RuntimeContainer
    output_ended: trio.Event = attrs.field(factory=trio.Event)
    ended: trio.Event = attrs.field(factory=trio.Event)  # its end is in the store and its resources are freed
    sessions: Gate = attrs.field(factory=Gate)  # passed by each exec session that is being made


def now() -> datetime:
    """The one clock of the engine."""
    return datetime.now(UTC)


@attrs.define(kw_only=True)
class Context:
    """One per engine. Holds no logic beyond looking things up and writing records with their events."""

    config: Config
    store: Store
    bus: Bus
    plugins: PluginManager
    nursery: trio.Nursery
    content: ContentStore
    storage: StorageDriver
    runtime: RuntimeDriver
    registries: tuple[RegistryDriver, ...]
    actors: Actors
    farewell: Farewell
    engine_id: str
    boot_id: str = attrs.field(factory=boot_id)
    host_name: str = attrs.field(factory=socket.gethostname)
    machine: str = attrs.field(factory=platform.machine)
    release: str = attrs.field(factory=platform.release)
    capabilities: frozenset[str] = attrs.field(factory=lambda: available(bounding_capabilities()))
    hardware: Machine = attrs.field(factory=lambda: Machine(cpus=online("cpu"), memory_nodes=online("node")))
    waiters: Waiters = attrs.field(factory=Waiters)
    leases: Leases = attrs.field(factory=Leases)
    restarted: Pins = attrs.field(factory=Pins)  # containers that a verb stops and starts again
    attachments: Attachments = attrs.field(factory=Attachments)
    addresses: Addresses = attrs.field(factory=Addresses)
    memberships: Memberships = attrs.field(factory=Memberships)
    directory: NameDirectory = attrs.field(factory=NameDirectory)
    healths: dict[str, Health] = attrs.field(factory=dict)  # of running containers with a check; the newest word
    recovered: trio.Event = attrs.field(factory=trio.Event)  # store and machine agree
    runs: dict[str, Run] = attrs.field(factory=dict)
    mapping_obstacles: Obstacles | None = None  # once they were asked for
    image_uses: dict[str, datetime] = attrs.field(factory=dict)  # by ID, since this engine began
    image_records: trio.Lock = attrs.field(factory=trio.Lock)  # held from the look at a record to its change
    collecting: trio.Lock = attrs.field(factory=trio.Lock)  # held by who makes space
    reserved_ranges: dict[str, IdRange] = attrs.field(factory=dict)  # by container, while a create is under way
    secret_env: dict[str, tuple[str, ...]] = attrs.field(factory=dict)  # by container: variables that no record has
    reserved_names: dict[str, str] = attrs.field(factory=dict)  # name to ID, while a create or rename is under way

    def spawn(self, job: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run *job* beside everything else until it ends or the engine does. An error that it should have dealt with is
        reported and ends it alone: one container's trouble must not be that of all."""

        async def run() -> None:
            try:
                await job(*args)
            except Exception:  # a bug
                log.exception("%s has failed", getattr(job, "__qualname__", job))

        self.nursery.start_soon(run)

    @property
    def resolver(self) -> ResolverDriver | None:
        """Who answers the queries of containers, None where the config names nobody that there is."""
        name = self.config.default.resolver
        if name not in self.plugins.names("resolver"):
            return None
        return self.plugins.driver("resolver", name, ResolverDriver)  # type: ignore[type-abstract]

    def find_container(self, ref: str) -> Container:
        """By ID, name or unique ID prefix. Raises: NotFound, Conflict."""
        containers = self.store.containers
        bare = ref.removeprefix("/")
        found = containers.get(bare) or next((each for each in containers if each.name == bare), None)
        if found is None:
            prefixed = by_prefix(bare, containers.ids(), "container")
            found = containers.get(prefixed) if prefixed else None
        if found is None:
            raise NotFound(f"No such container: {ref}")
        return found

    def run_of(self, container: Container) -> Run:
        """Raises: Conflict where the container does not run."""
        run = self.runs.get(container.id)
        if run is None or run.output_ended.is_set():
            raise Conflict(f"container {container.id[:12]} ({container.name}) is not running")
        return run

    def container_directory(self, container_id: str) -> Path:
        """Where the container's own files are: hosts, resolv.conf, hostname, log/."""
        return self.config.data_root / "containers" / container_id

    def log_driver(self, name: str) -> LogDriver:
        return self.plugins.driver("log", name, LogDriver)  # type: ignore[type-abstract]

    def network_driver(self, name: str) -> NetworkDriver:
        return self.plugins.driver("network", name, NetworkDriver)  # type: ignore[type-abstract]

    def restart_policy(self, name: str) -> RestartPolicy:
        return self.plugins.driver("restart", name, RestartPolicy)  # type: ignore[type-abstract]

    def probe(self, name: str) -> HealthProbe:
        return self.plugins.driver("probe", name, HealthProbe)  # type: ignore[type-abstract]

    def volume_driver(self, name: str) -> VolumeDriver:
        return self.plugins.driver("volume", name, VolumeDriver)  # type: ignore[type-abstract]

    def event(
        self, noun: Noun, action: str, subject: str, attributes: Mapping[str, str] | None = None, *, cause: str = USER
    ) -> Event:
        """An event of now, by whoever asked; by the engine itself where no user is the cause.

        What follows from a request runs in its context: the end of a container is not its starter's doing.
        """
        caller = CALLER.get() if cause == USER else ENGINE
        return Event(
            noun=noun,
            action=action,
            subject=subject,
            at=now(),
            attributes=attributes or {},
            cause=cause,
            uid=caller.uid,
            pid=caller.pid,
            program=caller.program,
        )

    def container_event(self, container: Container, action: str, *, cause: str = USER, **attributes: str) -> Event:
        """An event about a container, with what Docker tells along."""
        told = {**container.config.labels, "image": container.image_ref, "name": container.name, **attributes}
        return self.event(Noun.CONTAINER, action, container.id, told, cause=cause)

    async def save(self, container: Container, *events: Event) -> Container:
        """Commit a container with the events that tell of the change."""
        changed = differs(self.store.containers.get(container.id), container)
        await self.store.commit([Put(container.id, container)], events)
        if changed:
            await write_copy(self.store, container, self.container_directory(container.id))
        return container

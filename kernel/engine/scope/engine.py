"""The engine as a socket of limited scope shows it: the same verbs, each behind one gate."""

import inspect
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, cast

import attrs

from ck.kernel.api.container import Container, ContainerChange, ContainerSpec, ExecSpec, HostConfig
from ck.kernel.api.engine import Engine
from ck.kernel.api.image import NamedManifest, Progress
from ck.kernel.api.network import NetworkSpec
from ck.kernel.api.stats import Stats
from ck.kernel.config import Socket
from ck.kernel.drivers.registry import Packing
from ck.kernel.engine.links import parse_link
from ck.kernel.engine.mounts import parse_bind
from ck.kernel.engine.names import container_of
from ck.kernel.engine.predefined import PREDEFINED
from ck.kernel.engine.scope.rules import (
    carries,
    check_change,
    check_reach,
    confine_spec,
    label_of,
    labelled,
    too_powerful,
)
from ck.kernel.engine.scope.verbs import VERBS, About, Verb
from ck.kernel.engine.users import joined
from ck.kernel.errors import Forbidden, InvalidArgument, NotFound
from ck.kernel.events import Noun, Recorded

_Filters = Mapping[str, Sequence[str]]


def scoped(engine: Engine, scope: Socket) -> Engine:
    """*engine* as *scope* allows it to be used. Raises: InvalidArgument for a scope that cannot be."""
    if scope.label and not all(scope.label.partition("=")[::2]):
        raise InvalidArgument(f"the label of socket {scope.path} must be NAME=VALUE, not {scope.label!r}")
    for directory in scope.binds or ():
        if not directory.startswith("/") or posixpath.normpath(directory) != directory:
            raise InvalidArgument(f"the socket {scope.path} cannot allow {directory!r}: it is no plain absolute path")
    return cast(Engine, _ScopedEngine(engine, scope))


class _ScopedEngine:
    def __init__(self, engine: Engine, scope: Socket) -> None:
        gate = _Gate(engine, scope)
        for noun in VERBS:
            setattr(self, noun, _ScopedNoun(noun, getattr(engine, noun), gate))


class _ScopedNoun:
    """Looks like one noun of the engine. What `_Gate` has a method `NOUN_VERB` for is done by that."""

    def __init__(self, noun: str, real: object, gate: "_Gate") -> None:
        self._noun, self._real, self._gate = noun, real, gate

    def __getattr__(self, name: str) -> Any:
        verb = VERBS[self._noun].get(name)
        if verb is None or verb.refused:
            raise Forbidden(f"{self._noun}.{name} is not allowed on this socket")
        method: Callable[..., Any] = getattr(self._real, name)
        if verb.internal:
            return method
        own: Callable[..., Any] = getattr(self._gate, f"{self._noun}_{name}", None) or method
        if not inspect.iscoroutinefunction(method):
            return lambda *args, **kwargs: self._gate.plain(verb, name, own, args, kwargs)
        return lambda *args, **kwargs: self._gate.pass_through(verb, name, own, args, kwargs)


class _Gate:
    """Decides. Its methods named after a verb do that verb in a narrower way."""

    def __init__(self, engine: Engine, scope: Socket) -> None:
        self._engine: Final = engine
        self._scope: Final = scope

    def plain(
        self, verb: Verb, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A verb that answers at once, or by an iterator."""
        self._check(verb, name)
        return method(*args, **kwargs)

    async def pass_through(
        self,
        verb: Verb,
        name: str,
        method: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Any other verb."""
        self._check(verb, name)
        if verb.about is not About.NOTHING:
            await self._check_seen(verb.about, args[0], inside=verb.inside)
        return await method(*args, **kwargs)

    def _check(self, verb: Verb, name: str) -> None:
        if verb.changes and self._scope.read_only:
            raise Forbidden(f"{name} is not allowed: this socket is for reading only")
        if verb.files and self._scope.read_only and not self._scope.files:
            raise Forbidden(f"{name} is not allowed: this socket is for reading only, without files of containers")
        if verb.all_of_it and label_of(self._scope) is not None:
            raise Forbidden(f"{name} is not allowed: this socket is for what has the label {self._scope.label}")

    async def _check_seen(self, about: About, ref: str, *, inside: bool = False) -> None:
        """Raises: NotFound as if it were not there; Forbidden where nobody may be *inside*."""
        match about:
            case About.CONTAINER:
                await (self._reachable(ref) if inside else self._container(ref))
            case About.EXEC:
                ref = (await self._engine.execs.get(ref)).container_id
                await (self._reachable(ref) if inside else self._container(ref))
            case About.VOLUME:
                if not carries(self._scope, (await self._engine.volumes.get(ref)).labels):
                    raise NotFound(f"get {ref}: no such volume")
            case About.NETWORK:
                await self._check_network(ref)

    async def _container(self, ref: str) -> Container:
        container = await self._engine.containers.get(ref)
        if not carries(self._scope, container.config.labels):
            raise NotFound(f"No such container: {ref}")
        return container

    async def _reachable(self, ref: str) -> Container:
        """A container in which one may act: neither it nor whom it shares namespaces with has more power."""
        container = await self._container(ref)
        seen: dict[str, Container] = {}
        left = [container]
        while left:
            each = left.pop()
            if each.id not in seen:
                seen[each.id] = each
                check_reach(self._scope, each)
                if volume := await self._hosts_volume([mount.name for mount in each.mounts if mount.type == "volume"]):
                    raise Forbidden(too_powerful(each, f"volume {volume}"))
                left += [await self._engine.containers.get(other) for other in joined(each.host_config)]
        return container

    async def _hosts_volume(self, names: Sequence[str]) -> str:
        """Which of the volumes is a directory or device of the host that may not be mounted here, "" for none."""
        if self._scope.allowed_binds() is None or not names:
            return ""
        return next(
            (each.name for each in await self._engine.volumes.list() if each.name in names and each.options), ""
        )

    async def _check_network(self, ref: str) -> str:
        """The name of the network *ref*."""
        config = (await self._engine.networks.get(ref)).config
        if config.name not in PREDEFINED and not carries(self._scope, config.labels):
            raise NotFound(f"network {ref} not found")
        return config.name

    # Containers

    async def containers_list(self) -> Sequence[Container]:
        return [each for each in await self._engine.containers.list() if carries(self._scope, each.config.labels)]

    async def containers_create(self, spec: ContainerSpec, *args: Any) -> Any:
        confined = confine_spec(self._scope, await self._settled(spec))
        await self._check_mounts(confined.host_config)
        return await self._engine.containers.create(confined, *args)

    async def _settled(self, spec: ContainerSpec) -> ContainerSpec:
        """All whom it names, who must be seen here too, by their ID or the network's name: what is looked at now is
        what it means for ever."""
        host = spec.host_config
        network = host.network_mode
        if container_of(network) is not None:
            network = await self._mode(network)
        elif network not in ("", "default"):
            network = await self._check_network(network)
        for ref in spec.networks:
            if ref != "default":
                await (self._mode(ref) if container_of(ref) is not None else self._check_network(ref))
        links = [parse_link(text) for text in host.links]
        settled = attrs.evolve(
            host,
            network_mode=network,
            pid_mode=await self._mode(host.pid_mode),
            ipc_mode=await self._mode(host.ipc_mode),
            volumes_from=tuple([await self._entry(text) for text in host.volumes_from]),
            depends_on=tuple([await self._entry(text) for text in host.depends_on]),
            links=tuple([f"{(await self._container(ref)).id}:{alias}" for ref, alias in links]),
        )
        return attrs.evolve(spec, host_config=settled)

    async def _mode(self, mode: str) -> str:
        other = container_of(mode)
        return mode if other is None else f"container:{(await self._reachable(other)).id}"

    async def _entry(self, text: str) -> str:
        """NAME or NAME:WHAT."""
        ref, colon, what = text.partition(":")
        return f"{(await self._reachable(ref)).id}{colon}{what}"

    async def _check_mounts(self, host: HostConfig) -> None:
        mounts = [*host.mounts, *(parse_bind(text, host.volume_driver).request for text in host.binds)]
        if volume := await self._hosts_volume([mount.source for mount in mounts if mount.type == "volume"]):
            raise Forbidden(f"volume {volume} is not allowed: this socket gives no power over the host")
        if label_of(self._scope) is None:
            return
        for mount in mounts:
            if mount.type == "volume" and mount.source:
                # One that is not there yet would be made by the container's creation, and seen by nobody here.
                labels = labelled(self._scope, mount.volume_labels)
                await self.volumes_create(mount.source, mount.volume_driver, mount.volume_options, labels)

    async def containers_update(self, ref: str, change: ContainerChange) -> Sequence[str]:
        check_change(self._scope, change)
        return await self._engine.containers.update(ref, change)

    def images_pull(self, reference: str, *args: Any, **kwargs: Any) -> AsyncIterator[Progress]:
        self._check_origin(reference)
        return self._engine.images.pull(reference, *args, **kwargs)

    async def images_manifest(self, ref: str, *args: Any, **kwargs: Any) -> NamedManifest:
        self._check_origin(ref)
        return await self._engine.images.manifest(ref, *args, **kwargs)

    def images_push_index(
        self, reference: str, index: bytes, sources: Mapping[str, str], *args: Any
    ) -> AsyncIterator[Progress]:
        for origin in sources.values():
            self._check_origin(origin)
        return self._engine.images.push_index(reference, index, sources, *args)

    async def images_pack(self, packing: Packing, tags: Sequence[str]) -> str:
        if self._scope.allowed_binds() is not None:
            raise Forbidden("programs may not be packed: this socket gives no access to files of the host")
        return await self._engine.images.pack(packing, tags)

    def _check_origin(self, reference: str) -> None:
        if self._scope.allowed_binds() is not None and self._engine.images.is_local(reference):
            raise Forbidden(f"{reference} may not be pulled: this socket gives no access to files of the host")

    async def containers_prune(self, filters: _Filters) -> Any:
        return await self._engine.containers.prune(self._narrowed(filters))

    async def execs_create(self, container: str, spec: ExecSpec) -> str:
        if spec.privileged and self._scope.unprivileged:
            raise Forbidden("exec --privileged is not allowed: this socket gives no power over the host")
        return await self._engine.execs.create(container, spec)

    # Volumes and networks

    async def volumes_list(self) -> Any:
        return [each for each in await self._engine.volumes.list() if carries(self._scope, each.labels)]

    async def volumes_create(
        self, name: str | None, driver: str, options: Mapping[str, str], labels: Mapping[str, str]
    ) -> Any:
        if options and self._scope.allowed_binds() is not None:
            option = next(iter(options))
            raise Forbidden(f"the volume option {option} is not allowed: this socket gives no power over the host")
        if name is not None and name in {each.name for each in await self._engine.volumes.list()}:
            await self._check_seen(About.VOLUME, name)
        return await self._engine.volumes.create(name, driver, options, labelled(self._scope, labels))

    async def volumes_prune(self, filters: _Filters) -> Any:
        return await self._engine.volumes.prune(self._narrowed(filters))

    async def networks_list(self) -> Any:
        found = await self._engine.networks.list()
        return [each for each in found if each.config.name in PREDEFINED or carries(self._scope, each.config.labels)]

    async def networks_create(self, spec: NetworkSpec) -> Any:
        labels = labelled(self._scope, spec.labels)
        if self._scope.unprivileged and spec.options:
            option = next(iter(spec.options))
            raise Forbidden(f"the network option {option} is not allowed: this socket gives no power over the host")
        return await self._engine.networks.create(attrs.evolve(spec, labels=labels))

    async def networks_connect(self, ref: str, container: str, request: Any) -> None:
        await self._container(container)
        await self._engine.networks.connect(ref, container, request)

    async def networks_disconnect(self, ref: str, container: str, *, force: bool = False) -> None:
        await self._container(container)
        await self._engine.networks.disconnect(ref, container, force=force)

    async def networks_prune(self, filters: _Filters) -> Any:
        return await self._engine.networks.prune(self._narrowed(filters))

    def _narrowed(self, filters: _Filters) -> _Filters:
        if label_of(self._scope) is None:
            return filters
        return {**filters, "label": [*filters.get("label", ()), self._scope.label]}

    # What tells of all

    async def system_events(self, *args: Any) -> AsyncGenerator[Recorded, None]:
        events = cast(AsyncGenerator[Recorded, None], self._engine.system.events(*args))
        async with aclosing(events):
            async for recorded in events:
                if await self._is_seen(recorded):
                    yield recorded

    async def _is_seen(self, recorded: Recorded) -> bool:
        event = recorded.event
        if label_of(self._scope) is None or event.noun is Noun.IMAGE:
            return True
        if event.noun is Noun.CONTAINER:
            return carries(self._scope, event.attributes)  # which have its labels
        return event.noun is not Noun.ENGINE and event.attributes.get("container", "") in {
            each.id for each in await self.containers_list()
        }

    async def statistics_once(self, refs: Sequence[str] | None) -> Sequence[Stats]:
        for ref in refs or ():
            await self._container(ref)
        return await self._seen(await self._engine.statistics.once(refs))

    async def statistics_stream(self, refs: Sequence[str] | None) -> AsyncIterator[Sequence[Stats]]:
        for ref in refs or ():
            await self._container(ref)
        async with aclosing(self._engine.statistics.stream(refs)) as looks:
            async for look in looks:
                yield await self._seen(look)

    async def _seen(self, look: Sequence[Stats]) -> Sequence[Stats]:
        if label_of(self._scope) is None:
            return look
        seen = {each.id for each in await self.containers_list()}
        return [each for each in look if each.now.container_id in seen]

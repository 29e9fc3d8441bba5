"""`stats`: one sampler that all who ask share. Nobody asks, nobody measures."""

import logging
import os
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.api.stats import Sample, Stats, Traffic
from ck.kernel.drivers.runtime import Meter
from ck.kernel.engine.context import Context, Run
from ck.kernel.engine.earlier import Earlier
from ck.kernel.engine.network_records import has_host_network
from ck.kernel.engine.procfs import parse_host_cpu, parse_traffic
from ck.kernel.lifecycle import ACTIVE
from ck.kernel.linux.host import memory_bytes

log: Final = logging.getLogger(__name__)
_INTERVAL_SECONDS: Final = 1.0
_TRAFFIC_BYTES: Final = 65536  # some 500 interfaces


@attrs.frozen
class _Probe:
    """How to look at one run. `traffic` is an fd of its /proc/PID/net/dev, None where its network is the host's."""

    run: Run
    container: Container
    meter: Meter
    traffic: int | None

    def close(self) -> None:
        self.meter.close()
        if self.traffic is not None:
            os.close(self.traffic)


class Sampler:
    """ck.kernel.api.engine.Statistics."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._memory = memory_bytes()
        self._earlier = Earlier()
        self._probes: dict[str, _Probe] = {}  # open while somebody streams
        self._wanted: dict[object, Collection[str] | None] = {}  # by stream; None is all
        self._ticking = False
        self._round = trio.Event()
        self._found: Mapping[str, Stats] = {}

    async def once(self, refs: Sequence[str] | None) -> Sequence[Stats]:
        """Of the containers *refs*, of all that run for None, now. Raises: NotFound, Conflict."""
        containers = self._chosen(None if refs is None else self._ids(refs))
        # Not those of the streams: they may be closed while a thread reads here.
        probes = [probe for each in containers if (probe := self._probe(each)) is not None]
        try:
            found = await trio.to_thread.run_sync(self._measure, probes)
        finally:
            for probe in probes:
                probe.close()
        return self._stats(containers, found)

    async def stream(self, refs: Sequence[str] | None) -> AsyncGenerator[Sequence[Stats], None]:
        """As `once`, and again each second. What is removed meanwhile is left out; all who stream share one look."""
        key = object()
        self._wanted[key] = None if refs is None else self._ids(refs)
        try:
            yield await self.once(refs)
            if not self._ticking:
                self._ticking = True
                self._ctx.spawn(self._tick)
            while True:
                await self._round.wait()
                yield [self._found[each.id] for each in self._chosen(self._wanted[key]) if each.id in self._found]
        finally:
            del self._wanted[key]

    def _ids(self, refs: Sequence[str]) -> list[str]:
        return [self._ctx.find_container(ref).id for ref in refs]

    def _chosen(self, ids: Collection[str] | None) -> list[Container]:
        store = self._ctx.store.containers
        if ids is None:
            return [each for each in store if each.state.status in ACTIVE]
        return [found for each in ids if (found := store.get(each)) is not None]

    async def _tick(self) -> None:
        """Look each second, while anybody wants to know."""
        deadline = trio.current_time()
        try:
            while self._wanted:
                deadline += _INTERVAL_SECONDS
                await trio.sleep_until(deadline)
                containers = self._all_wanted()
                self._open_probes(containers)
                try:
                    found = await trio.to_thread.run_sync(self._measure, list(self._probes.values()))
                except OSError as error:  # those who stream go on, and see that nothing is told for a second
                    log.warning("statistics cannot be read: %s", error)
                    self._found = {}
                else:
                    self._found = {stats.now.container_id: stats for stats in self._stats(containers, found)}
                told, self._round = self._round, trio.Event()
                told.set()
        finally:
            self._ticking = False
            self._open_probes([])

    def _all_wanted(self) -> list[Container]:
        wanted = list(self._wanted.values())
        ids = {each.id: each for one in wanted for each in self._chosen(one)}
        return list(ids.values())

    def _open_probes(self, containers: Sequence[Container]) -> None:
        """Keep those of *containers*, and of no run but the present one."""
        wanted = {each.id: each for each in containers}
        for container_id, probe in list(self._probes.items()):
            if container_id not in wanted or self._ctx.runs.get(container_id) is not probe.run:
                probe.close()
                del self._probes[container_id]
        for container_id, container in wanted.items():
            if container_id not in self._probes and (opened := self._probe(container)) is not None:
                self._probes[container_id] = opened

    def _probe(self, container: Container) -> _Probe | None:
        run = self._ctx.runs.get(container.id)
        if run is None or run.output_ended.is_set():
            return None
        traffic = None if has_host_network(self._ctx, container) else _open_traffic(run.runtime.pid)
        return _Probe(run, container, run.runtime.meter(), traffic)

    def _measure(self, probes: Sequence[_Probe]) -> dict[str, Sample]:
        """Blocks, for some 0.1 ms a container."""
        host_cpu = parse_host_cpu(Path("/proc/stat").read_text())
        return {
            probe.container.id: Sample(
                container_id=probe.container.id,
                name=probe.container.name,
                at_ns=time.time_ns(),
                accounts=probe.meter.read(),
                networks=_traffic(probe.traffic),
                host_cpu=host_cpu,
                host_memory=self._memory,
                cpus=len(self._ctx.hardware.cpus),
            )
            for probe in probes
        }

    def _stats(self, containers: Sequence[Container], found: Mapping[str, Sample]) -> list[Stats]:
        result = []
        for container in containers:
            now = found.get(container.id) or self._nothing(container, time.time_ns())
            started = container.state.started_at
            started_ns = int(started.timestamp() * 1e9) if started else now.at_ns
            before = self._earlier.before(now, started_ns) or self._at_start(container, now, started_ns)
            self._earlier.keep(now, started_ns)
            result.append(Stats(now=now, before=before))
        return result

    def _nothing(self, container: Container, at_ns: int) -> Sample:
        return Sample(container_id=container.id, name=container.name, at_ns=at_ns, accounts=None)

    def _at_start(self, container: Container, now: Sample, started_ns: int) -> Sample:
        """When it had used nothing: rates since then are those of its whole life."""
        elapsed = max(0, now.at_ns - started_ns) * now.cpus
        return attrs.evolve(self._nothing(container, started_ns), host_cpu=max(0, now.host_cpu - elapsed))


def _open_traffic(pid: int) -> int | None:
    try:
        return os.open(f"/proc/{pid}/net/dev", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it has ended
        return None


def _traffic(fd: int | None) -> Mapping[str, Traffic]:
    try:
        return {} if fd is None else parse_traffic(os.pread(fd, _TRAFFIC_BYTES, 0).decode())
    except OSError:  # it has ended
        return {}

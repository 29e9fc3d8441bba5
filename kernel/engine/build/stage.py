"""One stage, built: each instruction found in the cache or carried out."""

import posixpath
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import attrs
import trio

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import HistoryEntry, Image
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.graph import PlannedStage
from ck.kernel.dockerfile.instructions import Copy, CopyFiles, Instruction, Run, Workdir
from ck.kernel.dockerfile.mounts import Mount
from ck.kernel.dockerfile.scope import proxy_variables
from ck.kernel.engine.build.cache import BuildCache, key_of
from ck.kernel.engine.build.config import command_of, configure
from ck.kernel.engine.build.console import Console
from ck.kernel.engine.build.copy import SECOND, CopyWriter, Manner
from ck.kernel.engine.build.copy_step import CopyJob
from ck.kernel.engine.build.mounts import Caches, run_mounts
from ck.kernel.engine.build.place import NOWHERE, Place, locate
from ck.kernel.engine.build.run import Command, Runner, remove_stubs
from ck.kernel.engine.build.sources import Files
from ck.kernel.engine.build.views import in_chain
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_layer import MadeLayer, WriteTar, made_layer
from ck.kernel.engine.image_make import Base
from ck.kernel.engine.passwd import owner_in
from ck.kernel.errors import CkError, InvalidArgument, StartFailed, Unsupported

LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
"""When what tells no time was made."""

_PREFIX: Final = 40  # digits of a key that say what is copied where; the rest says what it is


@attrs.define(kw_only=True)
class Built:
    """What a stage has come to: on `base`, whose layers `chain` begins with, `layers` and a config. `moment` is when
    the uppermost layer was made: what is the same as in an earlier build is to have the same digest, so no other time
    counts."""

    base: Base
    chain: tuple[str, ...]
    config: ContainerConfig
    evaluator: Evaluator
    moment: datetime
    layers: list[MadeLayer] = attrs.field(factory=list)
    history: list[HistoryEntry] = attrs.field(factory=list)

    @property
    def top(self) -> str | None:
        """The chain ID of the uppermost layer."""
        return self.chain[-1] if self.chain else None

    def child(self) -> "Built":
        """The beginning of a stage that is FROM this one; triggers are used up by it."""
        return Built(
            base=self.base,
            chain=self.chain,
            config=attrs.evolve(self.config, on_build=()),
            evaluator=self.evaluator.child(),
            moment=self.moment,
            layers=list(self.layers),
            history=list(self.history),
        )


@attrs.frozen(kw_only=True)
class Workshop:
    """What all stages of one build share. Layers are leased by way of `leases`, until the build is over; `scratch` is a
    directory that goes then."""

    ctx: Context
    request: BuildRequest
    cache: BuildCache
    caches: Caches
    runner: Runner
    console: Console
    leases: AsyncExitStack
    scratch: Path

    def time(self, otherwise: datetime) -> datetime:
        """SOURCE_DATE_EPOCH, or *otherwise* without one."""
        return otherwise if self.request.epoch is None else datetime.fromtimestamp(self.request.epoch, UTC)


class StageBuilder:
    """Carries out the instructions of *stage* on *built*. *sources* are the files that each of its `from` means, "" the
    context's."""

    def __init__(self, shop: Workshop, stage: PlannedStage, built: Built, sources: Mapping[str, Files]) -> None:
        self._shop, self._stage, self._built, self._sources = shop, stage, built, sources

    async def run(self) -> None:
        """Raises: CkError, which names file, line and instruction."""
        for instruction in self._stage.instructions:
            await self._shop.console.say(f"Step {self._shop.console.number()} : {instruction.original}")
            try:
                await self._step(instruction)
            except CkError as error:
                raise self._located(error, instruction) from error

    async def _step(self, instruction: Instruction) -> None:
        built = self._built
        done = built.evaluator.evaluate(instruction)
        layers = len(built.layers)
        match done:
            case Run():
                await self._run(done)
            case CopyFiles():
                await self._copy(done)
            case Workdir():
                built.config = configure(built.config, done)
                await self._workdir(built.config.working_dir)
            case _:
                built.config = configure(built.config, done)
        built.history.append(
            HistoryEntry(
                created=self._shop.time(built.moment), created_by=done.original, empty_layer=len(built.layers) == layers
            )
        )

    # --- RUN -----------------------------------------------------------------------------------------------------

    async def _run(self, run: Run) -> None:
        shop, built = self._shop, self._built
        if run.security != "sandbox":
            raise Unsupported(f"RUN --security={run.security} is not allowed")
        line = command_of(built.config, run.args, shell=run.shell and run.script is None) or ()
        variables = {**proxy_variables(shop.request.build_args), **built.evaluator.variables}
        environment = [f"{name}={value}" for name, value in variables.items()]
        network = shop.request.network if run.network == "default" else run.network
        command = Command(
            line=line,
            environment=environment,
            user=built.config.user,
            working_dir=built.config.working_dir,
            network=network,
        )
        mounts = [await self._mount_key(mount) for mount in run.mounts]
        script = run.script.text if run.script else ""
        key = key_of(
            "run", built.top, list(line), sorted(built.evaluator.variables.items()), command.user, command.working_dir,
            network, mounts, script,
        )  # fmt: skip
        if await self._from_cache(key):
            return
        scratch = await self._scratch()
        output = shop.console.output(self._stage.title)
        where = built.config.working_dir
        async with run_mounts(run, where, shop.request, shop.caches, scratch, self._in_source) as brought:
            command = attrs.evolve(
                command,
                environment=[*environment, *brought.environment],
                mounts=brought.mounts,
                tmpfs=brought.tmpfs,
            )
            async with shop.runner.finished(self._image(), command, output.write) as (code, container_id):
                await output.end()
                if code:
                    shown = " ".join(line)
                    raise StartFailed(
                        f"the command '{shown}' returned a non-zero code: {code}\n{output.tail()}".rstrip(), code
                    )

                async def write(sink: BinaryIO) -> None:
                    await remove_stubs(shop.ctx, container_id)
                    await shop.ctx.storage.diff(container_id, sink)

                await self._keep(key, run, await self._make(write))

    async def _mount_key(self, mount: Mount) -> object:
        """What of a mount the result of a RUN depends on."""
        told = attrs.asdict(mount)
        if mount.type != "bind":
            return told
        files = self._sources[mount.from_]
        if files.context is None:
            return [told, files.chain_id]
        copy = Copy(
            line=0, last_line=0, original="", sources=(mount.source or ".",), contents=(), dest="/", parents=False
        )
        job = CopyJob(instruction=copy, files=files, scratch=self._shop.scratch)
        return [told, await self._digest(job, Manner(owner=(0, 0)))]

    async def _in_source(self, written: str, work: Callable[[int], None]) -> None:
        await self._sources[written].inside(work)

    def _image(self) -> Image:
        """What a container of a step is made of: files and where to run, but not what is for later containers."""
        built = self._built
        return Image(id="", os="linux", config=ContainerConfig(), chain_ids=built.chain)

    # --- COPY, ADD, WORKDIR --------------------------------------------------------------------------------------

    async def _copy(self, copy: CopyFiles) -> None:
        built = self._built
        dest = posixpath.join("/", built.config.working_dir, copy.dest)
        files = self._sources[copy.from_ if isinstance(copy, Copy) else ""]
        told = attrs.asdict(attrs.evolve(copy, line=0, last_line=0, original=""))
        prefix = key_of("copy", built.top, dest, told, self._shop.request.epoch)[:_PREFIX]
        job = CopyJob(instruction=copy, files=files, scratch=await self._scratch())
        manner = Manner(
            owner=None if files.context is None else (0, 0),
            mode=job.mode,
            made=self._nanoseconds(),
            time=None if self._shop.request.epoch is None else self._shop.request.epoch * SECOND,
        )
        if self._shop.cache.knows(prefix) and await self._from_cache(prefix + await self._digest(job, manner)):
            return

        def look(root: int) -> tuple[Place, tuple[int, int] | None]:
            return locate(root, dest), owner_in(root, copy.chown) if copy.chown else manner.owner

        place, owner = await in_chain(self._shop.ctx, built.top, look)
        writers: list[CopyWriter] = []

        async def write(sink: BinaryIO) -> None:
            writer = CopyWriter(place, attrs.evolve(manner, owner=owner), sink, into=job.into)
            writers.append(writer)
            await job.feed(writer)
            await trio.to_thread.run_sync(writer.end)

        layer = await self._make(write)
        await self._keep(prefix + writers[0].digest.hexdigest(), copy, layer)

    async def _digest(self, job: CopyJob, manner: Manner) -> str:
        writer = CopyWriter(NOWHERE, manner, None, into=True)
        await job.feed(writer)
        return writer.digest.hexdigest()

    async def _workdir(self, path: str) -> None:
        """The directory is made, if it is not there, for the user that follows."""
        built = self._built

        def look(root: int) -> tuple[Place, tuple[int, int]]:
            place = locate(root, path)
            return place, (0, 0) if place.directory else owner_in(root, built.config.user)

        place, owner = await in_chain(self._shop.ctx, built.top, look)
        if place.directory:
            return

        async def write(sink: BinaryIO) -> None:
            writer = CopyWriter(place, Manner(owner=owner, made=self._nanoseconds()), sink, into=True)
            writer.directory()
            await trio.to_thread.run_sync(writer.end)

        key = key_of("workdir", built.top, path, list(owner), self._shop.request.epoch)
        if not await self._from_cache(key):
            await self._keep(key, None, await self._make(write))

    # --- layers --------------------------------------------------------------------------------------------------

    async def _from_cache(self, key: str) -> bool:
        layer = await self._shop.leases.enter_async_context(self._shop.cache.found(key))
        if layer is None:
            return False
        await self._shop.console.say(" ---> Using cache")
        await self._add(layer)
        return True

    async def _make(self, write: WriteTar) -> MadeLayer:
        return await self._shop.leases.enter_async_context(made_layer(self._shop.ctx, self._built.top, write))

    async def _keep(self, key: str, instruction: Instruction | None, layer: MadeLayer) -> None:
        description = instruction.original if instruction else "WORKDIR"
        await self._shop.cache.keep(key, self._built.chain, layer, description)
        await self._add(layer)

    async def _add(self, layer: MadeLayer) -> None:
        self._built.layers.append(layer)
        self._built.moment = layer.created
        self._built.chain = (*self._built.chain, layer.chain_id)
        await self._shop.console.say(f" ---> {layer.chain_id.partition(':')[2][:12]}")

    async def _scratch(self) -> Path:
        """A new directory for one step."""
        path = self._shop.scratch / f"{self._stage.index}-{len(self._built.history)}"
        await trio.to_thread.run_sync(path.mkdir)
        return path

    def _nanoseconds(self) -> int:
        """The time of what is made here."""
        return int(self._shop.time(now()).timestamp()) * SECOND

    def _located(self, error: CkError, instruction: Instruction) -> CkError:
        return located(error, self._shop.request.dockerfile, instruction.line, instruction.original)


def located(error: CkError, dockerfile: str, line: int | None, text: str = "") -> CkError:
    """*error* as one that names the file, the line and the instruction *text*."""
    where = ": ".join(filter(None, (f"{dockerfile}:{line}" if line else dockerfile, text)))
    match error:
        case StartFailed():
            return StartFailed(f"{where}: {error}", error.exit_code)
        case DockerfileError():
            return InvalidArgument(f"{where}: {error.reason}")
        case _:
            return type(error)(f"{where}: {error}")

"""RUN as a step of a stage: found in the cache, or run."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

import attrs
import trio

from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import Image
from ck.kernel.archive.extract import extract
from ck.kernel.archive.retime import retimed
from ck.kernel.archive.stage import opened
from ck.kernel.dockerfile.instructions import Copy, Run
from ck.kernel.dockerfile.mounts import Mount
from ck.kernel.dockerfile.scope import proxy_variables
from ck.kernel.engine.build.built import Built, Layering, Workshop
from ck.kernel.engine.build.cache import key_of
from ck.kernel.engine.build.config import command_of
from ck.kernel.engine.build.copy import SECOND, CopyWriter, Manner
from ck.kernel.engine.build.copy_step import CopyJob
from ck.kernel.engine.build.mounts import run_mounts
from ck.kernel.engine.build.place import NOWHERE
from ck.kernel.engine.build.run import HOSTNAME, HOSTNAME_ARGUMENT, Command, remove_stubs
from ck.kernel.engine.build.sources import Files
from ck.kernel.errors import Forbidden, StartFailed, Unsupported


class RunStep:
    """Runs commands of the stage *title*."""

    def __init__(
        self, shop: Workshop, built: Built, layering: Layering, sources: Mapping[str, Files], title: str
    ) -> None:
        self._shop, self._built, self._layering, self._sources = shop, built, layering, sources
        self._title = title

    async def carry_out(self, run: Run) -> None:
        """Raises: StartFailed for a command that fails, with the last lines of its output."""
        shop, built = self._shop, self._built
        if run.security != "sandbox":
            raise Unsupported(f"RUN --security={run.security} is not allowed")
        if run.network == "host" and shop.request.network != "host":
            raise Forbidden("RUN --network=host is not allowed, unless the build itself is given --network host")
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
            hostname=shop.request.build_args.get(HOSTNAME_ARGUMENT) or HOSTNAME,
        )
        mounts = [await self._mount_key(mount) for mount in run.mounts]
        script = run.script.text if run.script else ""
        key = key_of(
            "run", built.top, list(line), sorted(built.evaluator.variables.items()), command.user, command.working_dir,
            network, mounts, script, list(shop.request.extra_hosts),
            [shop.request.epoch] if shop.request.reproducible else [],
            *([command.hostname] if command.hostname != HOSTNAME else []),
        )  # fmt: skip
        if await self._layering.from_cache(key):
            return
        async with self._layering.turn(key):
            if not await self._layering.from_cache(key):  # somebody may have made it meanwhile
                await self._run(run, command, key)

    async def _run(self, run: Run, command: Command, key: str) -> None:
        shop = self._shop
        output = await shop.console.output(self._title)
        async with (
            self._layering.scratch() as scratch,
            run_mounts(run, command.working_dir, shop.request, shop.caches, scratch, self._copied) as brought,
        ):
            command = attrs.evolve(
                command,
                environment=[*command.environment, *brought.environment],
                secrets=brought.secrets,
                mounts=brought.mounts,
                tmpfs=brought.tmpfs,
            )
            async with shop.runner.finished(self._image(), command, output.write) as (code, container_id):
                await output.end()
                if code:
                    shown = " ".join(command.line)
                    raise StartFailed(
                        f"the command '{shown}' returned a non-zero code: {code}\n{output.tail()}".rstrip(), code
                    )
                layer = await self._layering.make(partial(self._write, container_id, scratch))
                await self._layering.keep(key, run, layer)

    async def _write(self, container_id: str, scratch: Path, sink: BinaryIO) -> None:
        """What the ended container has changed."""
        ctx, request = self._shop.ctx, self._shop.request
        await remove_stubs(ctx, container_id)
        if not request.reproducible or request.epoch is None:
            await ctx.storage.diff(container_id, sink)
            return
        path = scratch / "diff"
        with path.open("wb") as file:
            await ctx.storage.diff(container_id, file)
        newest = request.epoch * SECOND

        def work() -> None:
            with path.open("rb") as file:
                for chunk in retimed(file, newest):
                    sink.write(chunk)

        await trio.to_thread.run_sync(work)

    async def _mount_key(self, mount: Mount) -> object:
        """What of a mount the result of a RUN depends on."""
        told = attrs.asdict(mount)
        if mount.type != "bind":
            return told
        files = self._sources[mount.from_]
        if files.context is None:
            return [told, files.chain_id]
        return [told, await self._job(mount).digest(Manner(owner=(0, 0)))]

    def _job(self, mount: Mount) -> CopyJob:
        """Copies what a mount shows."""
        sources = (mount.source or ".",)
        copy = Copy(line=0, last_line=0, original="", sources=sources, contents=(), dest="/")
        return CopyJob(instruction=copy, files=self._sources[mount.from_], scratch=self._shop.scratch)

    async def _copied(self, mount: Mount, place: Path) -> Path:
        """Copy the source of *mount* into the directory *place*; return where the directory or file is."""
        job = self._job(mount)
        owner = None if job.files.context is None else (0, 0)
        tar = place.with_name(f"{place.name}.tar")
        with tar.open("wb") as sink:
            writer = CopyWriter(NOWHERE, Manner(owner=owner), sink, into=True)
            await job.feed(writer)
            writer.end()
        await trio.to_thread.run_sync(_unpack, tar, place)
        return place / os.fsdecode(writer.alone)

    def _image(self) -> Image:
        """What a container of a step is made of: files and where to run, but not what is for later containers."""
        built = self._built
        return Image(id="", os="linux", config=ContainerConfig(), chain_ids=built.chain)


def _unpack(tar: Path, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    with opened(directory) as root, tar.open("rb") as file:
        extract(file, root)
    tar.unlink()

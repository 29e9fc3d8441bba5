"""RUN as a step of a stage: found in the cache, or run."""

from collections.abc import Callable, Mapping
from typing import BinaryIO

import attrs

from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import Image
from ck.kernel.dockerfile.instructions import Copy, Run
from ck.kernel.dockerfile.mounts import Mount
from ck.kernel.dockerfile.scope import proxy_variables
from ck.kernel.engine.build.built import Built, Layering, Workshop
from ck.kernel.engine.build.cache import key_of
from ck.kernel.engine.build.config import command_of
from ck.kernel.engine.build.copy import Manner
from ck.kernel.engine.build.copy_step import CopyJob
from ck.kernel.engine.build.mounts import run_mounts
from ck.kernel.engine.build.run import Command, remove_stubs
from ck.kernel.engine.build.sources import Files
from ck.kernel.errors import StartFailed, Unsupported


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
        if await self._layering.from_cache(key):
            return
        scratch = await self._layering.scratch()
        output = shop.console.output(self._title)
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

                await self._layering.keep(key, run, await self._layering.make(write))

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
        return [told, await job.digest(Manner(owner=(0, 0)))]

    async def _in_source(self, written: str, work: Callable[[int], None]) -> None:
        await self._sources[written].inside(work)

    def _image(self) -> Image:
        """What a container of a step is made of: files and where to run, but not what is for later containers."""
        built = self._built
        return Image(id="", os="linux", config=ContainerConfig(), chain_ids=built.chain)

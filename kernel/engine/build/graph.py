"""The stages of a build: their base images fetched, those that do not need each other built side by side."""

import json
from collections.abc import Mapping
from contextlib import aclosing

import attrs
import trio

from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import Image
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.graph import BuildPlan, ImageSource, PlannedStage, Source, StageSource, plan
from ck.kernel.dockerfile.instructions import Copy, Run
from ck.kernel.dockerfile.mounts import mount_source
from ck.kernel.dockerfile.parse import Dockerfile
from ck.kernel.dockerfile.scope import global_args
from ck.kernel.drivers.platform import canonical, describe, parse_platform
from ck.kernel.drivers.registry import Platform
from ck.kernel.engine.build.built import LONG_AGO, Built, Workshop, located
from ck.kernel.engine.build.console import Console
from ck.kernel.engine.build.inline_cache import cache_in
from ck.kernel.engine.build.sources import BuildContext, Files
from ck.kernel.engine.build.stage import StageBuilder
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_garbage import blobs_of
from ck.kernel.engine.image_make import base_of, scratch
from ck.kernel.engine.image_pull import host_platform, pull
from ck.kernel.engine.image_store import find_exact, find_image, registry_for
from ck.kernel.errors import CkError, Forbidden, NotFound, Unsupported


class GraphBuilder:
    """Builds what the target of one build needs."""

    def __init__(self, ctx: Context, dockerfile: Dockerfile, shop: Workshop, context: BuildContext) -> None:
        self._ctx, self._dockerfile, self._shop = ctx, dockerfile, shop
        self._context = context
        self._images: dict[tuple[str, Platform], Image] = {}
        self._built: dict[int, Built] = {}
        self._done: dict[int, trio.Event] = {}
        request = shop.request
        self._platform = _of_linux(request.platform or host_platform())
        try:
            self._args = global_args(
                dockerfile,
                build_args=request.build_args,
                target_platform=describe(self._platform),
                build_platform=describe(host_platform()),
                target=request.target,
            )
        except DockerfileError as error:
            raise located(error, request.dockerfile, error.line) from error

    @property
    def console(self) -> Console:
        return self._shop.console

    async def build(self) -> Built:
        """What the target has come to. Raises: CkError of the first step that fails; the others are cancelled."""
        await self._borrow_caches()
        planned = await self._plan()
        self.console.begin(len(planned.stages), sum(1 + len(stage.instructions) for stage in planned.stages))
        self._done = {stage.index: trio.Event() for stage in planned.stages}
        failures: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def run(stage: PlannedStage) -> None:
                try:
                    for needed in stage.waits_for:
                        await self._done[needed].wait()
                    await self._stage(stage)
                    self._done[stage.index].set()
                except Exception as error:
                    failures.append(error)
                    if (built := self._built.get(stage.index)) is not None:
                        self._ctx.leases.forget(built.chain)  # it may have failed because of a layer that is lost
                    await self.console.flush()
                    nursery.cancel_scope.cancel()

            for stage in planned.stages:
                nursery.start_soon(run, stage)
        if failures:
            raise failures[0]
        return self._built[planned.target.index]

    async def _borrow_caches(self) -> None:
        """Of the images that --cache-from names; without one of them there is only more to do."""
        if not self._shop.request.use_cache:
            return
        for reference in self._shop.request.cache_from:
            try:
                image = await self._leased(reference, self._platform)
                document = json.loads(await self._ctx.content.read(image.id))
            except CkError as error:
                await self.console.say(f"[Warning] no cache comes from {reference}: {error}")
            else:
                self._shop.cache.lend(cache_in(document, image))

    async def _plan(self) -> BuildPlan:
        """Planned again as long as base images turn out to have triggers, which may need further stages."""
        triggers: dict[int, tuple[str, ...]] = {}
        while True:
            try:
                planned = plan(
                    self._dockerfile, global_args=self._args, target=self._shop.request.target, triggers=triggers
                )
            except DockerfileError as error:
                raise located(error, self._shop.request.dockerfile, error.line) from error
            for stage in planned.stages:
                self._wanted(stage)
            found = {
                stage.index: image.config.on_build
                for stage in planned.stages
                if isinstance(stage.base, ImageSource)
                and (image := await self._image(stage.base.reference, self._wanted(stage), stage.line)).config.on_build
            }
            if found == triggers:
                return planned
            triggers = found

    async def _stage(self, stage: PlannedStage) -> None:
        name = self._dockerfile.stages[stage.index].base.original
        self.console.note(f"Step {self.console.number()} : {name}")
        built = self._built[stage.index] = await self._begin(stage)
        sources = {"": Files(ctx=self._ctx, context=self._context)}
        for written, source in stage.sources.items():
            sources[written] = await self._files(source, stage, written)
        await StageBuilder(self._shop, stage, built, sources).run()

    async def _begin(self, stage: PlannedStage) -> Built:
        match stage.base:
            case StageSource(index=index):
                return self._built[index].child()
            case ImageSource(reference=reference):
                image = await self._image(reference, self._wanted(stage), stage.line)
                environment = dict(entry.split("=", 1) for entry in image.config.env if "=" in entry)
                return Built(
                    base=await base_of(self._ctx, image),
                    chain=image.chain_ids,
                    config=attrs.evolve(image.config, on_build=()),
                    evaluator=self._evaluator(environment),
                    moment=image.created or LONG_AGO,
                )
            case _:
                base = scratch(self._platform)
                return Built(
                    base=base, chain=(), config=ContainerConfig(), evaluator=self._evaluator({}), moment=LONG_AGO
                )

    def _evaluator(self, environment: Mapping[str, str]) -> Evaluator:
        return Evaluator(
            env=environment,
            global_args=self._args,
            build_args=self._shop.request.build_args,
            escape=self._dockerfile.directives.escape,
        )

    async def _files(self, source: Source, stage: PlannedStage, written: str) -> Files:
        match source:
            case StageSource(index=index):
                return Files(ctx=self._ctx, chain_id=self._built[index].top)
            case ImageSource(reference=reference):
                line, what = _line_of(stage, written), f"no stage {written}, and no image"
                image = await self._image(reference, self._platform, line, what)
                return Files(ctx=self._ctx, chain_id=image.chain_ids[-1] if image.chain_ids else None)
            case _:
                return Files(ctx=self._ctx)

    def _wanted(self, stage: PlannedStage) -> Platform:
        """What the base of *stage* is to be for. Raises: InvalidArgument, Unsupported."""
        try:
            return _of_linux(parse_platform(stage.platform)) if stage.platform else self._platform
        except CkError as error:
            raise located(error, self._shop.request.dockerfile, stage.line) from error

    async def _image(self, reference: str, platform: Platform, line: int, what: str = "") -> Image:
        """An image of a FROM or a `from`, fetched if it is not here, and leased for the rest of the build. Errors begin
        with *what*."""
        key = reference, platform
        if key not in self._images:
            try:
                self._images[key] = await self._leased(reference, platform)
            except CkError as error:
                raise located(error, self._shop.request.dockerfile, line, what or f"FROM {reference}") from error
        return self._images[key]

    async def _leased(self, reference: str, platform: Platform) -> Image:
        image = await self._fetched(reference, platform)
        await self._shop.leases.enter_async_context(self._ctx.leases.hold([*image.chain_ids, *blobs_of(image)]))
        return find_image(self._ctx, image.id)  # else it was removed while we waited

    async def _fetched(self, reference: str, platform: Platform) -> Image:
        request = self._shop.request
        # Not by the first digits of an ID: `FROM cafe` is to be the same image on every machine.
        image = None if request.pull else find_exact(self._ctx, reference)
        if image is not None and _fits(image, platform):
            return image
        driver = registry_for(self._ctx, reference)
        if driver.local:
            # Whoever wrote the Dockerfile may be somebody else than who may read this machine's files.
            raise Forbidden(f"a build does not read images of this machine's files: pull {reference} first (ck pull)")
        # Only what was given for this very registry: a Dockerfile may name anybody's.
        credentials = request.credentials.get(driver.normalize(reference).partition("/")[0])
        async with aclosing(pull(self._ctx, reference, platform, credentials)) as steps:
            async for step in steps:
                await self.console.pass_on(step)
        if (image := find_exact(self._ctx, reference)) is None:
            raise NotFound(f"No such image: {reference}")
        return image


def _line_of(stage: PlannedStage, written: str) -> int:
    """Of the first instruction that has *written* for a `from`."""
    for instruction in stage.instructions:
        if isinstance(instruction, Copy) and instruction.from_ == written:
            return instruction.line
        if isinstance(instruction, Run) and any(mount_source(flag) == written for flag in instruction.mount_flags):
            return instruction.line
    return stage.line


def _of_linux(platform: Platform) -> Platform:
    """*platform*. Raises: Unsupported where it is another system's."""
    if platform.os != "linux":
        raise Unsupported(f"only images for linux can be built, not for {describe(platform)}")
    return platform


def _fits(image: Image, platform: Platform) -> bool:
    own = Platform(os=image.os, architecture=image.architecture, variant=image.variant)
    return not image.architecture or canonical(own).architecture == canonical(platform).architecture

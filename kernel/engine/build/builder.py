"""The verb `build`: a Dockerfile made into an image."""

import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import attrs
import trio

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.image import Image, Progress
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.ignore import PatternMatcher, read_ignorefile
from ck.kernel.dockerfile.parse import Dockerfile, parse
from ck.kernel.dockerfile.scope import unused_build_args
from ck.kernel.engine.build.built import Built, Workshop, located, unavailable
from ck.kernel.engine.build.cache import BuildCache, prune_cache
from ck.kernel.engine.build.console import Console
from ck.kernel.engine.build.contexts import fetched, received
from ck.kernel.engine.build.graph import GraphBuilder
from ck.kernel.engine.build.inline_cache import ARGUMENT, with_cache
from ck.kernel.engine.build.mounts import Caches
from ck.kernel.engine.build.remote import download, is_url
from ck.kernel.engine.build.run import Runner
from ck.kernel.engine.build.sources import BuildContext, read_dockerfile, read_ignored
from ck.kernel.engine.containers import Containers
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.image_make import make_image
from ck.kernel.engine.image_record import tag_image
from ck.kernel.engine.image_store import familiar, new_tag
from ck.kernel.engine.names import new_id
from ck.kernel.engine.progress import Tell, telling
from ck.kernel.engine.turns import Turns
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import InvalidArgument

_CLEANUP_SECONDS: Final = 60.0
_STEPS: Final = "steps"  # the directory below a build's own where steps have theirs
_SHORT: Final = 1 << 16  # bytes of a Dockerfile that is kept parsed, so that a few long ones do not fill the memory


class Builder:
    """ck.kernel.api.engine.Builder."""

    def __init__(self, ctx: Context, volumes: Volumes, containers: Containers, caches: Caches) -> None:
        self._ctx, self._volumes, self._containers, self._caches = ctx, volumes, containers, caches
        self._scratch = ctx.config.data_root / "builds"
        self._turns = Turns()

    async def open(self) -> None:
        """Drop what builds have left that a crash has cut short."""
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self._scratch, ignore_errors=True))

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        path = self._scratch / new_id()
        await trio.to_thread.run_sync(_make_scratch, path)
        try:
            yield path
        finally:
            with trio.move_on_after(_CLEANUP_SECONDS, shield=True):  # else it is left to the next start
                await trio.to_thread.run_sync(lambda: shutil.rmtree(path, ignore_errors=True))

    async def receive(self, tar: BinaryIO, scratch: Path) -> Path:
        return await trio.to_thread.run_sync(received, tar, scratch)

    async def fetch(self, remote: str, scratch: Path, agent: Path | None) -> Path:
        return await fetched(remote, scratch, agent)

    async def download(self, url: str, scratch: Path) -> Path:
        url = url if "://" in url else f"http://{url}"
        if not is_url(url):
            raise InvalidArgument(f"cannot fetch {url!r}: it is no URL of HTTP")
        return (await download(url, scratch / "download")).path

    def build(self, request: BuildRequest, context: Path, scratch: Path) -> AsyncGenerator[Progress]:
        """Build from the directory *context*, telling how it goes; the last that is told is the ID of the image.

        Raises: CkError, which names file, line and instruction where one is to blame.
        """

        async def work(tell: Tell) -> None:
            await self._build(tell, request, BuildContext(directory=context), scratch)

        return telling(self._ctx.spawn, work)

    async def _build(self, tell: Tell, request: BuildRequest, context: BuildContext, scratch: Path) -> None:
        ctx = self._ctx
        if request.reproducible and request.epoch is None:
            request = attrs.evolve(request, epoch=0)
        tags = [new_tag(ctx, tag) for tag in request.tags]
        dockerfile, ignored = await self._read(request, context)
        cache = BuildCache(ctx, self._turns, use=request.use_cache)
        async with AsyncExitStack() as leases:
            graph = GraphBuilder(
                ctx,
                dockerfile,
                Workshop(
                    ctx=ctx,
                    request=request,
                    cache=cache,
                    caches=self._caches,
                    runner=Runner(ctx, self._volumes, self._containers, request),
                    console=Console(tell),
                    leases=leases,
                    scratch=scratch / _STEPS,
                ),
                attrs.evolve(context, ignored=ignored),
            )
            await self._warn(graph.console, dockerfile, request)
            image = await self._finish(await graph.build(), request, tags)
            cache.end()
        console = graph.console
        await console.pass_on(Progress(image_id=image.id))
        await console.say(f"Successfully built {image.id.removeprefix('sha256:')[:12]}")
        for tag in tags:
            await console.say(f"Successfully tagged {familiar(ctx, tag)}")

    async def _read(self, request: BuildRequest, context: BuildContext) -> tuple[Dockerfile, PatternMatcher]:
        """The Dockerfile, and what is left out of the context."""
        text, ignorefile = request.dockerfile_text, request.ignorefile_text

        def look(root: int) -> tuple[bytes, PatternMatcher]:
            return (
                read_dockerfile(root, request.dockerfile) if text is None else text,
                read_ignored(root, request.dockerfile)
                if ignorefile is None
                else PatternMatcher(read_ignorefile(ignorefile)),
            )

        try:
            source, ignored = await context.inside(look)
        except OSError as error:
            raise located(unavailable(error), request.dockerfile, None) from error
        try:
            return (parse if len(source) > _SHORT else _parsed)(source), ignored
        except DockerfileError as error:
            raise located(error, request.dockerfile, error.line) from error

    async def _warn(self, console: Console, dockerfile: Dockerfile, request: BuildRequest) -> None:
        for warning in dockerfile.warnings:
            await console.say(f"[Warning] {request.dockerfile}:{warning.line}: {warning.text}")
        if unused := unused_build_args(dockerfile, request.build_args):
            await console.say(f"[Warning] One or more build-args {list(unused)} were not consumed")

    async def _finish(self, built: Built, request: BuildRequest, tags: list[str]) -> Image:
        """Record what the last stage has come to."""
        ctx = self._ctx
        created = built.moment if request.epoch is None else datetime.fromtimestamp(request.epoch, UTC)
        config = attrs.evolve(built.config, labels={**built.config.labels, **request.labels})
        first, *others = tags or [""]
        base = built.base
        if request.build_args.get(ARGUMENT) == "1":
            times = [layer.created if request.epoch is None else created for layer in built.layers]
            document = with_cache(base.document, len(base.diff_ids), built.keys, times)
            base = attrs.evolve(base, document=document)
        image = await make_image(
            ctx, base, built.layers, config, built.history, created=created, author=built.author, tag=first
        )
        for tag in others:
            await tag_image(ctx, image.id, tag)
        return image

    async def prune(self, filters: Mapping[str, Sequence[str]], *, everything: bool) -> tuple[Sequence[str], int]:
        """With *everything* also the directories of `--mount=type=cache` go."""
        unused_since = Filters(filters, {"until"}).until(now())
        keys, space = await prune_cache(self._ctx, everything=everything, unused_since=unused_since)
        if everything and unused_since is None:
            space += await self._caches.clear()
        return keys, space


@lru_cache(maxsize=16)
def _parsed(source: bytes) -> Dockerfile:
    """As `parse`: who builds often builds the same, and to parse it is a tenth of a build that is in the cache."""
    return parse(source)


def _make_scratch(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True)
    (path / _STEPS).mkdir()

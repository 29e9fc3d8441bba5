"""What stages come to, and what they share while they are built."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import HistoryEntry
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.instructions import Instruction
from ck.kernel.engine.build.cache import BuildCache
from ck.kernel.engine.build.console import Console
from ck.kernel.engine.build.copy import SECOND
from ck.kernel.engine.build.mounts import Caches
from ck.kernel.engine.build.run import Runner
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_layer import MadeLayer, WriteTar, made_layer
from ck.kernel.engine.image_make import Base
from ck.kernel.errors import CkError, InvalidArgument, StartFailed, Unavailable

LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
"""When what tells no time was made."""


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
    keys: list[str] = attrs.field(factory=list)  # of the layers, in the cache
    history: list[HistoryEntry] = attrs.field(factory=list)
    author: str = ""  # "" is the base's

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
            keys=list(self.keys),
            history=list(self.history),
            author=self.author,
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


class Layering:
    """Puts layers on what the stage *index* has come to."""

    def __init__(self, shop: Workshop, built: Built, index: int) -> None:
        self._shop, self._built, self._index = shop, built, index

    def turn(self, key: str) -> AbstractAsyncContextManager[None]:
        """Be the only one who makes the step *key* while the block runs."""
        return self._shop.cache.turn(
            key, partial(self._shop.console.say, " ---> Waiting for a build that does the same")
        )

    async def from_cache(self, key: str) -> bool:
        layer = await self._shop.leases.enter_async_context(self._shop.cache.found(key, self._built.chain))
        if layer is None:
            await self._shop.console.flush()
            return False
        self._shop.console.note(" ---> Using cache")
        self._add(key, layer)
        return True

    async def make(self, write: WriteTar) -> MadeLayer:
        return await self._shop.leases.enter_async_context(made_layer(self._shop.ctx, self._built.top, write))

    async def keep(self, key: str, instruction: Instruction | None, layer: MadeLayer) -> None:
        description = instruction.original if instruction else "WORKDIR"
        await self._shop.cache.keep(key, self._built.chain, layer, description)
        self._add(key, layer)

    def _add(self, key: str, layer: MadeLayer) -> None:
        self._built.keys.append(key)
        self._built.layers.append(layer)
        self._built.moment = layer.created
        self._built.chain = (*self._built.chain, layer.chain_id)
        self._shop.console.note(f" ---> {layer.chain_id.partition(':')[2][:12]}")

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """A new directory for one step."""
        path = self._shop.scratch / f"{self._index}-{len(self._built.history)}"
        await trio.to_thread.run_sync(path.mkdir)
        yield path
        # Of a step that fails it goes with the whole build's.
        await trio.to_thread.run_sync(lambda: shutil.rmtree(path, ignore_errors=True))

    def nanoseconds(self) -> int:
        """The time of what is made here."""
        return int(self._shop.time(now()).timestamp()) * SECOND


def unavailable(error: OSError) -> Unavailable:
    """What the machine refused: the disk is full, a file of the context is gone or cannot be read."""
    name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return Unavailable(f"{name}{error.strerror or error}")


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

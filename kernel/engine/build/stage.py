"""One stage, built instruction by instruction."""

from collections.abc import Mapping

from ck.kernel.api.image import HistoryEntry
from ck.kernel.dockerfile.graph import PlannedStage
from ck.kernel.dockerfile.instructions import Cmd, CopyFiles, Instruction, Maintainer, Run, Workdir
from ck.kernel.engine.build.built import Built, Layering, Workshop, located, unavailable
from ck.kernel.engine.build.config import configure
from ck.kernel.engine.build.file_step import FileStep
from ck.kernel.engine.build.run_step import RunStep
from ck.kernel.engine.build.sources import Files
from ck.kernel.errors import CkError


class StageBuilder:
    """Carries out the instructions of *stage* on *built*. *sources* are the files that each of its `from` means, "" the
    context's."""

    def __init__(self, shop: Workshop, stage: PlannedStage, built: Built, sources: Mapping[str, Files]) -> None:
        self._shop, self._stage, self._built = shop, stage, built
        layering = Layering(shop, built, stage.index)
        self._runs = RunStep(shop, built, layering, sources, stage.title)
        self._files = FileStep(shop, built, layering, sources)
        self._has_command = False  # of its own

    async def run(self) -> None:
        """Raises: CkError, which names file, line and instruction."""
        console = self._shop.console
        for instruction in self._stage.instructions:
            console.note(f"Step {console.number()} : {instruction.original}")
            try:
                await self._step(instruction)
            except CkError as error:
                raise located(error, self._shop.request.dockerfile, instruction.line, instruction.original) from error
            except OSError as error:
                reason = unavailable(error)
                raise located(reason, self._shop.request.dockerfile, instruction.line, instruction.original) from error

    async def _step(self, instruction: Instruction) -> None:
        built = self._built
        done = built.evaluator.evaluate(instruction)
        layers = len(built.layers)
        match done:
            case Run():
                await self._runs.carry_out(done)
            case CopyFiles():
                await self._files.copy(done)
            case Maintainer(author=author):
                built.author = author
            case _:
                built.config = configure(built.config, done, own_command=self._has_command)
        self._has_command = self._has_command or isinstance(done, Cmd)
        if isinstance(done, Workdir):
            await self._files.workdir(built.config.working_dir)
        created = self._shop.time(built.moment)
        empty = len(built.layers) == layers
        built.history.append(HistoryEntry(created=created, created_by=done.original, empty_layer=empty))

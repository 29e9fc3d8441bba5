"""The graph of stages: what each is made from, and which of them a target needs (reference.md, "FROM", "COPY --from").

A name is an earlier stage's if one has it, else an image's; only what the target needs is in the plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

import attrs

from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean, on_line
from ck.kernel.dockerfile.instructions import Copy, From, Instruction, OnBuild, Run
from ck.kernel.dockerfile.mounts import mount_source
from ck.kernel.dockerfile.parse import Dockerfile, parse_trigger
from ck.kernel.dockerfile.words import expand


@attrs.frozen
class ImageSource:
    """An image, by its reference as written."""

    reference: str


@attrs.frozen
class StageSource:
    """Another stage of the same Dockerfile."""

    index: int


@attrs.frozen
class ScratchSource:
    """Nothing: an empty file system without a config."""


Source = ImageSource | StageSource | ScratchSource
SCRATCH: Final = ScratchSource()


@attrs.frozen(kw_only=True)
class PlannedStage:
    """A stage that is to be built, its FROM expanded. Triggers of its base are the first of its instructions.

    `sources` holds what every `from` of its COPYs and mounts means, by the text of it. `waits_for` are the indexes of
    the stages that must be there before it, all of them smaller than its own.
    """

    index: int
    title: str
    line: int
    base: Source
    platform: str  # "" for the target platform, or for that of a base that is a stage
    instructions: tuple[Instruction, ...]
    sources: Mapping[str, Source]

    @property
    def waits_for(self) -> tuple[int, ...]:
        needed = {source.index for source in (self.base, *self.sources.values()) if isinstance(source, StageSource)}
        return tuple(sorted(needed))


@attrs.frozen(kw_only=True)
class BuildPlan:
    """`stages` in an order in which they can be built; the last one is the target."""

    stages: tuple[PlannedStage, ...]

    @property
    def target(self) -> PlannedStage:
        return self.stages[-1]


def plan(
    dockerfile: Dockerfile,
    *,
    global_args: Mapping[str, str],
    target: str = "",
    triggers: Mapping[int, Sequence[str]] | None = None,
) -> BuildPlan:
    """Which stages to build for *target*, a name or a number ("" is the last stage), and from what.

    *triggers* are the ONBUILD expressions of base images by the index of the stage: known only once these are there,
    they may need further stages, so that it is planned again with them. Triggers of base stages are found here.
    Raises: DockerfileError for an unknown target or number, a cycle, and the use of a stage before it is defined.
    """
    graph = _Graph(dockerfile, global_args, triggers or {})
    graph.refuse_cycles()
    needed: set[int] = set()
    found = [graph.target(target)]
    while found:
        index = found.pop()
        if index not in needed:
            needed.add(index)
            found += graph.stages[index].waits_for
    for index in sorted(needed):
        graph.refuse_later_stages(index)
    # What a stage waits for comes before it in the file, so that the order of the file will do.
    return BuildPlan(stages=tuple(graph.stages[index] for index in sorted(needed)))


class _Graph:
    """All stages of a Dockerfile, planned."""

    def __init__(
        self, dockerfile: Dockerfile, global_args: Mapping[str, str], triggers: Mapping[int, Sequence[str]]
    ) -> None:
        self._args = global_args
        self._escape = dockerfile.directives.escape
        self._dockerfile = dockerfile
        # Of stages with one name COPY --from means the last, a FROM the last before it.
        self._names = {stage.base.name: stage.index for stage in dockerfile.stages if stage.base.name}
        self.stages: list[PlannedStage] = []
        earlier: dict[str, int] = {}
        for stage in dockerfile.stages:
            with on_line(stage.base.line):
                base = self._base(stage.base, earlier)
                platform = self._platform(stage.base)
            expressions = [*triggers.get(stage.index, ()), *self._inherited(base)]
            fired = (parse_trigger(expression, stage.base.line) for expression in expressions)
            instructions = (*fired, *stage.instructions)
            self.stages.append(
                PlannedStage(
                    index=stage.index,
                    title=stage.title,
                    line=stage.base.line,
                    base=base,
                    platform=platform,
                    instructions=instructions,
                    sources=self._sources(instructions),
                )
            )
            if stage.base.name:
                earlier[stage.base.name] = stage.index

    def target(self, name: str) -> int:
        if not name:
            return len(self.stages) - 1
        found = self._find(name)
        if found is None:
            raise DockerfileError(f'target stage "{name}" could not be found{did_you_mean(name, self._names)}')
        return found

    def refuse_cycles(self) -> None:
        """Only COPY and mounts can make one: a FROM never means a later stage."""
        edges = {stage.index: [source.index for _, _, source in _uses(stage)] for stage in self.stages}
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            stage = self.stages[min(error.args[1])]
            raise DockerfileError(f"circular dependency detected on stage: {stage.title}", stage.line) from error

    def refuse_later_stages(self, index: int) -> None:
        stage = self.stages[index]
        for instruction, written, source in _uses(stage):
            if source.index >= index:
                verb = "copy" if isinstance(instruction, Copy) else "mount"
                raise DockerfileError(
                    f'cannot {verb} from stage "{written}", '
                    f'it needs to be defined before current stage "{stage.title}"',
                    instruction.line,
                )

    def _base(self, base: From, earlier: Mapping[str, int]) -> Source:
        image = expand(base.image, self._args, escape=self._escape)
        if not image:
            raise DockerfileError(f"base name ({base.image}) should not be blank")
        if image.lower() in earlier:
            return StageSource(earlier[image.lower()])
        return SCRATCH if image == "scratch" else ImageSource(image)

    def _platform(self, base: From) -> str:
        platform = expand(base.platform, self._args, escape=self._escape)
        if base.platform and not platform:
            raise DockerfileError(f"empty platform value from expression {base.platform}")
        return platform

    def _inherited(self, base: Source) -> Iterable[str]:
        """The triggers that the base, a stage, leaves; those that it had itself are used up."""
        if not isinstance(base, StageSource):
            return ()
        instructions = self._dockerfile.stages[base.index].instructions
        return (instruction.expression for instruction in instructions if isinstance(instruction, OnBuild))

    def _sources(self, instructions: Iterable[Instruction]) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for instruction in instructions:
            for written in _written_sources(instruction):
                if written not in found:
                    with on_line(instruction.line):
                        found[written] = self._source(written)
        return found

    def _source(self, written: str) -> Source:
        index = self._find(written)
        if index is not None:
            return StageSource(index)
        if _is_number(written):
            raise DockerfileError(f"invalid stage index {written}")
        return SCRATCH if written == "scratch" else ImageSource(written)

    def _find(self, name: str) -> int | None:
        """The stage of that name, in any case, or number."""
        if name.lower() in self._names:
            return self._names[name.lower()]
        if _is_number(name) and int(name) < len(self._dockerfile.stages):
            return int(name)
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _written_sources(instruction: Instruction) -> list[str]:
    match instruction:
        case Copy(from_=written):
            return [written] if written else []
        case Run(mount_flags=flags):
            return [written for flag in flags if (written := mount_source(flag))]
        case _:
            return []


def _uses(stage: PlannedStage) -> Iterable[tuple[Instruction, str, StageSource]]:
    """Every use of another stage by an instruction of *stage*."""
    for instruction in stage.instructions:
        for written in _written_sources(instruction):
            source = stage.sources[written]
            if isinstance(source, StageSource):
                yield instruction, written, source

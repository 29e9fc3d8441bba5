"""From text to stages: the whole of a Dockerfile, its variables not yet expanded."""

import attrs

from ck.kernel.dockerfile.directives import Directives
from ck.kernel.dockerfile.errors import DockerfileError, on_line
from ck.kernel.dockerfile.instructions import Arg, From, Instruction, Maintainer, OnBuild
from ck.kernel.dockerfile.lexer import BuildWarning, lex
from ck.kernel.dockerfile.readers import read_instruction


@attrs.frozen(kw_only=True)
class Stage:
    """A FROM and the instructions up to the next one."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]

    @property
    def title(self) -> str:
        """Its name, or "stage-N": as BuildKit calls it in what it prints."""
        return self.base.name or f"stage-{self.index}"


@attrs.frozen(kw_only=True)
class Dockerfile:
    """`global_args` are the ARGs before the first FROM. There is at least one stage."""

    directives: Directives
    global_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    warnings: tuple[BuildWarning, ...]


def parse(source: bytes | str) -> Dockerfile:
    """Read a Dockerfile. Raises: DockerfileError, with the line that is to blame."""
    lexed = lex(source)
    global_args: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for statement in lexed.statements:
        with on_line(statement.line):
            instruction = read_instruction(statement, lexed.directives.escape)
            if isinstance(instruction, From):
                stages.append((instruction, []))
            elif stages:
                stages[-1][1].append(instruction)
            elif isinstance(instruction, Arg):
                global_args.append(instruction)
            else:
                raise DockerfileError(f"no build stage in current context: {instruction.keyword} comes before any FROM")
    if not stages:
        raise DockerfileError("dockerfile contains no stages to build")
    return Dockerfile(
        directives=lexed.directives,
        global_args=tuple(global_args),
        stages=tuple(
            Stage(index=index, base=base, instructions=tuple(instructions))
            for index, (base, instructions) in enumerate(stages)
        ),
        warnings=lexed.warnings,
    )


def parse_trigger(expression: str, line: int) -> Instruction:
    """The instruction that an ONBUILD of the base image left behind, to be run on *line*, that of the FROM.

    Raises: DockerfileError.
    """
    with on_line(line):
        try:
            statements = lex(expression).statements
            if len(statements) != 1:
                raise DockerfileError("onbuild trigger should be a single expression")
            instruction = read_instruction(statements[0], "\\")
        except DockerfileError as error:
            # Its line would be one of the trigger, which nobody sees.
            raise DockerfileError(f'bad ONBUILD trigger "{expression}": {error.reason}') from error
        if isinstance(instruction, From | OnBuild | Maintainer):
            raise DockerfileError(f"{instruction.keyword} isn't allowed as an ONBUILD trigger")
    return attrs.evolve(instruction, line=line, last_line=line)

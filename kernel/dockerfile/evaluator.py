"""Expanding the instructions of a stage one after another: each sees the variables that those before it have set."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final, TypeVar

import attrs

from ck.kernel.dockerfile.errors import DockerfileError, on_line
from ck.kernel.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    CopyFiles,
    Env,
    Expose,
    Instruction,
    Label,
    Run,
    SourceContent,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from ck.kernel.dockerfile.mounts import parse_mount
from ck.kernel.dockerfile.words import expand, expand_heredoc, expand_words

_I = TypeVar("_I", bound=Instruction)
_PORT: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
# The form of `docker run -p`, of which only the container's side counts here.
_HOST_SIDE: Final = re.compile(r"(?:(?:\[[^\]]*\]|[^:\[\]]*):)?(?:[0-9]+(?:-[0-9]+)?)?:")


class Evaluator:
    """The variables of one stage at a point in it.

    `env` is that of the image to be: of its base, and what ENV adds. `args` are the ARGs so far, in order, None for one
    without a value. `variables` is what words are expanded with, and what a RUN is to see: of an ENV and an ARG of one
    name the later counts, as in BuildKit.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        global_args: Mapping[str, str],
        build_args: Mapping[str, str],
        escape: str = "\\",
    ) -> None:
        self.env = dict(env)
        self.args: dict[str, str | None] = {}
        self.variables = dict(env)
        self._global_args = global_args
        self._build_args = build_args
        self._escape = escape

    def child(self) -> "Evaluator":
        """The evaluator for a stage that is FROM this one: it inherits both its ENVs and its ARGs."""
        child = Evaluator(env=self.env, global_args=self._global_args, build_args=self._build_args, escape=self._escape)
        child.args, child.variables = dict(self.args), dict(self.variables)
        return child

    def evaluate(self, instruction: _I) -> _I:
        """*instruction* with its variables expanded; ENV and ARG change what follows. Raises: DockerfileError.

        RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK and ONBUILD come back as they are, but for the mounts of RUN.
        """
        with on_line(instruction.line):
            expanded = self._expanded(instruction)
        assert isinstance(expanded, type(instruction))
        return expanded

    def _expanded(self, instruction: Instruction) -> Instruction:
        # All words of an instruction see the same variables: `ENV a=1 b=$a` gives b what a was before.
        word = partial(expand, variables=dict(self.variables), escape=self._escape)
        match instruction:
            case Arg():
                return self._arg(instruction)
            case Env(pairs=pairs):
                expanded = tuple((word(name), word(value)) for name, value in pairs)
                if any(not name for name, _ in expanded):
                    raise DockerfileError("ENV names can not be blank")
                self.env.update(expanded)
                self.variables.update(expanded)
                return attrs.evolve(instruction, pairs=expanded)
            case Label(pairs=pairs):
                return attrs.evolve(instruction, pairs=tuple((word(name), word(value)) for name, value in pairs))
            case Run():
                mounts = tuple(parse_mount(flag, word) for flag in instruction.mount_flags)
                return attrs.evolve(instruction, mounts=mounts)
            case Copy() | Add():
                return self._copy(instruction)
            case Workdir(path=path):
                return attrs.evolve(instruction, path=word(path))
            case User(user=user):
                return attrs.evolve(instruction, user=word(user))
            case StopSignal(signal=signal):
                return attrs.evolve(instruction, signal=word(signal))
            case Volume(paths=paths):
                volumes = tuple(word(path) for path in paths)
                if "" in volumes:
                    raise DockerfileError("VOLUME specified can not be an empty string")
                return attrs.evolve(instruction, paths=volumes)
            case Expose(ports=ports):
                words = (found for port in ports for found in expand_words(port, self.variables, escape=self._escape))
                return attrs.evolve(instruction, ports=tuple(one for found in words for one in _ports(found)))
            case _:
                return instruction

    def _arg(self, instruction: Arg) -> Arg:
        args: list[tuple[str, str | None]] = []
        for name, default in instruction.args:
            if name in self._build_args:
                # A default that is not used is not looked at either: ${FOO:?} in it does no harm.
                value: str | None = self._build_args[name]
            elif default is not None:
                value = expand(default, self.variables, escape=self._escape)
            else:
                value = self._global_args.get(name)
            if value is not None:
                self.variables[name] = value
            self.args[name] = value
            args.append((name, value))
        return attrs.evolve(instruction, args=tuple(args))

    def _copy(self, instruction: CopyFiles) -> CopyFiles:
        word = partial(expand, variables=self.variables, escape=self._escape)
        expanded = attrs.evolve(
            instruction,
            sources=tuple(word(source) for source in instruction.sources),
            contents=tuple(self._content(content) for content in instruction.contents),
            dest=word(instruction.dest),
            chown=word(instruction.chown),
            chmod=word(instruction.chmod),
        )
        if isinstance(expanded, Add):
            return attrs.evolve(expanded, checksum=word(expanded.checksum))
        return expanded

    def _content(self, content: SourceContent) -> SourceContent:
        return attrs.evolve(content, data=expand_heredoc(content.data, self.variables)) if content.expand else content


def _ports(text: str) -> list[str]:
    """The ports of `[[ip:]host:]port[-end][/protocol]`, as the image config has them."""
    side = _HOST_SIDE.match(text)
    match = _PORT.fullmatch(text, side.end() if side else 0)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if match is None or not 0 < first <= last < 1 << 16:
        raise DockerfileError(f'invalid port "{text}" in EXPOSE')
    return [f"{port}/{(match[3] or 'tcp').lower()}" for port in range(first, last + 1)]

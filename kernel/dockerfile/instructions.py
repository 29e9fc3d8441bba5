"""The instructions, one class each, named and with flags named as in reference.md. Absent texts are "".

What the parser makes holds variables yet; what the evaluator gives back has them expanded, in the same classes.
"""

from typing import ClassVar

import attrs

from ck.kernel.dockerfile.heredoc import Heredoc
from ck.kernel.dockerfile.mounts import Mount


@attrs.frozen(kw_only=True)
class Instruction:
    """`original` is its text joined to one line, heredocs not included."""

    keyword: ClassVar[str]

    line: int
    last_line: int
    original: str


@attrs.frozen(kw_only=True)
class From(Instruction):
    keyword = "FROM"

    image: str
    name: str = ""  # lower case
    platform: str = ""


@attrs.frozen(kw_only=True)
class Arg(Instruction):
    """A value of None is a declaration without a default."""

    keyword = "ARG"

    args: tuple[tuple[str, str | None], ...]


@attrs.frozen(kw_only=True)
class Env(Instruction):
    keyword = "ENV"

    pairs: tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Label(Instruction):
    keyword = "LABEL"

    pairs: tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Command(Instruction):
    """In the shell form (`shell`) `args` is one text, or none, for the shell of SHELL to run; else the exec form."""

    args: tuple[str, ...]
    shell: bool


@attrs.frozen(kw_only=True)
class Run(Command):
    """`mounts` is filled by the evaluator: the values in `mount_flags` may hold variables.

    A heredoc is part of `args`, as the shell is to see it, unless it is a `script`: one that begins with `#!`, which is
    to be found, executable, under the path that `args` names. `devices` are CDI's, as written: "NAME[,required]".
    """

    keyword = "RUN"

    mount_flags: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[str, ...] = ()
    script: Heredoc | None = None


@attrs.frozen(kw_only=True)
class Cmd(Command):
    keyword = "CMD"


@attrs.frozen(kw_only=True)
class Entrypoint(Command):
    keyword = "ENTRYPOINT"


@attrs.frozen(kw_only=True)
class SourceContent:
    """A heredoc as a source: a file `name`, whose variables are expanded where `expand` says so."""

    name: str
    data: str
    expand: bool


@attrs.frozen(kw_only=True)
class CopyFiles(Instruction):
    """What COPY and ADD share."""

    sources: tuple[str, ...]
    contents: tuple[SourceContent, ...]
    dest: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Copy(CopyFiles):
    keyword = "COPY"

    from_: str = ""
    parents: bool = False


@attrs.frozen(kw_only=True)
class Add(CopyFiles):
    """`unpack` is None where the flag is not given: then it is for the kind of source to decide."""

    keyword = "ADD"

    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


@attrs.frozen(kw_only=True)
class Workdir(Instruction):
    keyword = "WORKDIR"

    path: str


@attrs.frozen(kw_only=True)
class User(Instruction):
    keyword = "USER"

    user: str


@attrs.frozen(kw_only=True)
class Volume(Instruction):
    keyword = "VOLUME"

    paths: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Expose(Instruction):
    """Once evaluated every port is "NUMBER/PROTOCOL", a range one entry for each."""

    keyword = "EXPOSE"

    ports: tuple[str, ...]


@attrs.frozen(kw_only=True)
class StopSignal(Instruction):
    keyword = "STOPSIGNAL"

    signal: str


@attrs.frozen(kw_only=True)
class Healthcheck(Instruction):
    """`test` as in the image config: ("NONE",), ("CMD", ...) or ("CMD-SHELL", text). Durations are nanoseconds."""

    keyword = "HEALTHCHECK"

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@attrs.frozen(kw_only=True)
class Shell(Instruction):
    keyword = "SHELL"

    args: tuple[str, ...]


@attrs.frozen(kw_only=True)
class OnBuild(Instruction):
    """`expression` is what the image config keeps, heredocs included; `parse_trigger` reads it again."""

    keyword = "ONBUILD"

    expression: str


@attrs.frozen(kw_only=True)
class Maintainer(Instruction):
    keyword = "MAINTAINER"

    author: str

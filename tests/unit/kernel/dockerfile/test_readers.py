"""What each instruction is read as, and how wrong ones are refused."""

from typing import Any

import attrs
import pytest

from ck.kernel.dockerfile import instructions as made
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.heredoc import Heredoc
from ck.kernel.dockerfile.instructions import Instruction, SourceContent
from ck.kernel.dockerfile.parse import parse


def read(text: str) -> Instruction:
    """The only instruction after a FROM."""
    (instruction,) = parse(f"FROM scratch\n{text}").stages[0].instructions
    return instruction


def own(instruction: Instruction) -> dict[str, Any]:
    """What is not at its default, place and text aside."""
    fields = {field.name: field.default for field in attrs.fields(type(instruction))}
    values = attrs.asdict(instruction, recurse=False)
    place = ("line", "last_line", "original")
    return {name: value for name, value in values.items() if name not in place and value != fields[name]}


CASES: list[tuple[str, type[Instruction], dict[str, Any]]] = [
    ("ARG A", made.Arg, {"args": (("A", None),)}),
    ("ARG A=1 B C= D='x y'", made.Arg, {"args": (("A", "1"), ("B", None), ("C", ""), ("D", "'x y'"))}),
    ("ENV A 1 2  3", made.Env, {"pairs": (("A", "1 2  3"),)}),
    ('ENV A=1 B="2 3" C=a\\ b', made.Env, {"pairs": (("A", "1"), ("B", '"2 3"'), ("C", "a\\ b"))}),
    ("ENV A=", made.Env, {"pairs": (("A", ""),)}),
    ("ENV A='x \\' B=1", made.Env, {"pairs": (("A", "'x \\'"), ("B", "1"))}),
    ('LABEL "a b"="c" d=e=f', made.Label, {"pairs": (('"a b"', '"c"'), ("d", "e=f"))}),
    ("LABEL a b c", made.Label, {"pairs": (("a", "b c"),)}),
    ("RUN echo  $A 'b'", made.Run, {"args": ("echo  $A 'b'",), "shell": True}),
    ('RUN ["a", "b c"]', made.Run, {"args": ("a", "b c"), "shell": False}),
    ("RUN [ a ]", made.Run, {"args": ("[ a ]",), "shell": True}),
    ("RUN ['a', 'b']", made.Run, {"args": ("['a', 'b']",), "shell": True}),
    ('RUN ["a"] # c', made.Run, {"args": ('["a"] # c',), "shell": True}),
    ("RUN --network=none --security=insecure a", made.Run,
     {"args": ("a",), "shell": True, "network": "none", "security": "insecure"}),
    ("RUN --mount=type=tmpfs,target=/x --mount=target=$Y a", made.Run,
     {"args": ("a",), "shell": True, "mount_flags": ("type=tmpfs,target=/x", "target=$Y")}),
    ("RUN --device=vendor.com/gpu=all --device=x,required a", made.Run,
     {"args": ("a",), "shell": True, "devices": ("vendor.com/gpu=all", "x,required")}),
    ("RUN -- --mount=a", made.Run, {"args": ("--mount=a",), "shell": True}),
    ("RUN --network='none' --mount=\"type=bind,target=/a b\" c", made.Run,
     {"args": ("c",), "shell": True, "network": "none", "mount_flags": ("type=bind,target=/a b",)}),
    ("RUN <<E\na\nb\nE", made.Run, {"args": ("a\nb\n",), "shell": True}),
    ("RUN <<-E\n\ta\n\tE", made.Run, {"args": ("a\n",), "shell": True}),
    ("RUN <<E python3\nprint()\nE", made.Run, {"args": ("<<E python3\nprint()\nE",), "shell": True}),
    ("RUN cat <<-A <<B > x\n\t1\nA\n2\nB", made.Run, {"args": ("cat <<-A <<B > x\n\t1\nA\n2\nB",), "shell": True}),
    ("RUN <<E\n#!/usr/bin/env python\nx\nE", made.Run,
     {"args": ("/dev/pipes/E",), "shell": True, "script": Heredoc(name="E", content="#!/usr/bin/env python\nx\n")}),
    ("RUN", made.Run, {"args": (), "shell": True}),
    ("CMD", made.Cmd, {"args": (), "shell": True}),
    ("CMD []", made.Cmd, {"args": (), "shell": False}),
    ('CMD ["a", "\\u0062"]', made.Cmd, {"args": ("a", "b"), "shell": False}),
    ("cmd exec a $B", made.Cmd, {"args": ("exec a $B",), "shell": True}),
    ('ENTRYPOINT ["a"]', made.Entrypoint, {"args": ("a",), "shell": False}),
    ("ENTRYPOINT a b", made.Entrypoint, {"args": ("a b",), "shell": True}),
    ("COPY a b\t /c/", made.Copy, {"sources": ("a", "b"), "contents": (), "dest": "/c/"}),
    ('COPY ["a b", "/c d"]', made.Copy, {"sources": ("a b",), "contents": (), "dest": "/c d"}),
    ("COPY --from=build --chown=1:2 --chmod=755 --link --parents --exclude=*.md --exclude=x a b", made.Copy,
     {"sources": ("a",), "contents": (), "dest": "b", "from_": "build", "chown": "1:2", "chmod": "755", "link": True,
      "parents": True, "exclude": ("*.md", "x")}),
    ("COPY --link=false a b", made.Copy, {"sources": ("a",), "contents": (), "dest": "b"}),
    ("COPY a <<-E <<'F' b\n\t$x\nE\n$y\nF", made.Copy,
     {"sources": ("a",), "dest": "b", "contents": (
         SourceContent(name="E", data="$x\n", expand=True), SourceContent(name="F", data="$y\n", expand=False))}),
    ("ADD --checksum=sha256:24 --keep-git-dir=true --unpack=false --exclude=y https://e.org/x.git#v1:d /", made.Add,
     {"sources": ("https://e.org/x.git#v1:d",), "contents": (), "dest": "/", "checksum": "sha256:24",
      "keep_git_dir": True, "unpack": False, "exclude": ("y",)}),
    ("ADD --unpack a.tgz /", made.Add, {"sources": ("a.tgz",), "contents": (), "dest": "/", "unpack": True}),
    ("WORKDIR /a b", made.Workdir, {"path": "/a b"}),
    ("USER 1000:1000", made.User, {"user": "1000:1000"}),
    ("VOLUME /a /b", made.Volume, {"paths": ("/a", "/b")}),
    ('VOLUME ["/a b"]', made.Volume, {"paths": ("/a b",)}),
    ("EXPOSE 80 443/udp $PORT", made.Expose, {"ports": ("80", "443/udp", "$PORT")}),
    ("STOPSIGNAL SIGQUIT", made.StopSignal, {"signal": "SIGQUIT"}),
    ("HEALTHCHECK NONE", made.Healthcheck, {"test": ("NONE",)}),
    ("HEALTHCHECK cmd a || exit 1", made.Healthcheck, {"test": ("CMD-SHELL", "a || exit 1")}),
    ('HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=1ms --retries=3 CMD ["a"]',
     made.Healthcheck, {"test": ("CMD", "a"), "interval": 90 * 10**9, "timeout": 1_500_000_000,
                        "start_interval": 10**6, "retries": 3}),
    ('SHELL ["/bin/bash", "-c"]', made.Shell, {"args": ("/bin/bash", "-c")}),
    ("ONBUILD RUN a  && b", made.OnBuild, {"expression": "RUN a  && b"}),
    ("ONBUILD COPY <<E /\nx\nE", made.OnBuild, {"expression": "COPY <<E /\nx\nE"}),
    ("MAINTAINER Some Body <a@b>", made.Maintainer, {"author": "Some Body <a@b>"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "expected"), CASES)
def test_instructions(text: str, kind: type[Instruction], expected: dict[str, Any]) -> None:
    instruction = read(text)
    assert type(instruction) is kind
    assert own(instruction) == expected
    assert instruction.line == 2
    assert instruction.keyword == text.split()[0].upper()


def test_every_instruction_is_tried() -> None:
    names = {kind.keyword for _, kind, _ in CASES} | {"FROM"}
    assert names == {
        kind.keyword for kind in vars(made).values() if isinstance(kind, type) and hasattr(kind, "keyword")
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("RNU a", "unknown instruction: RNU (did you mean RUN?)"),
        ("copi a b", "unknown instruction: copi (did you mean COPY?)"),
        ("FOOBAR a", "unknown instruction: FOOBAR"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a IS b", "FROM requires either one or three arguments"),
        ("FROM a AS 1b", 'invalid name for build stage: "1b", name can\'t start with a number or contain symbols'),
        ("FROM --plattform=x a", "unknown flag: --plattform (did you mean --platform?)"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =a", "ARG names can not be blank"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV =a", "ENV names can not be blank"),
        ("ENV A=1 B", 'can\'t find = in "B": ENV must be of the form name=value'),
        ("ENV --x A=1", "unknown flag: --x"),
        ("LABEL", "LABEL requires at least one argument"),
        ("LABEL a", "LABEL must have two arguments"),
        ('CMD ["a", 1]', "when using JSON array syntax, arrays must be comprised of strings only"),
        ("RUN --mount a", "missing a value on flag: --mount"),
        ("RUN --netwrok=none a", "unknown flag: --netwrok (did you mean --network?)"),
        ("RUN --network=nnoe a", 'invalid network mode "nnoe" (did you mean none?)'),
        ("RUN --security=root a", 'security "root" is not valid'),
        ("RUN --network=host --network=none a", "duplicate flag specified: --network"),
        ("RUN --mount=type=bnid,target=/a b", 'unsupported mount type "bnid" (did you mean bind?)'),
        ("RUN --mount=from=$X,target=/a b",
         "'from' doesn't support variable expansion, define alias stage instead of $X"),
        ("COPY a",
         "COPY requires at least two arguments, but only 1 was provided. Destination could not be determined"),
        ("ADD", "ADD requires at least two arguments, but only 0 was provided. Destination could not be determined"),
        ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("COPY --link= a b", "missing a value on flag: --link"),
        ("COPY --from a b", "missing a value on flag: --from"),
        ("COPY --from=$X a b", "variable expansion is not supported for --from, define a new stage with FROM using ARG"
         " from global scope as a workaround"),
        ("COPY --checksum=x a b", "unknown flag: --checksum"),
        ("ADD --from=x a b", "unknown flag: --from"),
        ("COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("MAINTAINER --boo x", "unknown flag: --boo"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK TRY x", 'unknown type "TRY" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=5 CMD x", 'invalid duration "5" on flag: --interval'),
        ("HEALTHCHECK --timeout=50us CMD x", 'interval "50us" on flag --timeout cannot be less than 1ms'),
        ("HEALTHCHECK --retries=x CMD x", 'invalid number "x" on flag: --retries'),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ("SHELL", "SHELL requires at least one argument"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("SHELL bash -c", "SHELL requires the arguments to be in JSON form"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN a", "chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD maintainer a", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD RNU a", "unknown instruction: RNU (did you mean RUN?)"),
        ("RUN <<E\n", 'unterminated heredoc "E"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        parse(f"FROM scratch\n\n{text}")
    assert str(raised.value) == f"dockerfile parse error on line 3: {reason}"

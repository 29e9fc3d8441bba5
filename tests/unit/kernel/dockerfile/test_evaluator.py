"""Which instruction expands what, with which variables: in the order in which they are evaluated."""

from collections.abc import Mapping
from typing import Any

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.instructions import Arg, Copy, Env, Expose, Instruction, Run
from ck.kernel.dockerfile.parse import parse


def evaluate(
    text: str,
    *,
    env: Mapping[str, str] | None = None,
    global_args: Mapping[str, str] | None = None,
    build_args: Mapping[str, str] | None = None,
) -> tuple[Evaluator, list[Any]]:
    """The instructions after a FROM, evaluated, and the evaluator after them."""
    dockerfile = parse(text if text.startswith("#") else f"FROM scratch\n{text}")
    evaluator = Evaluator(
        env=env or {},
        global_args=global_args or {},
        build_args=build_args or {},
        escape=dockerfile.directives.escape,
    )
    return evaluator, [evaluator.evaluate(instruction) for instruction in dockerfile.stages[0].instructions]


def values(instruction: Instruction, *names: str) -> list[Any]:
    return [getattr(instruction, name) for name in names]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("ENV $A=$A", "pairs", (("a b", "a b"),)),
        ("LABEL $A.x='$A' y=\"$A\"", "pairs", (("a b.x", "$A"), ("y", "a b"))),
        ("WORKDIR /$A", "path", "/a b"),
        ("USER ${U:-0}", "user", "0"),
        ("STOPSIGNAL SIG${T}", "signal", "SIGTERM"),
        ("VOLUME /$A /\\$A", "paths", ("/a b", "/$A")),
        ("COPY $A \"b\" /$T/", "sources", ("a b", "b")),
        ("COPY --chown=$T --chmod=$M a /", "chown", "TERM"),
        ("COPY --chown=$T --chmod=$M a /", "chmod", "755"),
        ("COPY --exclude=$A a /", "exclude", ("$A",)),
        ("ADD --checksum=sha256:$T a /", "checksum", "sha256:TERM"),
        ("ADD https://e.org/$T.tgz /", "sources", ("https://e.org/TERM.tgz",)),
        ("EXPOSE $P 90-92/UDP", "ports", ("80/tcp", "443/udp", "90/udp", "91/udp", "92/udp")),
        ("EXPOSE 127.0.0.1:8080:80 [::1]:1-2:3-4 5:6 :7", "ports", ("80/tcp", "3/tcp", "4/tcp", "6/tcp", "7/tcp")),
        ("RUN echo $A", "args", ("echo $A",)),
        ("RUN <<E\n$A\nE", "args", ("$A\n",)),
        ("CMD echo $A", "args", ("echo $A",)),
        ('ENTRYPOINT ["$A"]', "args", ("$A",)),
        ('SHELL ["$A"]', "args", ("$A",)),
        ("HEALTHCHECK CMD $A", "test", ("CMD-SHELL", "$A")),
        ("ONBUILD RUN $A", "expression", "RUN $A"),
        ("MAINTAINER $A", "author", "$A"),
    ],
)  # fmt: skip
def test_what_is_expanded(text: str, name: str, expected: object) -> None:
    _, (instruction,) = evaluate(text, env={"A": "a b", "T": "TERM", "M": "755", "P": "80 443/udp"})
    assert getattr(instruction, name) == expected


def test_heredocs_of_copy_are_expanded_unless_quoted() -> None:
    text = "COPY <<E <<'F' /\n$A \"$A\" \\$A\nE\n$A\nF"
    _, (copy,) = evaluate(text, env={"A": "1"})
    assert isinstance(copy, Copy)
    assert [content.data for content in copy.contents] == ['1 "1" $A\n', "$A\n"]


def test_mounts_are_made_with_their_values() -> None:
    _, (run,) = evaluate("RUN --mount=type=cache,target=$D/x,sharing=${S:-private} y", env={"D": "/d"})
    assert isinstance(run, Run)
    (mount,) = run.mounts
    assert values_of(mount) == ("cache", "/d/x", "/d/x", "private")
    with pytest.raises(DockerfileError, match="on line 2: unsupported sharing value"):
        evaluate("RUN --mount=type=cache,target=/x,sharing=$S y", env={"S": "z"})


def values_of(mount: Any) -> tuple[str, ...]:
    return (mount.type, mount.target, mount.id, mount.sharing)


def test_all_words_of_an_instruction_see_the_same_variables() -> None:
    # reference.md: abc=hello; abc=bye def=$abc; ghi=$abc
    evaluator, _ = evaluate("ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc")
    assert evaluator.env == {"abc": "bye", "def": "hello", "ghi": "bye"}


def test_args_see_those_before_them() -> None:
    evaluator, (arg,) = evaluate("ARG A=1 B=${A}2 C")
    assert isinstance(arg, Arg)
    assert arg.args == (("A", "1"), ("B", "12"), ("C", None))
    assert evaluator.args == {"A": "1", "B": "12", "C": None}
    assert evaluator.env == {}
    assert evaluator.variables == {"A": "1", "B": "12"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG V", "build"),
        ("ARG V=default", "build"),
        ("ARG G", "global"),
        ("ARG G=default", "default"),
        ("ARG G=", ""),
        ("ARG D=default", "default"),
        ("ARG D=${V:-unset}", "unset"),
        ("ARG D", None),
        ("ARG V=${X:?never looked at}", "build"),
    ],
)
def test_where_the_value_of_an_arg_comes_from(text: str, expected: str | None) -> None:
    _, (arg,) = evaluate(text, global_args={"G": "global", "V": "global"}, build_args={"V": "build"})
    assert isinstance(arg, Arg)
    assert arg.args[0][1] == expected


def test_a_global_arg_is_unknown_until_it_is_named() -> None:
    evaluator, (first, _, second) = evaluate("ENV A=$G\nARG G\nENV B=$G", global_args={"G": "1"}, build_args={"G": "1"})
    assert isinstance(first, Env)
    assert isinstance(second, Env)
    assert (first.pairs, second.pairs) == ((("A", ""),), (("B", "1"),))
    assert evaluator.env == {"A": "", "B": "1"}


def test_of_an_env_and_an_arg_the_later_counts() -> None:
    later_env, _ = evaluate("ARG V=arg\nENV V=env")
    assert (later_env.variables, later_env.env) == ({"V": "env"}, {"V": "env"})
    later_arg, _ = evaluate("ARG V=arg", env={"V": "env"})
    assert (later_arg.variables, later_arg.env) == ({"V": "arg"}, {"V": "env"})
    without_value, _ = evaluate("ARG V", env={"V": "env"})
    assert without_value.variables == {"V": "env"}


def test_the_example_of_the_reference_for_env_and_arg() -> None:
    text = "ARG CONT_IMG_VER\nENV CONT_IMG_VER=${CONT_IMG_VER:-v1.0.0}"
    assert evaluate(text)[0].env == {"CONT_IMG_VER": "v1.0.0"}
    assert evaluate(text, build_args={"CONT_IMG_VER": "v2.0.1"})[0].env == {"CONT_IMG_VER": "v2.0.1"}


def test_a_child_inherits_and_changes_nothing_of_its_parent() -> None:
    parent, _ = evaluate("ARG A=1\nENV E=2", global_args={"G": "3"})
    child = parent.child()
    for instruction in parse("FROM x\nARG G\nENV B=$A$E$G").stages[0].instructions:
        child.evaluate(instruction)
    assert child.env == {"E": "2", "B": "123"}
    assert child.args == {"A": "1", "G": "3"}
    assert (parent.env, parent.args) == ({"E": "2"}, {"A": "1"})


def test_the_escape_of_the_directive_counts() -> None:
    _, (first, second) = evaluate("# escape=`\nFROM x\nENV A=c:\\b\nWORKDIR `$A\\$A")
    assert values(first, "pairs") == [(("A", "c:\\b"),)]
    assert values(second, "path") == ["$A\\c:\\b"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("WORKDIR ${A:?give it}", 'failed to process "${A:?give it}": A: give it'),
        ("ARG A=${B?}", 'failed to process "${B?}": B: is not allowed to be unset'),
        ("ENV $A=1", "ENV names can not be blank"),
        ("VOLUME $A", "VOLUME specified can not be an empty string"),
        ("EXPOSE x", 'invalid port "x" in EXPOSE'),
        ("EXPOSE 0", 'invalid port "0" in EXPOSE'),
        ("EXPOSE 65536", 'invalid port "65536" in EXPOSE'),
        ("EXPOSE 80-70", 'invalid port "80-70" in EXPOSE'),
        ("EXPOSE 80/icmp", 'invalid port "80/icmp" in EXPOSE'),
    ],
)
def test_errors_have_the_line(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        evaluate(f"USER x\n{text}")
    assert str(raised.value) == f"dockerfile parse error on line 3: {reason}"


def test_an_env_that_doubles_itself_is_stopped() -> None:
    with pytest.raises(DockerfileError, match="its variables add more than"):
        evaluate("ENV A=0123456789\n" + "ENV A=$A$A\n" * 30)


def test_an_empty_expose_adds_nothing() -> None:
    _, (expose,) = evaluate("EXPOSE $A")
    assert isinstance(expose, Expose)
    assert expose.ports == ()

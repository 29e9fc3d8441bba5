"""Stages, global arguments, and the triggers that a base image left."""

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.instructions import Copy, OnBuild
from ck.kernel.dockerfile.parse import parse, parse_trigger


def test_from_and_global_args() -> None:
    dockerfile = parse(
        "ARG V=1 W\nFROM --platform=$BUILDPLATFORM go:$V as Build\nFROM scratch\nfrom build AS x.y-z_1\n"
    )
    assert [arg.args for arg in dockerfile.global_args] == [(("V", "1"), ("W", None))]
    assert [(stage.base.image, stage.base.name, stage.base.platform) for stage in dockerfile.stages] == [
        ("go:$V", "build", "$BUILDPLATFORM"),
        ("scratch", "", ""),
        ("build", "x.y-z_1", ""),
    ]
    assert [stage.title for stage in dockerfile.stages] == ["build", "stage-1", "x.y-z_1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ARG A", "dockerfile parse error: dockerfile contains no stages to build"),
        (
            "ARG A\nRUN b",
            "dockerfile parse error on line 2: no build stage in current context: RUN comes before any FROM",
        ),
    ],
)
def test_a_file_without_a_stage(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        parse(text)
    assert str(raised.value) == message


def test_a_trigger_is_read_again() -> None:
    (expression,) = parse("FROM a\nONBUILD COPY --chown=1 <<E /x\ny\nE").stages[0].instructions
    assert isinstance(expression, OnBuild)
    trigger = parse_trigger(expression.expression, 7)
    assert isinstance(trigger, Copy)
    assert (trigger.line, trigger.chown, trigger.contents[0].data) == (7, "1", "y\n")


@pytest.mark.parametrize("expression", ["", "FROM a", "ONBUILD RUN a", "RUN a\nRUN b", "RNU a", "MAINTAINER a"])
def test_a_trigger_that_is_none(expression: str) -> None:
    with pytest.raises(DockerfileError, match=r"(?s)on line 7: .*trigger"):
        parse_trigger(expression, 7)

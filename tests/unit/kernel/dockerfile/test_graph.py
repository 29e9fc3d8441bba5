"""Stages, what they are made from, and which a target needs."""

from collections.abc import Sequence

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.graph import SCRATCH, BuildPlan, ImageSource, StageSource, plan
from ck.kernel.dockerfile.parse import parse
from ck.kernel.dockerfile.scope import global_args


def planned(
    text: str,
    target: str = "",
    triggers: dict[int, Sequence[str]] | None = None,
    build_args: dict[str, str] | None = None,
) -> BuildPlan:
    dockerfile = parse(text)
    args = global_args(
        dockerfile, build_args=build_args or {}, target_platform="linux/arm64", build_platform="linux/amd64"
    )
    return plan(dockerfile, global_args=args, target=target, triggers=triggers)


def indexes(text: str, target: str = "") -> list[int]:
    return [stage.index for stage in planned(text, target).stages]


def test_bases() -> None:
    stages = planned(
        "FROM a AS x\nFROM x AS y\nFROM scratch AS z\nFROM scratch\nCOPY --from=y / /\nCOPY --from=z / /"
    ).stages
    assert [stage.base for stage in stages] == [ImageSource("a"), StageSource(0), SCRATCH, SCRATCH]
    assert [stage.waits_for for stage in stages] == [(), (0,), (), (1, 2)]
    assert [(stage.title, stage.line) for stage in stages] == [("x", 1), ("y", 2), ("z", 3), ("stage-3", 4)]


def test_a_from_is_expanded_with_global_args_only() -> None:
    (stage,) = planned("ARG I=alpine T\nFROM --platform=$BUILDPLATFORM ${I}:${T:-3}", build_args={"I": "debian"}).stages
    assert (stage.base, stage.platform) == (ImageSource("debian:3"), "linux/amd64")


def test_a_from_may_choose_among_stages() -> None:
    text = "ARG M=dev\nFROM a AS dev\nFROM b AS prod\nFROM $M"
    assert indexes(text) == [0, 2]
    assert [stage.base for stage in planned(text, build_args={"M": "prod"}).stages] == [
        ImageSource("b"),
        StageSource(1),
    ]


def test_a_stage_can_have_the_name_of_an_image() -> None:
    text = "FROM alpine AS alpine\nFROM alpine AS alpine\nFROM alpine\nCOPY --from=alpine / /"
    stages = planned(text).stages
    assert [stage.base for stage in stages] == [ImageSource("alpine"), StageSource(0), StageSource(1)]
    assert stages[-1].sources == {"alpine": StageSource(1)}


def test_from_means_the_last_definition_before_it_and_copy_the_last_of_all() -> None:
    text = "FROM a AS x\nFROM x AS y\nFROM b AS x\nFROM y\nCOPY --from=X / /"
    assert [stage.waits_for for stage in planned(text).stages] == [(), (0,), (), (1, 2)]


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("build", StageSource(0)),
        ("BUILD", StageSource(0)),
        ("0", StageSource(0)),
        ("nginx:latest", ImageSource("nginx:latest")),
        ("scratch", SCRATCH),
        ("-1", ImageSource("-1")),
    ],
)
def test_sources_of_copy_and_mounts(written: str, source: object) -> None:
    for use in (f"COPY --from={written} / /", f"RUN --mount=type=bind,from={written},target=/x y"):
        assert planned(f"FROM a AS build\nFROM b\n{use}").target.sources == {written: source}


def test_only_what_is_needed_in_the_order_of_the_file() -> None:
    text = "FROM a AS a\nFROM b AS b\nFROM c AS c\nCOPY --from=a / /\nFROM d AS d\n"
    text += "FROM c\nRUN --mount=from=b,target=/b x\n"
    assert indexes(text) == [0, 1, 2, 4]
    assert indexes(text, "c") == [0, 2]
    assert indexes(text, "D") == [3]
    assert indexes(text, "1") == [1]


def test_the_target_is_the_last_of_the_plan() -> None:
    assert planned("FROM a AS a\nFROM b", "a").target.title == "a"


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("FROM a AS build\nFROM b", "biuld", ': target stage "biuld" could not be found (did you mean build?)'),
        ("FROM a\nFROM b", "2", ': target stage "2" could not be found'),
        ("FROM a\nCOPY --from=7 / /", "", " on line 2: invalid stage index 7"),
        ("FROM a AS x\nCOPY --from=x / /", "", " on line 1: circular dependency detected on stage: x"),
        ("FROM a\nCOPY --from=0 / /", "", " on line 1: circular dependency detected on stage: stage-0"),
        (
            "FROM a AS x\nCOPY --from=z / /\nFROM b AS y\nRUN --mount=from=x,target=/x a\nFROM c AS z\n"
            "COPY --from=y / /",
            "",
            " on line 1: circular dependency detected on stage: x",
        ),
        (
            "FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nFROM x",
            "",
            ' on line 2: cannot copy from stage "y", it needs to be defined before current stage "x"',
        ),
        (
            "FROM a AS x\nRUN --mount=from=y,target=/y b\nFROM x AS y",
            "x",
            ' on line 2: cannot mount from stage "y", it needs to be defined before current stage "x"',
        ),
        ("FROM $X", "", " on line 1: base name ($X) should not be blank"),
        ("FROM --platform=$X a", "", " on line 1: empty platform value from expression $X"),
        ("FROM ${X:?choose}", "", ' on line 1: failed to process "${X:?choose}": X: choose'),
    ],
)
def test_errors(text: str, target: str, message: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        planned(text, target)
    assert str(raised.value) == f"dockerfile parse error{message}"


def test_a_later_stage_may_be_named_by_what_is_not_built() -> None:
    assert indexes("FROM a AS x\nCOPY --from=y / /\nFROM b AS y", "y") == [1]


def test_triggers_of_a_base_stage_come_first_and_are_used_up() -> None:
    text = "FROM a AS x\nFROM b AS base\nONBUILD COPY --from=x / /x\nFROM base AS child\nRUN y\nFROM child\n"
    stages = planned(text).stages
    assert [[one.keyword for one in stage.instructions] for stage in stages] == [
        [],
        ["ONBUILD"],
        ["COPY", "RUN"],
        [],
    ]
    assert stages[2].instructions[0].line == 4
    assert stages[2].waits_for == (0, 1)


def test_triggers_of_an_image_may_need_further_stages() -> None:
    text = "FROM a AS x\nFROM b\nRUN y"
    assert indexes(text) == [1]
    stages = planned(text, triggers={1: ["COPY --from=x / /", "RUN z"]}).stages
    assert [stage.index for stage in stages] == [0, 1]
    assert [one.keyword for one in stages[1].instructions] == ["COPY", "RUN", "RUN"]


def test_a_long_chain_is_no_deep_recursion() -> None:
    count = 3000
    text = "FROM a AS s0\n" + "".join(f"FROM s{n - 1} AS s{n}\nCOPY --from=s{n - 1} / /\n" for n in range(1, count))
    assert indexes(text) == list(range(count))

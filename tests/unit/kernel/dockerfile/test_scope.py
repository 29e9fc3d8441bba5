"""Build arguments before the first FROM, and those that nobody declares."""

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.parse import parse
from ck.kernel.dockerfile.scope import global_args, proxy_variables, unused_build_args


def scope(text: str, build_args: dict[str, str] | None = None, target: str = "") -> dict[str, str]:
    return global_args(
        parse(text),
        build_args=build_args or {},
        target_platform="linux/arm/v7",
        build_platform="linux/amd64",
        target=target,
    )


def test_the_platforms_are_there_unasked() -> None:
    assert scope("FROM a") == {
        "BUILDPLATFORM": "linux/amd64",
        "BUILDOS": "linux",
        "BUILDOSVERSION": "",
        "BUILDARCH": "amd64",
        "BUILDVARIANT": "",
        "TARGETPLATFORM": "linux/arm/v7",
        "TARGETOS": "linux",
        "TARGETOSVERSION": "",
        "TARGETARCH": "arm",
        "TARGETVARIANT": "v7",
        "TARGETSTAGE": "default",
    }


@pytest.mark.parametrize(("target", "expected"), [("", "last"), ("first", "first")])
def test_the_target_stage_is_named(target: str, expected: str) -> None:
    assert scope("FROM a AS first\nFROM b AS last", target=target)["TARGETSTAGE"] == expected


def test_args_see_those_before_them_and_build_args_override() -> None:
    text = "ARG A=1 B=$A-$TARGETARCH\nARG C=${B}x D TARGETOS\nFROM a"
    found = scope(text, {"A": "9", "BUILDARCH": "z", "E": "not declared"})
    assert {name: found.get(name) for name in "ABCDE"} == {"A": "9", "B": "9-arm", "C": "9-armx", "D": None, "E": None}
    assert (found["BUILDARCH"], found["TARGETOS"]) == ("z", "linux")
    assert scope("ARG D\nFROM a", {"D": ""})["D"] == ""


def test_a_bad_default_is_told_with_its_line_unless_it_is_overridden() -> None:
    text = "\nARG A=${B:?needed}\nFROM a"
    with pytest.raises(DockerfileError, match=r"on line 2: .*B: needed"):
        scope(text)
    assert scope(text, {"A": "1"})["A"] == "1"


def test_the_escape_of_the_directive_counts() -> None:
    assert scope("# escape=`\nARG A=`$B\\\nFROM a")["A"] == "$B\\"


def test_proxies_are_for_every_run_in_both_cases() -> None:
    assert proxy_variables({"http_proxy": "h", "NO_PROXY": "n", "OTHER": "o"}) == {
        "HTTP_PROXY": "h",
        "http_proxy": "h",
        "NO_PROXY": "n",
        "no_proxy": "n",
    }


def test_build_args_that_nothing_asks_for() -> None:
    dockerfile = parse("ARG A\nFROM x\nARG B=1\nFROM y\nARG C D")
    given = ("A", "B", "C", "D", "E", "https_proxy", "TARGETARCH", "BUILDKIT_INLINE_CACHE", "SOURCE_DATE_EPOCH", "F")
    assert unused_build_args(dockerfile, dict.fromkeys(given, "")) == ("E", "F")

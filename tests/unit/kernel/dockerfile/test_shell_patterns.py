"""Patterns in substitutions, against a matcher that tries everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.words import expand


class Naive:
    """Patterns by trying everything, one rule a line."""

    @staticmethod
    def match(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(Naive.match(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in ("?", text[0]) and Naive.match(pattern[1:], text[1:])

    @staticmethod
    def cut(pattern: str, text: str, *, longest: bool, prefix: bool) -> str:
        sizes = range(len(text) + 1)
        for size in reversed(sizes) if longest else sizes:
            part, rest = (text[:size], text[size:]) if prefix else (text[len(text) - size :], text[: len(text) - size])
            if Naive.match(pattern, part):
                return rest
        return text

    @staticmethod
    def replace(pattern: str, text: str, replacement: str, *, every: bool) -> str:
        out, at, after = "", 0, -1
        while at <= len(text):
            ends = [end for end in range(len(text), at - 1, -1) if Naive.match(pattern, text[at:end])]
            if ends and (ends[0] > at or at != after):
                out, after = out + replacement, ends[0]
                if not every:
                    return out + text[ends[0] :]
                if ends[0] > at:
                    at = ends[0]
                    continue
            out += text[at : at + 1]
            at += 1
        return out


patterns = st.text(alphabet="ab*?", max_size=7)
values = st.text(alphabet="abc\n", max_size=10)


@given(patterns, values)
def test_prefixes_and_suffixes_against_the_naive_rules(pattern: str, value: str) -> None:
    env = {"V": value, "P": pattern}
    assert expand("${V#$P}", env) == Naive.cut(pattern, value, longest=False, prefix=True)
    assert expand("${V%$P}", env) == Naive.cut(pattern, value, longest=False, prefix=False)
    if not pattern.startswith(("#", "%")):
        assert expand("${V##$P}", env) == Naive.cut(pattern, value, longest=True, prefix=True)
        assert expand("${V%%$P}", env) == Naive.cut(pattern, value, longest=True, prefix=False)


@given(patterns, values, st.text(alphabet="ab-", max_size=3))
def test_replacement_against_the_naive_rules(pattern: str, value: str, replacement: str) -> None:
    env = {"V": value, "P": pattern, "R": replacement}
    assert expand("${V/$P/$R}", env) == Naive.replace(pattern, value, replacement, every=False)
    assert expand("${V//$P/$R}", env) == Naive.replace(pattern, value, replacement, every=True)


@pytest.mark.timeout(20)
def test_hostile_patterns_take_no_time() -> None:
    env = {"A": "a" * 50_000, "P": "*a" * 2000 + "b"}
    for modifier in ("#", "##", "%", "%%"):
        assert expand(f"${{A{modifier}$P}}", env) == env["A"]
    assert expand("${A//$P/x}", env) == env["A"]
    assert expand("${A/" + "a" * 4000 + "b/x}", env) == env["A"]
    with pytest.raises(DockerfileError, match="longer than 4096 characters"):
        expand("${A#" + "a" * 5000 + "}", env)

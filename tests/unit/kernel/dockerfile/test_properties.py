"""Laws of the whole: whatever the text, a plan or the one error, and in time.

CK_DOCKERFILE_EXAMPLES=10000 looks longer than CI does.
"""

import os
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.graph import BuildPlan, StageSource, plan
from ck.kernel.dockerfile.ignore import PatternMatcher, read_ignorefile
from ck.kernel.dockerfile.instructions import Instruction
from ck.kernel.dockerfile.parse import Dockerfile, parse
from ck.kernel.dockerfile.scope import global_args
from ck.kernel.dockerfile.words import expand

CORPUS = [path.read_bytes().decode() for path in sorted((Path(__file__).parent / "corpus").glob("*.Dockerfile"))]
ENV = {"PATH": "/bin", "A": "a b", "EMPTY": "", "V": "v1.2.3"}

many = settings(
    max_examples=int(os.environ.get("CK_DOCKERFILE_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
endless = pytest.mark.timeout(280)

FRAGMENTS = [
    *(
        "\n",
        "\\\n",
        " ",
        "\t",
        "'",
        '"',
        "`",
        "$",
        "${",
        "}",
        "$A",
        "${A:-",
        "${A//",
        "${V%%.*}",
        "<<E",
        "<<-'E'",
        "\nE\n",
    ),
    *("--from=0 ", "--mount=type=cache,target=$A ", "--", "=", "#", "# escape=`\n", "\r\n", "\0", "\ufeff", "\udc80"),
    *('["a", "b"]', "[", "]", "*", "**", "!", "FROM a AS b\n", "COPY ", "RUN ", "ONBUILD ", "ENV A=$A$A\n", "\\"),
    *("EXPOSE 1-65535\n", "HEALTHCHECK --interval=1h CMD x\n", "9" * 50, "é"),
]
fragments = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=6), max_size=40).map("".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid Dockerfile with some pieces cut out, doubled or put in."""
    text = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(st.sampled_from([*FRAGMENTS, "", text[start:end] * 2])) + text[end:]
    return text


def built(text: str | bytes) -> tuple[Dockerfile, BuildPlan, list[Instruction]]:
    """As a build does: read, plan, evaluate all that is needed."""
    dockerfile = parse(text)
    args = global_args(dockerfile, build_args={"V": "2"}, target_platform="linux/arm/v7", build_platform="linux/amd64")
    result = plan(dockerfile, global_args=args)
    evaluators: dict[int, Evaluator] = {}
    instructions = []
    for stage in result.stages:
        evaluators[stage.index] = evaluator = (
            evaluators[stage.base.index].child()
            if isinstance(stage.base, StageSource)
            else Evaluator(env=ENV, global_args=args, build_args={"V": "2"}, escape=dockerfile.directives.escape)
        )
        instructions += [evaluator.evaluate(instruction) for instruction in stage.instructions]
    return dockerfile, result, instructions


def holds(text: str | bytes) -> None:
    lines = (text.count("\n") if isinstance(text, str) else text.count(b"\n")) + 1
    try:
        dockerfile, result, instructions = built(text)
    except DockerfileError as error:
        assert str(error).startswith("dockerfile parse error")
        assert error.line is None or 1 <= error.line <= lines
        return
    indexes = [stage.index for stage in result.stages]
    assert indexes == sorted(set(indexes))
    for stage in result.stages:
        assert all(index < stage.index and index in indexes for index in stage.waits_for)
    assert result.target.index == len(dockerfile.stages) - 1
    last = 0
    for stage_of_file in dockerfile.stages:
        for instruction in (stage_of_file.base, *stage_of_file.instructions):
            assert last < instruction.line <= instruction.last_line
            last = instruction.last_line
    for instruction in instructions:
        assert all(
            value is not None
            for name, value in attrs.asdict(instruction).items()
            if name != "unpack" and name != "script"
        )


@endless
@many
@given(st.text() | st.binary() | fragments)
def test_arbitrary_text(text: str | bytes) -> None:
    holds(text)


@endless
@many
@given(fragments)
def test_arbitrary_text_in_a_stage(text: str) -> None:
    holds(f"FROM x\nARG V\n{text}")


@endless
@many
@given(mutated())
def test_mutated_dockerfiles(text: str) -> None:
    holds(text)


@endless
@many
@given(fragments)
def test_words(word: str) -> None:
    for escape in "\\`":
        try:
            once = expand(word, ENV, escape=escape)
        except DockerfileError:
            continue
        assert "$" in word or len(once) <= len(word)


@endless
@many
@given(st.lists(fragments, max_size=6).map("\n".join), st.text(alphabet="aé/*!.\\[", max_size=20))
def test_ignore_files(text: str, path: str) -> None:
    patterns = read_ignorefile(text)
    try:
        matcher = PatternMatcher(patterns)
    except DockerfileError as error:
        assert "pattern" in error.reason
        return
    if matcher.matches(path):
        # What is below what is left out is left out too, unless a pattern lets it in.
        assert matcher.matches(f"{path}/b") or any(pattern.startswith("!") for pattern in patterns)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN " + "x" * 5_000_000,
        "FROM a\nRUN " + "'" * 1_000_001,
        "FROM a\n" + "RUN x \\\n" * 200_000,
        "FROM a\nENV A=" + "\\a" * 1_000_000,
        "FROM a\nENV " + "A=1 " * 100_000,
        "FROM a\nCOPY " + "a " * 200_000 + "/b",
        "FROM a\nRUN <<E " + "'a' " * 200_000 + "\nE",
        "FROM a\nCOPY <<E " + "<<E " * 1_000 + "/b\n" + "E\n" * 1_001,
        "FROM a\nRUN [" + "[" * 500_000,
        "FROM a\nRUN --mount=" + "," * 500_000,
        "FROM a\nRUN " + "--mount=target=/a " * 20_000 + "x",
        "FROM a\nLABEL a=" + "${A:-" * 200_000,
        "FROM a\nLABEL a=" + "$A" * 200_000,
        "FROM a\nLABEL a=" + "${V/1/2}" * 50_000,
        "# " + "=" * 1_000_000 + "\nFROM a",
        "FROM a\n" + "\n".join(f"COPY --from={n % 7} / /" for n in range(20_000)),
        "FROM a AS a\n" * 5_000,
        "FROM a\nONBUILD " * 5_000 + "RUN x",
        "FROM a\nRUN x" + " \\" * 500_000,
        "FROM a\n" + "$" * 1_000_000,
    ],
    ids=lambda text: text[:40].replace("\n", " ").strip(),
)
def test_huge_files_take_linear_time(text: str) -> None:
    holds(text)

"""-e, --env-file, --label and their like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.options.environment import environment, pairs, parse_env_file, parse_label_file, strict_pairs

NAMES = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))


def test_bare_names_come_from_the_caller() -> None:
    assert environment(["A", "B=2", "C", "D="], {"A": "1"}) == ["A=1", "B=2", "C", "D="]
    with pytest.raises(ValueError, match="invalid environment variable: =x"):
        environment(["=x"], {})


def test_env_file() -> None:
    text = "\ufeff# comment\n\n  A=1 # not a comment\nB='quoted'\nSET\nUNSET\nE=\n"
    assert parse_env_file(text, {"SET": "x"}) == ["A=1 # not a comment", "B='quoted'", "SET=x", "E="]
    with pytest.raises(ValueError, match="contains whitespaces"):
        parse_env_file("A B=1", {})
    with pytest.raises(ValueError, match="no variable name"):
        parse_env_file("=1", {})


def test_labels_may_be_bare() -> None:
    assert parse_label_file("a\nb=c\n") == ["a=", "b=c"]
    assert pairs(["a", "b=c=d"]) == {"a": "", "b": "c=d"}
    with pytest.raises(ValueError, match="not of the form KEY=VALUE"):
        strict_pairs(["a"])


@given(st.dictionaries(NAMES, VALUES))
def test_env_file_round_trip(variables: dict[str, str]) -> None:
    lines = [f"{name}={value}" for name, value in variables.items()]
    assert parse_env_file("\n".join(lines), {}) == lines
    assert pairs(lines) == variables

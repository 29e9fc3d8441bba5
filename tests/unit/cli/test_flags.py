"""The parser of command lines, and the tables that it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli import catalog
from ck.cli.errors import UsageError
from ck.cli.flags import Flag, parse, switch, text, texts

FLAGS = (
    switch("interactive", "", "i"),
    switch("tty", "", "t"),
    switch("sig-proxy", "", default=True),
    text("name", ""),
    text("workdir", "", "w"),
    texts("env", "", "e"),
    text("last", "", "n", kind="int", default="-1"),
)


@pytest.mark.parametrize(
    "argv",
    [
        ["-it", "--name", "x", "-e", "A=1", "-e", "B=2"],
        ["-i", "-t", "--name=x", "-eA=1", "--env=B=2"],
        ["-ite", "A=1", "--name=x", "--env", "B=2"],
        ["-iteA=1", "-e=B=2", "--name", "x"],
    ],
)
def test_spellings_of_one_command_line(argv: list[str]) -> None:
    args = parse(argv, FLAGS)
    assert args.on("interactive") and args.on("tty")
    assert args.text("name") == "x"
    assert args.texts("env") == ["A=1", "B=2"]
    assert args.words == []


def test_switches_can_be_turned_off() -> None:
    assert parse([], FLAGS).on("sig-proxy")
    assert not parse(["--sig-proxy=false"], FLAGS).on("sig-proxy")
    assert not parse(["-t=false"], FLAGS).on("tty")


def test_flags_end_at_the_first_argument_where_the_command_says_so() -> None:
    argv = ["-i", "image", "ls", "-t", "--name", "y"]
    assert parse(argv, FLAGS, interspersed=False).words == ["image", "ls", "-t", "--name", "y"]
    spread = parse(["a", "-t", "b"], FLAGS)
    assert spread.words == ["a", "b"] and spread.on("tty")


def test_two_dashes_end_the_flags_and_one_dash_is_an_argument() -> None:
    assert parse(["-", "--", "-t", "--"], FLAGS).words == ["-", "-t", "--"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["-itx"], "unknown shorthand flag: 'x' in -itx"),
        (["--name"], "flag needs an argument: --name"),
        (["-e"], "flag needs an argument: 'e' in -e"),
    ],
)
def test_errors_are_dockers(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv, FLAGS)
    assert str(caught.value) == message
    assert caught.value.exit_code == 125


def test_malformed_values_name_flag_and_value() -> None:
    args = parse(["-n", "many", "--tty=maybe"], FLAGS)
    with pytest.raises(UsageError, match=r'invalid argument "many" for "-n, --last" flag: not a whole number'):
        args.number("last")
    with pytest.raises(UsageError, match=r'invalid argument "maybe" for "-t, --tty" flag'):
        args.on("tty")


def test_h_is_help_where_it_is_nothing_else() -> None:
    assert parse(["-h"], FLAGS).on("help")
    assert parse(["-h", "box"], (text("hostname", "", "h"),)).text("hostname") == "box"


@given(st.lists(st.tuples(st.sampled_from(["env", "name"]), st.text(min_size=1)), max_size=6), st.lists(st.text()))
def test_values_come_back_as_they_were_given(flags: list[tuple[str, str]], words: list[str]) -> None:
    argv = [word for name, value in flags for word in (f"--{name}", value)]
    args = parse([*argv, "--", *words], FLAGS)
    assert args.words == words
    assert args.texts("env") == [value for name, value in flags if name == "env"]


@given(st.lists(st.sampled_from(["-i", "-t", "--env", "-e", "--name=a", "x", "--", "-", "-itw", "--sig-proxy"])))
def test_any_command_line_parses_or_is_a_usage_error(argv: list[str]) -> None:
    try:
        parse(argv, FLAGS)
    except UsageError as error:
        assert error.exit_code == 125


@pytest.mark.parametrize("name", catalog.COMMANDS)
def test_tables_of_every_command_are_sound(name: str) -> None:
    flags: tuple[Flag, ...] = catalog.load(name).COMMAND.flags
    names = [flag.name for flag in flags]
    shorts = [flag.short for flag in flags if flag.short]
    assert len(set(names)) == len(names)
    assert len(set(shorts)) == len(shorts)
    assert all(len(short) == 1 for short in shorts)
    assert "help" not in names

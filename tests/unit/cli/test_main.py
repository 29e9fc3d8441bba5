"""The entry point without an engine: help, usage errors, exit codes."""

import tomllib
from pathlib import Path

import pytest

from ck.cli import catalog, version
from ck.cli.main import main


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CK_HOST", f"unix://{tmp_path}/ck.sock")
    monkeypatch.setenv("CK_AUTOSTART", "0")


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["version"] == version.VERSION
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ck version {project['version']}\n"


@pytest.mark.parametrize("name", [*catalog.COMMANDS, *catalog.ALIASES])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage:  ck {name}")
    assert main(["help", *name.split()]) == 0
    assert capsys.readouterr().out == shown
    assert max(map(len, shown.splitlines())) <= 120


def test_what_changes_nothing_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--rm" not in shown and "--force-rm" not in shown
    assert main(["build", "--rm", "--force-rm=false", "/none-such"]) == 1
    assert 'path "/none-such" not found' in capsys.readouterr().err


@pytest.mark.parametrize("noun", catalog.NOUNS)
def test_nouns_alone_list_their_verbs(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([noun]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb, _ in catalog.verbs(noun))


def test_no_command_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Management Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["foo"], 1, "ck: unknown command: ck foo"),
        (["container", "foo"], 1, "ck: unknown command: ck container foo"),
        (["--foo", "ps"], 125, "ck: unknown flag: --foo"),
        (["ps", "--foo"], 125, "ck: unknown flag: --foo"),
        (["run", "--foo", "x"], 125, "ck: unknown flag: --foo"),
        (["rm"], 1, "ck: 'ck rm' requires at least 1 argument"),
        (["run"], 1, "ck: 'ck run' requires at least 1 argument"),
        (["logs", "a", "b"], 1, "ck: 'ck logs' requires 1 argument"),
        (["ps", "a"], 1, "ck: 'ck ps' accepts no arguments"),
        (["images", "a", "b"], 1, "ck: 'ck images' requires at most 1 argument"),
        (["run", "-d", "-a", "stdout", "x"], 125, "ck: conflicting options: cannot specify both --attach and --detach"),
        (["run", "--pull", "often", "x"], 125, 'ck: invalid argument "often" for "--pull" flag'),
        (["run", "-m", "lots", "x"], 125, 'ck: invalid argument "lots" for "-m, --memory" flag'),
        (["run", "--rm", "--restart", "always", "x"], 125, "ck: conflicting options"),
    ],
)
def test_usage_errors(argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == code
    streams = capsys.readouterr()
    assert streams.err.startswith(message)
    assert streams.out == ""


@pytest.mark.parametrize(("argv", "code"), [(["ps"], 1), (["run", "x"], 125), (["exec", "x", "true"], 1)])
def test_without_an_engine(argv: list[str], code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(argv) == code
    expected = f"ck: cannot connect to the engine at unix://{tmp_path}/ck.sock: No such file or directory"
    assert capsys.readouterr().err.startswith(expected)


def test_host_must_be_a_unix_socket(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-H", "tcp://localhost:2375", "ps"]) == 1
    assert "'tcp://localhost:2375' is not of the form unix:///PATH" in capsys.readouterr().err

"""The configuration: defaults, values, and errors that name the key."""

from pathlib import Path

import pytest

from ck.kernel.config import Config, load, parse
from ck.kernel.errors import InvalidArgument


def test_empty_is_the_default() -> None:
    assert parse("") == Config()


def test_values_and_driver_options() -> None:
    config = parse(
        'run_root = "/tmp/r"\n[default]\nnetwork = "host"\n[drivers.registry.distribution]\ninsecure = ["a:5000"]'
    )
    assert config.socket_path() == Path("/tmp/r/ck.sock")
    assert config.default.network == "host"
    assert config.driver_options("registry", "distribution") == {"insecure": ["a:5000"]}
    assert config.driver_options("registry", "none") == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("netwrok = 1", "netwrok"),
        ("[default]\nlogg = 'x'", "logg"),
        ("driver_deadline = 'soon'", "driver_deadline"),
        ("x = = 1", "TOML"),
    ],
)
def test_an_error_names_what_is_wrong(text: str, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        parse(text)


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="nosuch"):
        load(tmp_path / "nosuch.toml")

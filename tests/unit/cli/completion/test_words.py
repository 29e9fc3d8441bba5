"""The words that shell completion offers."""

from pathlib import Path

import pytest

from ck.cli import catalog
from ck.cli.client.api import Client
from ck.cli.completion.words import FILES, candidates
from ck.cli.main import GLOBAL_FLAGS


class Names(Client):
    """An engine that knows one thing of each kind."""

    def get(self, path: str, headers: object = None, /, **query: object) -> object:
        return {
            "/containers/json": [{"Names": ["/web"]}, *([{"Names": ["/stopped"]}] if query.get("all") else [])],
            "/images/json": [{"RepoTags": ["app:1"]}, {"RepoTags": None}],
            "/volumes": {"Volumes": [{"Name": "data"}]},
            "/networks": [{"Name": "none"}],
        }[path]


def words(*before: str, current: str = "") -> set[str]:
    return set(candidates(list(before), current, GLOBAL_FLAGS, Names("unix:///x", autostart=False)))


def test_commands() -> None:
    assert {"run", "ps", "container", "help", "version"} <= words()
    assert words("-H", "unix:///x") == words()
    assert words("volume") == {"create", "inspect", "ls", "prune", "rm"}
    assert words("nonsense") == set()


def test_flags() -> None:
    assert {"--rm", "--detach", "--help"} <= words("run", current="-")
    assert words("run", "image", current="-") == {FILES}
    assert "--force" in words("rm", "web", current="--")
    assert "--host" in words(current="-")


def test_values_of_flags() -> None:
    assert words("run", "--pull") == {"always", "missing", "never"}
    assert words("run", "--network") == {"none"}
    assert words("run", "-itv") == {"data", FILES}
    assert words("inspect", "--type") == {"container", "image", "network", "volume"}


def test_arguments() -> None:
    assert words("stop") == {"web"}
    assert words("rm", "-f") == words("container", "rm", "web") == {"web", "stopped"}
    assert words("run", "--rm", "--name", "x") == {"app:1"}
    assert words("run", "--rm", "app:1") == {FILES}
    assert words("completion") == {"bash", "fish", "zsh"}
    assert words("ps") == set()


def test_without_an_engine_nothing_is_offered(tmp_path: Path) -> None:
    client = Client(f"unix://{tmp_path}/s", autostart=False)
    assert list(candidates(["stop"], "", GLOBAL_FLAGS, client)) == []


@pytest.mark.parametrize("name", catalog.COMMANDS)
def test_every_command_completes_its_flags(name: str) -> None:
    flags = catalog.load(name).COMMAND.flags
    assert {f"--{flag.name}" for flag in flags if flag.help} <= words(*name.split(), current="-")

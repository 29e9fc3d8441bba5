"""Clones of git repositories: sources of ADD, and build contexts.

git runs with nothing of the engine's own: no configuration, no keys, no credentials, and only protocols of the network.
Whoever wrote a Dockerfile may be somebody else than who runs the engine.
"""

import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.dockerfile.scope import PROXIES
from ck.kernel.errors import InvalidArgument, NotFound, Unavailable

_SOURCE: Final = re.compile(r"(?:git://|git@[^:/]+:|ssh://|https?://[^?#]+\.git(?:[?#]|$))")
_KINDS: Final = {"tag": "refs/tags/", "branch": "refs/heads/"}
_QUERIES: Final = ("ref", *_KINDS, "commit", "checksum", "subdir")
_SECONDS: Final = 600.0
_UMASK: Final = 0o022
_SSH: Final = (
    "ssh -F none -o IdentityFile=none -o BatchMode=yes "
    "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=accept-new"
)
_TOLD: Final = ("fatal: ", "error: ")


def is_git(source: str) -> bool:
    """Whether a source of ADD, or a build context, is a git repository."""
    return _SOURCE.match(source) is not None


@attrs.frozen(kw_only=True)
class GitSource:
    """A repository, and what of it is meant: `ref` is a branch, a tag or a commit ("" is what the server says),
    `directory` a part ("" is all). `commit` is what the commit must begin with."""

    url: str
    ref: str = ""
    directory: str = ""
    commit: str = ""


def git_source(text: str) -> GitSource:
    """`URL[?NAME=VALUE&...][#REF[:DIRECTORY]]` (docs.docker.com, "Build context", "URL queries"). Raises:
    InvalidArgument."""
    place, _, fragment = text.partition("#")
    url, _, query = place.partition("?")
    ref, _, directory = fragment.partition(":")
    asked = _queried(text, query)
    refs = [ref, asked.get("ref", ""), *(f"{kind}{asked[name]}" for name, kind in _KINDS.items() if name in asked)]
    commit = (asked.get("commit") or asked.get("checksum", "")).lower()
    return GitSource(
        url=url,
        ref=_one(text, "ref", refs) or commit,
        directory=_one(text, "subdir", [directory.strip("/"), asked.get("subdir", "").strip("/")]),
        commit=commit,
    )


def _queried(text: str, query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        if name not in _QUERIES:
            raise InvalidArgument(f"{text}: a git repository is not asked for {name!r}, only for {', '.join(_QUERIES)}")
        if not value:
            raise InvalidArgument(f"{text}: {name!r} has no value")
        _one(text, name, [found.setdefault(name, value), value])
    if "commit" in found and "checksum" in found:
        _one(text, "commit", [found["commit"], found["checksum"]])
    return found


def _one(text: str, name: str, values: Iterable[str]) -> str:
    """The one of *values* that is not empty. Raises: InvalidArgument where they contradict each other."""
    first, *others = dict.fromkeys(filter(None, values)) or [""]
    if others:
        raise InvalidArgument(f"{text}: {name!r} is both {first!r} and {others[0]!r}")
    return first


async def clone(source: GitSource, target: Path, *, agent: Path | None, keep_git_dir: bool = False) -> None:
    """Have in the new directory *target* what the repository *source* holds. *agent* is the socket of an SSH agent.

    Raises: InvalidArgument where git is not installed or it is another commit, NotFound for what is not there,
    Unavailable where it takes too long.
    """
    await _git(agent, "init", "-q", str(target))
    # Alone this works for a branch, a tag and a commit alike, and fetches nothing else.
    await _git(agent, "-C", str(target), "fetch", "-q", "--depth", "1", "--", source.url, source.ref or "HEAD")
    await _git(agent, "-C", str(target), "checkout", "-q", "--detach", "FETCH_HEAD")
    await _git(agent, "-C", str(target), "submodule", "update", "-q", "--init", "--recursive", "--depth", "1")
    commit = (await _git(agent, "-C", str(target), "rev-parse", "HEAD")).strip()
    if not commit.startswith(source.commit):
        raise InvalidArgument(f"{source.url} is the commit {commit}, not {source.commit} as was asked for")
    await trio.to_thread.run_sync(_trim, target, source, keep_git_dir)


async def _git(agent: Path | None, *arguments: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if name.upper() in PROXIES},
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "git:http:https:ssh",
        "GIT_SSH_COMMAND": _SSH,
        **({"SSH_AUTH_SOCK": str(agent)} if agent else {}),
    }
    command = arguments[2] if arguments[0] == "-C" else arguments[0]
    try:
        with trio.fail_after(_SECONDS):
            done = await trio.run_process(
                ["git", *arguments],
                capture_stdout=True, capture_stderr=True, check=False, env=environment, umask=_UMASK,
            )  # fmt: skip
    except FileNotFoundError as error:
        raise InvalidArgument("git is not installed, so no git repository can be used") from error
    except trio.TooSlowError as error:
        raise Unavailable(f"git {command} did not end within {_SECONDS:g} seconds") from error
    if done.returncode:
        raise NotFound(f"git {command}: {_reason(done)}")
    return done.stdout.decode(errors="replace")


def _reason(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The line that says what is wrong: hints and progress may follow it."""
    lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
    return next((line for line in lines if line.startswith(_TOLD)), lines[-1])


def _trim(target: Path, source: GitSource, keep_git_dir: bool) -> None:
    if not keep_git_dir:
        for found in list(target.rglob(".git")):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
    inner = (target / source.directory).resolve()
    if not inner.is_relative_to(target.resolve()) or not inner.is_dir():
        raise NotFound(f'"{source.directory}": no such directory in {source.url}')

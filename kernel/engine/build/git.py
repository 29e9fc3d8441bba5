"""Clones of git repositories: sources of ADD, and build contexts.

git runs with nothing of the engine's own: no configuration, no keys, no credentials, and only protocols of the network.
Whoever wrote a Dockerfile may be somebody else than who runs the engine.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import trio

from ck.kernel.dockerfile.scope import PROXIES
from ck.kernel.errors import InvalidArgument, NotFound, Unavailable

_SOURCE: Final = re.compile(r"(?:git://|git@[^:/]+:|ssh://|https?://[^?#]+\.git(?:#|$))")
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


def subdirectory(source: str) -> str:
    """The directory that a git source names in its repository, "" for all of it."""
    return source.partition("#")[2].partition(":")[2].strip("/")


async def clone(source: str, target: Path, *, agent: Path | None, keep_git_dir: bool = False) -> str:
    """Have in the new directory *target* what `URL[#REF[:DIRECTORY]]` holds; return the commit. *agent* is the socket
    of an SSH agent.

    Raises: InvalidArgument where git is not installed, NotFound for what is not there, Unavailable where it takes too
    long.
    """
    url, _, fragment = source.partition("#")
    ref = fragment.partition(":")[0]
    await _git(agent, "init", "-q", str(target))
    # Alone this works for a branch, a tag and a commit alike, and fetches nothing else.
    await _git(agent, "-C", str(target), "fetch", "-q", "--depth", "1", "--", url, ref or "HEAD")
    await _git(agent, "-C", str(target), "checkout", "-q", "--detach", "FETCH_HEAD")
    await _git(agent, "-C", str(target), "submodule", "update", "-q", "--init", "--recursive", "--depth", "1")
    commit = await _git(agent, "-C", str(target), "rev-parse", "HEAD")
    await trio.to_thread.run_sync(_trim, target, url, subdirectory(source), keep_git_dir)
    return commit.strip()


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


def _trim(target: Path, url: str, directory: str, keep_git_dir: bool) -> None:
    if not keep_git_dir:
        for found in list(target.rglob(".git")):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
    inner = (target / directory).resolve()
    if not inner.is_relative_to(target.resolve()) or not inner.is_dir():
        raise NotFound(f'"{directory}": no such directory in {url}')

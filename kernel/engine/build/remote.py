"""Files from elsewhere: URLs and git repositories. Everything blocks."""

import hashlib
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import attrs

from ck.kernel.engine.build.copy import SECOND
from ck.kernel.errors import InvalidArgument, NotFound, Unavailable

_GIT: Final = re.compile(r"(?:git://|git@[^:/]+:|ssh://|(?:https?|file)://[^?#]+\.git(?:#|$))")
_SECONDS: Final = 60.0  # without a byte
_GIT_SECONDS: Final = 600.0
_CHUNK: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Download:
    """A file that came by URL: its `name` as the URL has it, its time in ns, its SHA-256 as "sha256:<hex>"."""

    path: Path
    name: str
    mtime_ns: int
    digest: str


def is_git(source: str) -> bool:
    """Whether a source of ADD, or a build context, is a git repository."""
    return _GIT.match(source) is not None


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def download(url: str, target: Path) -> Download:
    """Fetch *url* to the file *target*. Raises: InvalidArgument where it names no file, NotFound, Unavailable."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    hashed = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "ck", "Accept-Encoding": "identity"})
    try:
        with closing(urllib.request.urlopen(request, timeout=_SECONDS)) as answer, target.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                hashed.update(chunk)
                file.write(chunk)
            modified = answer.headers.get("Last-Modified")
    except urllib.error.HTTPError as error:
        kind = NotFound if error.code == 404 else Unavailable
        raise kind(f"cannot fetch {url}: the server answered {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unavailable(f"cannot fetch {url}: {getattr(reason, 'strerror', None) or reason}") from error
    return Download(path=target, name=name, mtime_ns=_time(modified), digest=f"sha256:{hashed.hexdigest()}")


def clone(source: str, target: Path, *, keep_git_dir: bool) -> None:
    """Have in the new directory *target* what `URL[#REF[:DIRECTORY]]` holds.

    Raises: InvalidArgument where git is not installed or the directory leads out, NotFound for what is not there.
    """
    url, _, fragment = source.partition("#")
    ref, _, directory = fragment.partition(":")
    _git("init", "-q", str(target))
    # Alone this works for a branch, a tag and a commit alike, and fetches nothing else.
    _git("-C", str(target), "fetch", "-q", "--depth", "1", "--", url, ref or "HEAD")
    _git("-C", str(target), "checkout", "-q", "--detach", "FETCH_HEAD")
    _git("-C", str(target), "submodule", "update", "-q", "--init", "--recursive", "--depth", "1")
    if not keep_git_dir:
        _git_dir_away(target)
    if directory:
        inner = (target / directory.strip("/")).resolve()
        if not inner.is_relative_to(target.resolve()) or not inner.is_dir():
            raise NotFound(f'"{directory}": no such directory in {url}')


def subdirectory(source: str) -> str:
    """The directory that a git source names in its repository, "" for all of it."""
    return source.partition("#")[2].partition(":")[2].strip("/")


def _time(modified: str | None) -> int:
    try:
        return int(parsedate_to_datetime(modified).timestamp()) * SECOND if modified else 0
    except ValueError:
        return 0


def _git(*arguments: str) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            ["git", "-c", "protocol.ext.allow=never", *arguments],
            capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
            timeout=_GIT_SECONDS,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InvalidArgument("git is not installed, so no git repository can be used") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git {arguments[-1]} did not end within {_GIT_SECONDS:g} seconds") from error
    if done.returncode:
        told = done.stderr.strip().splitlines() or ["it says nothing"]
        raise NotFound(f"git {arguments[0] if arguments[0] != '-C' else arguments[2]}: {told[-1]}")
    return done.stdout


def _git_dir_away(target: Path) -> None:
    for found in list(target.rglob(".git")):
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()

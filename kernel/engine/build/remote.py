"""Files from elsewhere, by their URLs."""

import hashlib
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.engine.build.copy import SECOND
from ck.kernel.errors import NotFound, Unavailable

_SECONDS: Final = 60.0  # without a byte
_CHUNK: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Download:
    """A file that came by URL: its `name` as the URL has it, its time in ns, its SHA-256 as "sha256:<hex>"."""

    path: Path
    name: str
    mtime_ns: int
    digest: str


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


async def download(url: str, target: Path) -> Download:
    """Fetch *url* to the file *target*. Raises: NotFound, Unavailable."""
    # A server may say nothing for long: whoever is cancelled does not wait for the thread, which looks with every
    # piece whether it is wanted still, and ends without one. What it has written by then is in a file without a name.
    return await trio.to_thread.run_sync(_download, url, target, abandon_on_cancel=True)


def _download(url: str, target: Path) -> Download:
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    name = "" if name == ".." else name  # an URL may say that too
    hashed = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "ck", "Accept-Encoding": "identity"})
    try:
        with closing(urllib.request.urlopen(request, timeout=_SECONDS)) as answer, target.open("wb") as file:
            while chunk := answer.read1(_CHUNK):
                trio.from_thread.check_cancelled()
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


def _time(modified: str | None) -> int:
    try:
        return int(parsedate_to_datetime(modified).timestamp()) * SECOND if modified else 0
    except ValueError:
        return 0

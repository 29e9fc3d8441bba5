"""TLS with the system's CAs, and with those and the client certificates of `certs.d/HOST[:PORT]/`.

The layout is Docker's (docs.docker.com, "Verify repository client with certificates").
"""

import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

from ck.kernel.errors import InvalidArgument


def hosts_with_certificates(directories: Sequence[str]) -> frozenset[str]:
    """Names of all hosts that have a directory of their own. Blocks on the disk."""
    return frozenset(entry.name for directory in directories for entry in _entries(Path(directory)) if entry.is_dir())


def make_context(host: str, directories: Sequence[str]) -> ssl.SSLContext:
    """A client context for *host*. Blocks on the disk. Raises: InvalidArgument, naming a file that does not load."""
    context = ssl.create_default_context()
    for directory in directories:
        for file in sorted(_entries(Path(directory) / host)):
            try:
                if file.suffix == ".crt":
                    context.load_verify_locations(file)
                elif file.suffix == ".cert":
                    context.load_cert_chain(file, file.with_suffix(".key"))
            except (OSError, ssl.SSLError) as error:
                raise InvalidArgument(f"cannot load the certificate {file}: {error}") from error
    return context


def _entries(directory: Path) -> Iterable[Path]:
    try:
        return list(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()

"""`ck cp`."""

from __future__ import annotations

import os
import posixpath
import sys
from binascii import a2b_base64

from ck.cli.client.api import Client, name
from ck.cli.client.codec import loads
from ck.cli.commands.container._copy import Destination, Source, plan, split_argument
from ck.cli.errors import ApiError, CliError
from ck.cli.flags import Args, Command, switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

COMMAND = Command(
    "CONTAINER:SRC_PATH DEST_PATH|-\nSRC_PATH|- CONTAINER:DEST_PATH",
    "Copy files/folders between a container and the local filesystem\n\n"
    "Use '-' as the source to read a tar archive from stdin and extract it to a directory\n"
    "destination in a container. Use '-' as the destination to stream a tar archive of a\n"
    "container source to stdout.",
    (
        switch("archive", "Archive mode (copy all uid/gid information)", "a"),
        switch("follow-link", "Always follow symbol link in SRC_PATH", "L"),
        switch("quiet", "Suppress the summary, which is shown on a terminal only", "q"),
    ),
    minimum=2,
    maximum=2,
    completes=("container", "container"),
)

# Bits of Go's os.FileMode, in which the API gives modes.
DIRECTORY = 1 << 31
SYMLINK = 1 << 27
STAT_HEADER = "x-docker-container-path-stat"
MAX_LINKS = 40  # as the kernel counts (path_resolution(7))


class _NoSuchFile(CliError):
    """The container has no such path."""


def run(args: Args, client: Client) -> int:
    """Copy in the direction that the container's place says."""
    (source_container, source), (target_container, target) = map(split_argument, args.words)
    if source_container and target_container:
        raise CliError("copying between containers is not supported")
    if not source_container and not target_container:
        raise CliError("must specify at least one container source")
    if not source or not target:
        raise CliError("neither the source nor the destination of a copy can be empty")
    if source_container:
        size = _copy_out(args, client, source_container, source, target)
        where = target
    else:
        size = _copy_in(args, client, source, target_container, target)
        where = f"{target_container}:{target}"
    if target != "-" and not args.on("quiet") and sys.stderr.isatty():
        from ck.cli.output.units import human_size

        sys.stderr.write(f"Successfully copied {human_size(size, 3)} to {where}\n")
    return 0


def _stat(client: Client, container: str, path: str) -> dict[str, Any]:
    archive = f"/containers/{name(container)}/archive"
    try:
        response = client.request("HEAD", archive, {"path": path})
    except ApiError as error:
        # The answer to HEAD has no body to say what is wrong; others have.
        if error.status != 404:
            client.request("GET", archive, {"path": path}).connection.close()
            raise
        client.get(f"/containers/{name(container)}/json")
        raise _NoSuchFile(f"could not find the file {path} in container {container}") from None
    client.release(response.connection)
    stat: dict[str, Any] = loads(a2b_base64(response.headers[STAT_HEADER]))
    return stat


def _resolved(client: Client, container: str, path: str) -> tuple[str, dict[str, Any]]:
    """Path and stat after the symbolic links at its end."""
    for _ in range(MAX_LINKS):
        stat = _stat(client, container, path)
        if not stat["mode"] & SYMLINK:
            return path, stat
        path = posixpath.join(posixpath.dirname(path.rstrip("/")), stat["linkTarget"])
    raise CliError(f"{container}:{path}: too many levels of symbolic links")


def _copy_out(args: Args, client: Client, container: str, path: str, target: str) -> int:
    inside = posixpath.join("/", path)
    if args.on("follow-link"):
        inside, stat = _resolved(client, container, inside)
    else:
        stat = _stat(client, container, inside)
    source = Source(path, directory=bool(stat["mode"] & DIRECTORY))
    # The server sees the plain path: that only the contents are wanted is ours to do.
    query = {"path": posixpath.normpath(inside)}
    if target == "-":
        from ck.cli.terminal.relay import write_all

        for piece in client.request("GET", f"/containers/{name(container)}/archive", query).chunks():
            write_all(1, piece)
        return 0
    destination = Destination(target, exists=os.path.exists(target), directory=os.path.isdir(target))
    directory, top = plan(source, destination)
    if not os.path.isdir(directory):
        raise CliError(f"{directory}: no such directory")
    from ck.cli.commands.container._archive import unpack

    response = client.request("GET", f"/containers/{name(container)}/archive", query)
    try:
        return unpack(response.chunks(), directory, top, owners=args.on("archive"))
    except OSError as error:
        raise CliError(f"cannot unpack into {directory}: {error}") from None


def _copy_in(args: Args, client: Client, source: str, container: str, path: str) -> int:
    inside = posixpath.join("/", path)
    try:
        found, stat = _resolved(client, container, inside)
        destination = Destination(found, exists=True, directory=bool(stat["mode"] & DIRECTORY))
    except _NoSuchFile:
        destination = Destination(inside, exists=False, directory=False)
    if source == "-":
        if not destination.directory:
            raise CliError(f'destination "{container}:{path}" must be a directory')
        from ck.cli.output.upload import pieces

        return _upload(args, client, container, destination.path, pieces("-"))
    if not os.path.lexists(source):
        raise CliError(f"{source}: no such file or directory")
    local = os.path.realpath(source) if args.on("follow-link") else source
    directory = os.path.isdir(local) and (not os.path.islink(local) or source.endswith("/"))
    wanted = Source(source, directory=directory)
    where, top = plan(wanted, destination)
    from ck.cli.commands.container._archive import pack

    own_name = os.path.basename(os.path.abspath(source))
    local = os.path.abspath(local) if wanted.contents or source.endswith("/") else local
    packed = pack(local, "." if top is None else top or own_name, owners=args.on("archive"))
    try:
        return _upload(args, client, container, where, packed)
    except OSError as error:
        raise CliError(f"cannot read {source}: {error}") from None


def _upload(args: Args, client: Client, container: str, directory: str, pieces: Iterable[bytes]) -> int:
    total = 0

    def counted() -> Iterator[bytes]:
        nonlocal total
        for piece in pieces:
            total += len(piece)
            yield piece

    query = {"path": directory, "noOverwriteDirNonDir": True, "copyUIDGID": args.on("archive")}
    response = client.request("PUT", f"/containers/{name(container)}/archive", query, data=counted())
    response.read()
    client.release(response.connection)
    return total

"""CDI's spec files, and the devices that they name."""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ck.kernel.engine.cdi import Edits, NodeEdit, Spec, find_edits, parse_spec
from ck.kernel.engine.devices import Device
from ck.kernel.errors import CkError, InvalidArgument, NotFound

_SUFFIXES: Final = (".json", ".yaml", ".yml")


def cdi_edits(names: Sequence[str], directories: Sequence[Path]) -> Edits:
    """What the devices *names* need. A device is whose file lies in the latest of *directories*; a file that cannot be
    read matters only where a device is not found without it (SPEC.md, "CDI JSON Specification").

    Blocks. Raises: InvalidArgument, Unsupported.
    """
    broken: list[CkError] = []
    try:
        return find_edits(names, list(_specs(directories, broken)))
    except NotFound as error:
        raise InvalidArgument("; ".join(map(str, (error, *broken)))) from error


def _specs(directories: Sequence[Path], broken: list[CkError]) -> Iterator[Spec]:
    for rank, directory in enumerate(directories):
        for path in sorted(directory.glob("*")):
            if path.suffix in _SUFFIXES:
                try:
                    yield parse_spec(_read(path), str(path), rank)
                except CkError as error:
                    broken.append(error)


def _read(path: Path) -> object:
    try:
        text = path.read_text()
        if path.suffix == ".json":
            return json.loads(text)
        import yaml  # here, because few have such files, and the import takes 20 ms

        return yaml.safe_load(text)
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"the CDI file {path} cannot be read: {error}") from error
    except Exception as error:  # yaml's own errors have no common base that is worth an import
        raise InvalidArgument(f"the CDI file {path} is not YAML: {error}") from error


def cdi_devices(edits: Edits) -> list[Device]:
    """The nodes of *edits*, with what they leave to the host's. Blocks. Raises: InvalidArgument."""
    return [_device(node) for node in edits.nodes]


def _device(node: NodeEdit) -> Device:
    try:
        status = Path(node.host_path).stat()
    except OSError as error:
        raise InvalidArgument(f"no such device {node.host_path}: {error.strerror}") from error
    kind = node.kind or ("b" if stat.S_ISBLK(status.st_mode) else "c" if stat.S_ISCHR(status.st_mode) else "")
    if not kind:
        raise InvalidArgument(f"{node.host_path} is not a device node")
    return Device(
        path=node.path,
        kind=kind,
        major=os.major(status.st_rdev) if node.major is None else node.major,
        minor=os.minor(status.st_rdev) if node.minor is None else node.minor,
        mode=stat.S_IMODE(status.st_mode) if node.mode is None else stat.S_IMODE(node.mode),
        uid=status.st_uid if node.uid is None else node.uid,
        gid=status.st_gid if node.gid is None else node.gid,
        access=node.access,
    )

"""The file that says what a volume is: `volume.json` beside its `_data`."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ck.kernel.drivers.volume import DriverVolume
from ck.kernel.errors import CorruptData

DATA: Final = "_data"
_FILE: Final = "volume.json"


def write_record(directory: Path, options: Mapping[str, str], created: datetime) -> None:
    """Write the record of a new volume, onto the disk. Raises: OSError."""
    with (directory / _FILE).open("x", encoding="utf-8") as file:
        json.dump({"options": dict(options), "created": created.isoformat()}, file)
        file.flush()
        os.fsync(file.fileno())


def read_record(directory: Path) -> DriverVolume | None:
    """The volume in *directory*; None where there is none. Raises: CorruptData, OSError."""
    try:
        text = (directory / _FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        record: dict[str, Any] = json.loads(text)
        options = {str(key): str(value) for key, value in record["options"].items()}
        created = datetime.fromisoformat(record["created"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(f"the record of volume {directory.name!r}, {directory / _FILE}, cannot be read") from error
    return DriverVolume(name=directory.name, mountpoint=directory / DATA, created=created, options=options)

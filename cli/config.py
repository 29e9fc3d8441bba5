"""The client's config file, Docker's own: $DOCKER_CONFIG/config.json or ~/.docker/config.json."""

from __future__ import annotations

import os

from ck.cli.client.codec import loads
from ck.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def config_path() -> str:
    """Where the file is, whether or not it exists."""
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    return f"{directory}/config.json"


def read_config() -> dict[str, Any]:
    """The file's content, empty where there is none. Raises: CliError."""
    path = config_path()
    try:
        with open(path, "rb") as file:
            content = loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError:
        return {}  # somebody else's home: as good as none
    except ValueError:
        raise CliError(f"{path} is not JSON") from None  # and what it is may be a secret
    if not isinstance(content, dict):
        raise CliError(f"{path} is not a JSON object")
    return content


def write_config(content: dict[str, Any]) -> None:
    """Replace the file. Raises: OSError."""
    path = config_path()
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    replace(path, content)


def replace(path: str, content: dict[str, Any]) -> None:
    """Put a JSON file in the place of one, at once, mode 0600. Raises: OSError."""
    import json

    fresh = f"{path}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent="\t")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)

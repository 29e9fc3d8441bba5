"""Credentials for a registry, from Docker's config.json of this user and the helper programs that it names."""

import os
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import Unavailable
from ck.plugins.builtin.registry_distribution._docker_config import (
    from_helper,
    helper_for,
    read_config,
    server_key,
    stored,
)

HELPER_SECONDS: Final = 30.0
NOT_FOUND: Final = b"credentials not found"
"""How a helper says that it knows none (docker-credential-helpers, errCredentialsNotFoundMessage)."""


async def find_credentials(registry: str) -> Credentials | None:
    """What `docker login` left for *registry* ("docker.io", "HOST:PORT"), or None.

    Raises: InvalidArgument for a malformed file, Unavailable for a helper that fails.
    """
    path = config_path()
    try:
        raw = await trio.to_thread.run_sync(path.read_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
    config = read_config(raw, str(path))
    if helper := helper_for(config, registry):
        found = await _ask(helper, server_key(registry))
        if found is not None:
            return found
    return stored(config, registry)


def config_path() -> Path:
    """Where Docker keeps its client's config: in $DOCKER_CONFIG, else in ~/.docker."""
    directory = os.environ.get("DOCKER_CONFIG")
    # A service may have no HOME; expanduser then asks the password database.
    return (Path(directory) if directory else Path("~/.docker").expanduser()) / "config.json"


async def _ask(helper: str, server: str) -> Credentials | None:
    try:
        with trio.fail_after(HELPER_SECONDS):
            done = await trio.run_process(
                [helper, "get"], stdin=server.encode(), capture_stdout=True, capture_stderr=True, check=False
            )
    except OSError as error:
        raise Unavailable(f"cannot run {helper}, which config.json names: {error.strerror}") from error
    except trio.TooSlowError:
        raise Unavailable(f"{helper} did not answer within {HELPER_SECONDS:g} s") from None
    if done.returncode == 0:
        return from_helper(done.stdout, helper)
    if NOT_FOUND in done.stdout:
        return None
    said = done.stdout.strip() or done.stderr.strip() or b"exit status %d" % done.returncode
    reason = said.decode(errors="replace")
    raise Unavailable(f"{helper} failed: {reason}")

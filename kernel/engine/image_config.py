"""An image's config, read (OCI image-spec, config.md; Docker's own config has the same shape). Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.api.image import HistoryEntry, Image
from ck.kernel.errors import CorruptData

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_FRACTION: Final = re.compile(r"\.(\d+)")


def read_image(image_id: str, raw: bytes) -> Image:
    """The image whose config is *raw*; sizes, tags and the like are left for the engine. Raises: CorruptData."""
    try:
        document = json.loads(raw)
        return _read(image_id, document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptData(f"the config of image {image_id} cannot be read: {error!r}") from error


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """Chain IDs of layers, lowest first."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(chain_id_of(chain[-1] if chain else None, diff_id))
    return tuple(chain)


def chain_id_of(parent: str | None, diff_id: str) -> str:
    """The chain ID of a layer on the chain ID *parent* (config.md, "Layer ChainID")."""
    return diff_id if parent is None else f"sha256:{sha256(f'{parent} {diff_id}'.encode()).hexdigest()}"


def _read(image_id: str, document: Mapping[str, Any]) -> Image:
    diff_ids = _texts(document["rootfs"]["diff_ids"])
    for diff_id in diff_ids:
        if not _DIGEST.fullmatch(diff_id):
            raise ValueError(f"diff ID {diff_id!r}")
    return Image(
        id=image_id,
        created=_time(document.get("created")),
        author=_text(document.get("author")),
        comment=_text(document.get("comment")),
        architecture=_text(document.get("architecture")),
        variant=_text(document.get("variant")),
        os=_text(document.get("os")) or "linux",
        config=_read_config(document.get("config") or {}),
        history=tuple(_read_history(entry) for entry in document.get("history") or ()),
        diff_ids=diff_ids,
        chain_ids=chain_ids(diff_ids),
    )


def _read_config(config: Mapping[str, Any]) -> ContainerConfig:
    return ContainerConfig(
        user=_text(config.get("User")),
        env=_texts(config.get("Env")),
        cmd=_texts(config["Cmd"]) if config.get("Cmd") else None,
        entrypoint=_texts(config["Entrypoint"]) if config.get("Entrypoint") else None,
        working_dir=_text(config.get("WorkingDir")),
        volumes=tuple(_names(config.get("Volumes"))),
        exposed_ports=tuple(_names(config.get("ExposedPorts"))),
        labels={_text(key): _text(value) for key, value in (config.get("Labels") or {}).items()},
        stop_signal=_text(config.get("StopSignal")),
        shell=_texts(config["Shell"]) if config.get("Shell") else None,
        on_build=_texts(config.get("OnBuild")),
        healthcheck=_read_healthcheck(config.get("Healthcheck")),
    )


def _read_healthcheck(given: Mapping[str, Any] | None) -> HealthcheckConfig | None:
    if not given:
        return None
    return HealthcheckConfig(
        test=_texts(given.get("Test")),
        interval=int(given.get("Interval") or 0),
        timeout=int(given.get("Timeout") or 0),
        start_period=int(given.get("StartPeriod") or 0),
        start_interval=int(given.get("StartInterval") or 0),
        retries=int(given.get("Retries") or 0),
    )


def _read_history(entry: Mapping[str, Any]) -> HistoryEntry:
    return HistoryEntry(
        created=_time(entry.get("created")),
        created_by=_text(entry.get("created_by")),
        author=_text(entry.get("author")),
        comment=_text(entry.get("comment")),
        empty_layer=bool(entry.get("empty_layer")),
    )


def _time(value: object) -> datetime | None:
    """RFC 3339; Go writes nanoseconds, of which Python keeps micros."""
    if not value:
        return None
    shortened = _FRACTION.sub(lambda match: f".{match[1][:6]:<06}", _text(value))
    return datetime.fromisoformat(shortened)


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return tuple(_text(item) for item in value)


def _names(value: object) -> list[str]:
    """The keys of a Go `map[string]struct{}`."""
    if value is None:
        return []
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {value!r}")
    return list(value)

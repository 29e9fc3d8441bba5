"""RUN --mount (reference.md, "RUN --mount")."""

import csv
import posixpath
from collections.abc import Callable
from typing import Final

import attrs

from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean
from ck.kernel.dockerfile.values import parse_bool, parse_size, parse_uint32

TYPES: Final = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING: Final = ("shared", "private", "locked")

_ALIASES: Final = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_KEYS: Final = (
    *("type", "from", "source", "target", "readonly", "readwrite", "required", "id", "sharing", "mode", "uid", "gid"),
    *("size", "env"),
)
_WITHOUT_VALUE: Final = ("readonly", "readwrite", "required")
# Keys that mean something for some types only.
_ONLY_FOR: Final = {
    "required": ("secret", "ssh"),
    "size": ("tmpfs",),
    "env": ("secret",),
    "sharing": ("cache",),
    "mode": ("cache", "secret", "ssh"),
    "uid": ("cache", "secret", "ssh"),
    "gid": ("cache", "secret", "ssh"),
}


@attrs.frozen(kw_only=True)
class Mount:
    """One mount, its defaults filled in. A relative `target` is below the working directory.

    `from_` is "" for the build context. A secret with an `env` has a `target` only if one was given.
    """

    type: str
    source: str = ""
    target: str = ""
    from_: str = ""
    id: str = ""
    read_only: bool = True
    sharing: str = "shared"
    required: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0  # 0: no limit
    env: str = ""


def mount_source(flag: str) -> str:
    """The `from` of a mount, which is never expanded. Raises: DockerfileError for one that holds a variable."""
    source = _options(flag, lambda text: text).get("from") or ""
    if "$" in source[:-1]:
        raise DockerfileError(f"'from' doesn't support variable expansion, define alias stage instead of {source}")
    return source


def parse_mount(flag: str, expand: Callable[[str], str]) -> Mount:
    """The mount that the value *flag* of --mount asks for, with its variables expanded by *expand*.

    Raises: DockerfileError.
    """
    options = _options(flag, expand)
    kind = (options.get("type") or "bind").lower()
    if kind not in TYPES:
        raise DockerfileError(f'unsupported mount type "{kind}"{did_you_mean(kind, TYPES)}')
    for key, kinds in _ONLY_FOR.items():
        if key in options and kind not in kinds:
            raise DockerfileError(f'unexpected key "{key}" for mount type "{kind}"')
    sharing = (options.get("sharing") or "shared").lower()
    if sharing not in SHARING:
        raise DockerfileError(f'unsupported sharing value "{sharing}"{did_you_mean(sharing, SHARING)}')
    mount = Mount(
        type=kind,
        source=options.get("source") or "",
        target=options.get("target") or "",
        from_=options.get("from") or "",
        id=options.get("id") or "",
        read_only=_read_only(options, kind),
        sharing=sharing,
        required="required" in options and _truth(options, "required"),
        mode=_number(options, "mode", 8),
        uid=_number(options, "uid"),
        gid=_number(options, "gid"),
        size=parse_size(options["size"] or "", "size") if "size" in options else 0,
        env=options.get("env") or "",
    )
    return _with_defaults(mount)


def _options(flag: str, expand: Callable[[str], str]) -> dict[str, str | None]:
    """Keys in their long form; None for one without a value. The last of equal keys counts."""
    try:
        fields = next(csv.reader([flag], strict=True), [])
    except csv.Error as error:
        raise DockerfileError(f'cannot read the mount "{flag}": {error}') from error
    options: dict[str, str | None] = {}
    for field in fields:
        written, equals, value = field.partition("=")
        key = _ALIASES.get(written.lower(), written.lower())
        if key not in _KEYS:
            raise DockerfileError(f'unexpected key "{written}" in "{field}"{did_you_mean(written, _KEYS)}')
        if not equals and key not in _WITHOUT_VALUE:
            raise DockerfileError(f'invalid field "{field}": must be a key=value pair')
        options[key] = (value if key == "from" else expand(value)) if equals else None
        if key == "readwrite":
            options["readonly"] = "false" if _truth(options, key) else "true"
    return options


def _read_only(options: dict[str, str | None], kind: str) -> bool:
    return _truth(options, "readonly") if "readonly" in options else kind not in ("cache", "tmpfs")


def _truth(options: dict[str, str | None], key: str) -> bool:
    value = options[key]
    return value is None or parse_bool(value, key)


def _number(options: dict[str, str | None], key: str, base: int = 10) -> int | None:
    return parse_uint32(options[key] or "", key, base) if key in options else None


def _with_defaults(mount: Mount) -> Mount:
    match mount.type:
        case "cache":
            return attrs.evolve(mount, id=mount.id or posixpath.normpath(mount.target))
        case "ssh":
            return attrs.evolve(mount, id=mount.id or "default")
        case "secret":
            return _secret(mount)
        case _:
            return mount


def _secret(mount: Mount) -> Mount:
    if mount.from_:
        raise DockerfileError("a secret mount cannot have a from")
    if mount.source and mount.id:
        raise DockerfileError("both source and id can't be set")
    identity = mount.source or mount.id or posixpath.basename(mount.target)
    if not identity:
        raise DockerfileError("invalid secret mount: one of source, target required")
    target = mount.target or ("" if mount.env else f"/run/secrets/{posixpath.basename(identity)}")
    return attrs.evolve(mount, id=identity, target=target)

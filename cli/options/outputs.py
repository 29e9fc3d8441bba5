"""`--output` of `ck build`: where the result goes."""

from __future__ import annotations

from ck.cli.flags import TRUTHS
from ck.cli.options.fields import split_csv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

STDOUT = "-"
# What each kind takes beside its type. All that BuildKit has beyond that (compression and the like) is refused.
KEYS = {
    "local": ("dest",),
    "tar": ("dest",),
    "docker": ("dest", "name"),
    "oci": ("dest", "name"),
    "image": ("name", "push"),
    "registry": ("name",),
}
ALIASES = {"dst": "dest"}


class Output:
    """`kind` is one of KEYS; `path` a file or directory, STDOUT, or "" where the result is an image of the engine and
    no more; `names` are further names of that image, each of which is pushed with `push`."""

    __slots__ = ("kind", "names", "path", "push")

    def __init__(self, kind: str, path: str = "", names: Sequence[str] = (), *, push: bool = False) -> None:
        self.kind, self.path, self.names, self.push = kind, path, list(names), push


def parse_output(text: str) -> Output:
    """`DIRECTORY`, `-`, or `type=KIND[,dest=PATH][,name=NAME][,push=true]`, a line of CSV in which a quoted name may
    be several. Raises: ValueError."""
    if "=" not in text:
        return Output("tar", STDOUT) if text == STDOUT else Output("local", text)
    fields = _fields(text)
    kind = fields.pop("type", "")
    if kind not in KEYS:
        raise ValueError(f"type must be one of {', '.join(KEYS)}")
    for key in fields:
        if key not in KEYS[kind]:
            raise ValueError(f"type={kind} takes {' and '.join(KEYS[kind])}, not {key}")
    names = [name for name in fields.get("name", "").split(",") if name]
    path = fields.get("dest", "")
    if kind == "local" and path in ("", STDOUT):
        raise ValueError("type=local needs dest=DIRECTORY")
    return Output(
        kind,
        path or (STDOUT if kind in ("tar", "oci") else ""),
        names,
        push=kind == "registry" or _truth(fields.get("push", "false")),
    )


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field in split_csv(text):
        key, equals, value = field.partition("=")
        key = ALIASES.get(key, key)
        if not equals:
            raise ValueError(f"{field} is not of the form KEY=VALUE")
        if key in fields:
            raise ValueError(f"{key} is given more than once")
        fields[key] = value
    return fields


def _truth(value: str) -> bool:
    if value.lower() not in TRUTHS:
        raise ValueError(f"push must be true or false, not {value}")
    return TRUTHS[value.lower()]

"""Parser directives: comments of the form `# key=value` at the very top (reference.md, "Parser directives")."""

import re
from collections.abc import Sequence
from typing import Final

import attrs

from ck.kernel.dockerfile.errors import DockerfileError

_KEY: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_KNOWN: Final = ("syntax", "escape", "check")


@attrs.frozen(kw_only=True)
class Directives:
    """`syntax` and `check` are as written, or None; the build engine decides what they mean."""

    syntax: str | None = None
    escape: str = "\\"
    check: str | None = None


def read_directives(lines: Sequence[str]) -> Directives:
    """The directives at the head of *lines*. They end at the first line that is not one, be it blank or a comment.

    Raises: DockerfileError for one that is given twice, and for an `escape` other than a backslash or a backtick.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        key, equals, value = line.lstrip().partition("=")
        name = key.removeprefix("#").strip().lower()
        value = value.strip()
        if not (key.startswith("#") and equals and value and _KEY.fullmatch(name) and name in _KNOWN):
            break
        if name in found:
            raise DockerfileError(f"only one {name} parser directive can be used", number)
        if name == "escape" and value not in ("\\", "`"):
            raise DockerfileError(f"invalid escape token '{value}' does not match ` or \\", number)
        found[name] = value
    return Directives(**found)

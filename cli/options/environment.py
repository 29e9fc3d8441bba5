"""Environment variables, labels and other KEY=VALUE options, and the files that hold them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BYTE_ORDER_MARK = "\ufeff"


def environment(given: Iterable[str], inherited: Mapping[str, str]) -> list[str]:
    """`-e` values for the API: a bare NAME takes its value from *inherited*; one that is not set there stays bare,
    which removes the image's. Raises: ValueError."""
    result = []
    for variable in given:
        name, equals, _ = variable.partition("=")
        if not name:
            raise ValueError(f"invalid environment variable: {variable}")
        result.append(f"{name}={inherited[name]}" if not equals and name in inherited else variable)
    return result


def parse_env_file(text: str, inherited: Mapping[str, str]) -> list[str]:
    """Lines of an `--env-file`: no quoting, `#` begins a comment line, a bare NAME is taken from *inherited* or left
    out.

    Raises: ValueError.
    """
    result = []
    for line in text.removeprefix(BYTE_ORDER_MARK).splitlines():
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, _ = line.partition("=")
        if not name:
            raise ValueError(f"no variable name on line '{line}'")
        if any(letter.isspace() for letter in name):
            raise ValueError(f"variable '{name}' contains whitespaces")
        if equals:
            result.append(line)
        elif name in inherited:
            result.append(f"{name}={inherited[name]}")
    return result


def parse_label_file(text: str) -> list[str]:
    """Lines of a `--label-file`. Raises: ValueError."""
    return parse_env_file(text, _Empty())


class _Empty(dict[str, str]):
    """Every name is set, to nothing: a bare label has an empty value."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


def pairs(given: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` or `KEY` to a mapping. Raises: ValueError."""
    result = {}
    for pair in given:
        key, _, value = pair.partition("=")
        if not key:
            raise ValueError(f"'{pair}' has no key before the '='")
        result[key] = value
    return result


def strict_pairs(given: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` to a mapping; a bare KEY is an error. Raises: ValueError."""
    for pair in given:
        if "=" not in pair:
            raise ValueError(f"'{pair}' is not of the form KEY=VALUE")
    return pairs(given)

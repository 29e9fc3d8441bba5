"""The functions of Go's text/template and those that Docker adds, and how Go prints values (package fmt, %v)."""

from __future__ import annotations

import json
import re

from ck.cli.output.template.lexer import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Missing:
    """What a map has no entry for: prints as Go's `<no value>` and is false."""

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


def show(value: object, *, nested: bool = False) -> str:
    """*value* as `{{.}}` prints it."""
    if isinstance(value, Missing):
        return "<no value>"
    if value is None:
        return "<nil>" if nested else "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{show(value[key], nested=True)}' for key in sorted(value))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(show(each, nested=True) for each in value)}]"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    """%v of a float: the shortest digits, with an exponent from 1e+21 on."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def to_json(value: object) -> str:
    """Compact JSON; a row of a table becomes an object of its fields, in their order by name, as Go writes a map."""
    if isinstance(value, Missing):
        value = None
    if isinstance(value, dict) and any(map(callable, value.values())):
        value = {key: value[key] for key in sorted(value) if not callable(value[key])}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def printf(template: object, *values: object) -> str:
    """The verbs v s q d x t f and flags and widths; `%%`. Raises: TemplateError."""
    rest = list(values)

    def replace(match: re.Match[str]) -> str:
        flags, verb = match[1], match[2]
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        value = rest.pop(0)
        if verb == "q":
            return json.dumps(show(value), ensure_ascii=False)
        if verb in "dxXocf" and isinstance(value, int | float) and not isinstance(value, bool):
            return f"%{flags}{verb}" % value
        if verb in "vst":
            return f"%{flags}s" % show(value)
        return f"%!{verb}({show(value)})"

    text = re.sub(r"%([-+ #0]*\d*(?:\.\d+)?)([a-zA-Z%])", replace, show(template))
    return text + "".join(f"%!(EXTRA {show(each)})" for each in rest)


def index(value: object, *keys: object) -> object:
    """`index .Map "key" 0`. Raises: TemplateError."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list | tuple | str) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise TemplateError(f"template: error calling index: reflect: slice index out of range: {key}")
            value = ord(value[key]) if isinstance(value, str) else value[key]
        else:
            raise TemplateError("template: error calling index: index of untyped nil or of a value without items")
    return value


def length(value: object) -> int:
    """`len`. Raises: TemplateError."""
    if value is None or isinstance(value, Missing):
        return 0
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict | list | tuple):
        return len(value)
    raise TemplateError(f"template: error calling len: len of type {type(value).__name__}")


def slice_(value: object, *bounds: object) -> object:
    """`slice .List 1 2`. Raises: TemplateError."""
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if not isinstance(value, list | tuple | str) or len(numbers) != len(bounds) or len(bounds) > 2:
        raise TemplateError("template: error calling slice: not a list or a string, or a bound that is no number")
    low, high = [*numbers, *[0, len(value)][len(numbers) :]]
    return value[low:high]


def equal(first: object, *others: object) -> bool:
    """`eq A B...`: A is equal to any of the others."""
    return any(_same(first, other) for other in others)


def _same(one: object, other: object) -> bool:
    if isinstance(one, Missing) or isinstance(other, Missing):
        return one is other or one is None or other is None
    return one == other and (type(one) is type(other) or _numbers(one, other))


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _compare(name: str, test: Callable[[int], bool]) -> Callable[[object, object], bool]:
    def compare(one: object, other: object) -> bool:
        if not (_numbers(one, other) or (isinstance(one, str) and isinstance(other, str))):
            raise TemplateError(f"template: error calling {name}: incompatible types for comparison")
        return test((one > other) - (one < other))  # type: ignore[operator]

    return compare


def join(values: object, separator: object) -> str:
    """`join .List ", "`. Raises: TemplateError."""
    if values is None or isinstance(values, Missing):
        return ""
    if not isinstance(values, list | tuple):
        raise TemplateError("template: error calling join: not a list")
    return show(separator).join(show(each, nested=True) for each in values)


def pad(value: object, before: object, after: object) -> str:
    """Spaces around a text that is not empty."""
    text = show(value)
    return " " * int(show(before)) + text + " " * int(show(after)) if text else text


FUNCTIONS: dict[str, Callable[..., object]] = {
    "eq": equal,
    "ge": _compare("ge", lambda order: order >= 0),
    "gt": _compare("gt", lambda order: order > 0),
    "index": index,
    "join": join,
    "json": to_json,
    "le": _compare("le", lambda order: order <= 0),
    "len": length,
    "lower": lambda value: show(value).lower(),
    "lt": _compare("lt", lambda order: order < 0),
    "ne": lambda one, other: not equal(one, other),
    "not": lambda value: not value,
    "pad": pad,
    "print": lambda *values: "".join(map(show, values)),
    "printf": printf,
    "println": lambda *values: " ".join(map(show, values)) + "\n",
    "slice": slice_,
    "split": lambda value, separator: show(value).split(show(separator)),
    "title": lambda value: re.sub(r"\b[a-z]", lambda match: match[0].upper(), show(value)),
    "truncate": lambda value, size: show(value)[: int(show(size))],
    "upper": lambda value: show(value).upper(),
}

"""Tables of fields: how an object of the API and a value of ours become one another. Pure.

One row names a field of the API, an attribute of ours and the codec between them, so that both directions cannot drift
apart. A field that is in no row and asks for something is refused by name, never ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.errors import InvalidArgument

Json = dict[str, Any]


@attrs.frozen
class Codec:
    """`load` takes a JSON value that is not null and the field's name, for InvalidArgument; `dump` inverts it."""

    load: Callable[[Any, str], Any]
    dump: Callable[[Any], Any]


@attrs.frozen
class Field:
    """`key` as the API spells it."""

    key: str
    attribute: str
    codec: Codec


class Table:
    """The fields of one object."""

    def __init__(self, *fields: Field, ignored: Sequence[str] = ()) -> None:
        """*ignored* are fields by which a client asks for nothing: outputs that it read from us and sends back."""
        self._fields: Final = fields
        # Go reads keys in any case; so do we.
        self._by_key: Final = {field.key.lower(): field for field in fields}
        self._ignored: Final = frozenset(key.lower() for key in ignored)

    def knows(self, key: str) -> bool:
        return key.lower() in self._by_key

    def load(self, json: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Attributes for a constructor; null means the default. Raises: InvalidArgument, naming the field."""
        attributes = {}
        for key, value in json.items():
            field = self._by_key.get(key.lower())
            if field is None:
                if value and key.lower() not in self._ignored:
                    raise InvalidArgument(f"{where}{key} is not supported by this engine: {_brief(value)}")
            elif value is not None:
                attributes[field.attribute] = field.codec.load(value, f"{where}{key}")
        return attributes

    def dump(self, value: object) -> Json:
        return {field.key: field.codec.dump(getattr(value, field.attribute)) for field in self._fields}


def expect_object(value: object, name: str) -> Json:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{name} must be an object, not {_brief(value)}")
    return value


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _same(value: Any) -> Any:
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a string, not {_brief(value)}")
    if "\0" in value:
        # It ends up in an argument, a path or a file of the container, none of which can hold it.
        raise InvalidArgument(f"{name} must not contain a NUL byte: {_brief(value)}")
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name} must be true or false, not {_brief(value)}")
    return value


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument(f"{name} must be a whole number, not {_brief(value)}")
    if not -(1 << 63) <= value < 1 << 63:
        raise InvalidArgument(f"{name} is out of range: {_brief(value)}")
    return value


def _words(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidArgument(f"{name} must be a list of strings, not {_brief(value)}")
    return tuple(_text(word, name) for word in value)


def _command(value: object, name: str) -> tuple[str, ...]:
    """Docker's StrSlice: one string is a list of one."""
    return (_text(value, name),) if isinstance(value, str) else _words(value, name)


def _keys(value: object, name: str) -> tuple[str, ...]:
    return tuple(_text(key, name) for key in expect_object(value, name))


def _text_map(value: object, name: str) -> dict[str, str]:
    entries = expect_object(value, name).items()
    return {_text(key, name): _text(text, f"{name}.{key}") for key, text in entries}


def _pair(value: object, name: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidArgument(f"{name} must be two whole numbers, not {_brief(value)}")
    rows, columns = (_number(number, name) for number in value)
    if not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise InvalidArgument(f"{name} is out of range: {_brief(value)}")
    return rows, columns


def _maybe_list(value: Sequence[Any] | None) -> list[Any] | None:
    return None if value is None else list(value)


def none_if(*values: object) -> Codec:
    """A whole number, of which *values* mean the same as null."""

    def load(value: object, name: str) -> int | None:
        number = _number(value, name)
        return None if number in values else number

    return Codec(load, _same)


def object_list(load: Callable[[Json, str], Any], dump: Callable[[Any], Json], *, null: bool = False) -> Codec:
    """A list of objects; an empty one is dumped as null if *null*."""

    def load_all(value: object, name: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InvalidArgument(f"{name} must be a list of objects, not {_brief(value)}")
        return tuple(
            load(expect_object(item, f"{name}[{index}]"), f"{name}[{index}].") for index, item in enumerate(value)
        )

    return Codec(load_all, lambda values: [dump(value) for value in values] or (None if null else []))


def object_of(table: Table, cls: Callable[..., Any]) -> Codec:
    """A nested object with a table of its own."""
    return Codec(lambda value, name: cls(**table.load(expect_object(value, name), f"{name}.")), table.dump)


TEXT: Final = Codec(_text, _same)
FLAG: Final = Codec(_flag, _same)
MAYBE_FLAG: Final = FLAG
NUMBER: Final = Codec(_number, _same)
MAYBE_NUMBER: Final = NUMBER
WORDS: Final = Codec(_words, list)
WORDS_OR_NULL: Final = Codec(_words, lambda words: list(words) or None)  # as Go prints a nil slice
MAYBE_WORDS: Final = Codec(_words, _maybe_list)  # null and [] differ
COMMAND: Final = Codec(_command, _maybe_list)
KEYS: Final = Codec(_keys, lambda keys: {key: {} for key in keys})
KEYS_OR_NULL: Final = Codec(_keys, lambda keys: {key: {} for key in keys} or None)
TEXT_MAP: Final = Codec(_text_map, dict)
PAIR: Final = Codec(_pair, list)

"""Read a JSON-shaped spec without ignoring any of it."""

from collections.abc import Mapping
from typing import Any, Self

from ck.kernel.errors import InvalidArgument, Unsupported


class Section:
    """One object of the OCI runtime spec. Each getter takes a member out and checks its type; what is left at the end
    of the `with` block and is not empty is a feature that nobody implements: Unsupported, by name."""

    def __init__(self, value: object, path: str = "") -> None:
        if value is not None and not isinstance(value, Mapping):
            raise InvalidArgument(f"{path or 'the runtime spec'} must be an object, not {value!r}")
        self._left: dict[str, Any] = dict(value or {})
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, traceback: object) -> None:
        if kind is not None:
            return
        for key, left in self._left.items():
            if left is not None and left is not False and left not in ("", [], {}, ()):
                raise Unsupported(f"the native runtime does not support {self.name(key)} of the runtime spec: {left!r}")

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def name(self, key: str) -> str:
        """What messages call the member *key*."""
        return f"{self._path}.{key}" if self._path else key

    def anything(self, key: str) -> Any:
        """The member as it is, None where there is none."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str:
        """A string without NUL bytes; "" where there is none."""
        return self._checked_text(self._left.pop(key, None) or "", self.name(key))

    def flag(self, key: str) -> bool:
        return bool(self._checked(key, bool))

    def integer(self, key: str) -> int | None:
        value: int | None = self._checked(key, int)
        return value

    def texts(self, key: str) -> list[str]:
        return [self._checked_text(item, self.name(key)) for item in self._list(key)]

    def integers(self, key: str) -> list[int]:
        items = self._list(key)
        for item in items:
            if type(item) is not int:
                raise InvalidArgument(f"{self.name(key)} of the runtime spec must hold numbers, not {item!r}")
        return items

    def mapping(self, key: str) -> dict[str, str]:
        """A mapping of strings to strings."""
        value = Section(self._left.pop(key, None), self.name(key))
        return {name: value.text(name) for name in list(value._left)}

    def section(self, key: str) -> "Section":
        """An object; one that is not there is empty."""
        return Section(self._left.pop(key, None), self.name(key))

    def sections(self, key: str) -> list["Section"]:
        return [Section(item, f"{self.name(key)}[{place}]") for place, item in enumerate(self._list(key))]

    def _list(self, key: str) -> list[Any]:
        value = self._left.pop(key, None)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise InvalidArgument(f"{self.name(key)} of the runtime spec must be a list, not {value!r}")
        return list(value)

    def _checked(self, key: str, kind: type[Any]) -> Any:
        value = self._left.pop(key, None)
        # bool is an int to Python, not to JSON.
        if value is not None and type(value) is not kind:
            raise InvalidArgument(f"{self.name(key)} of the runtime spec must be a {kind.__name__}, not {value!r}")
        return value

    def _checked_text(self, value: object, name: str) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise InvalidArgument(f"{name} of the runtime spec must be text without NUL bytes, not {value!r}")
        return value

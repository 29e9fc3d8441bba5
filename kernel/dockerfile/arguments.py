"""The ways in which the rest of a statement is split into arguments. Quotes stay: `words` takes them away."""

import json
import re
from typing import Any, Final

from ck.kernel.dockerfile.errors import DockerfileError

_BLANKS: Final = re.compile(r"[\t\v\f\r ]+")


def json_words(rest: str) -> tuple[str, ...] | None:
    """The strings of a JSON array: the exec form. None where *rest* is no JSON array, and so in the shell form.

    Raises: DockerfileError for an array that holds something else.
    """
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest)
    except (ValueError, RecursionError):  # RecursionError: nested deeper than anything honest
        return None
    if not all(isinstance(word, str) for word in words):
        raise DockerfileError("when using JSON array syntax, arrays must be comprised of strings only")
    return tuple(words)


def command_line(rest: str) -> dict[str, Any]:
    """`args` and `shell` of a Command: of the exec form if *rest* is JSON. Raises: DockerfileError."""
    words = json_words(rest)
    return {"args": words, "shell": False} if words is not None else {"args": (rest,) if rest else (), "shell": True}


def blank_words(rest: str) -> tuple[str, ...]:
    """*rest* split at blanks, quoted or not."""
    return tuple(_BLANKS.split(rest)) if rest else ()


def quoted_words(rest: str, escape: str) -> tuple[str, ...]:
    """*rest* split at white space outside quotes. Within single quotes nothing is an escape."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    skip = False
    for index, char in enumerate(rest):
        if skip:
            word.append(char)
            skip = False
        elif not quote and char.isspace():
            if word:
                words.append("".join(word))
                word = []
        elif char == escape and quote != "'":
            # One at the very end escapes nothing and is dropped.
            if skip := index + 1 < len(rest):
                word.append(char)
        else:
            word.append(char)
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
    if word:
        words.append("".join(word))
    return tuple(words)


def pairs(rest: str, escape: str, keyword: str) -> tuple[tuple[str, str], ...]:
    """`name=value ...`, or the old form `name value` with the value up to the end of the line.

    Raises: DockerfileError for a name without a value, a blank name, and none at all.
    """
    words = quoted_words(rest, escape)
    if not words:
        raise DockerfileError(f"{keyword} requires at least one argument")
    if "=" not in words[0]:
        name, *value = _BLANKS.split(rest, maxsplit=1)
        if not value:
            raise DockerfileError(f"{keyword} must have two arguments")
        return ((name, value[0]),)
    found = []
    for word in words:
        name, equals, value_text = word.partition("=")
        if not equals:
            raise DockerfileError(f'can\'t find = in "{word}": {keyword} must be of the form name=value')
        if not name:
            raise DockerfileError(f"{keyword} names can not be blank")
        found.append((name, value_text))
    return tuple(found)

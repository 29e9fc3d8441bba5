"""The error that ends the child."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class StepFailed(Exception):
    """A step did not succeed. `message` is one plain sentence for the user; `exit_code` is 125, 126 or 127
    (StartFailed)."""

    def __init__(self, message: str, *, errno: int = 0, exit_code: int = 125) -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.exit_code = exit_code


def reason(exc: OSError) -> str:
    """The kernel's word for it, in the middle of a sentence: "no such file or directory"."""
    text = os.strerror(exc.errno or 0)
    return text[:1].lower() + text[1:]


def quote(text: str) -> str:
    """As messages show a path or an argument."""
    return '"' + text.encode("utf-8", "replace").decode() + '"'


@contextmanager
def doing(what: str, *, but: tuple[type[OSError], ...] = ()) -> Iterator[None]:
    """Turn an OSError within into "cannot *what*: reason", unless it is one of *but*, which say more."""
    try:
        yield
    except OSError as exc:
        if isinstance(exc, but):
            raise
        raise StepFailed(f"cannot {what}: {reason(exc)}", errno=exc.errno or 0) from exc

"""Faults that pass, and how long to be patient with them. Pure."""

import json
from typing import Final

from ck.kernel.errors import Unavailable

MAX_DELAY: Final = 30.0
MAX_RETRY_AFTER: Final = 120.0
"""Seconds. A registry that asks for more has a quota that is used up: its words reach the user at once instead."""

PROGRESS_BYTES: Final = 64 << 10
TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_MESSAGE: Final = 300


class TryAgain(Unavailable):
    """A passing fault. `after` are the seconds that the server asks to wait, if it does."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Patience:
    """Bounds the tries in a row that bring nothing: exponential backoff with jitter, or what the server asks for."""

    def __init__(self, attempts: int, backoff: float) -> None:
        self._attempts, self._backoff = attempts, backoff
        self._failed = self._received = 0

    def received(self, count: int) -> None:
        """Bytes have arrived. Enough of them, and the next fault counts as the first."""
        self._received += count
        if self._received >= PROGRESS_BYTES:
            self._failed = self._received = 0

    def delay(self, fault: TryAgain, jitter: float) -> float:
        """Seconds to wait after *fault*; *jitter* is in [0, 1), so that many clients do not come back as one.

        Raises: *fault*, where it is time to give up.
        """
        self._failed += 1
        if self._failed >= self._attempts or (fault.after or 0) > MAX_RETRY_AFTER:
            raise fault
        backoff = min(MAX_DELAY, self._backoff * 2.0 ** (self._failed - 1)) * (0.5 + jitter / 2)
        return backoff if fault.after is None else fault.after + backoff


def error_message(body: bytes) -> str:
    """What an error's body says (distribution spec, "Error Codes"), else its first line; "" if it says nothing."""
    try:
        errors = json.loads(body)["errors"]
        told = [str(error.get("message") or error.get("code") or "") for error in errors]
        text = "; ".join(dict.fromkeys(filter(None, told)))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        text = body.decode(errors="replace").strip().partition("\n")[0]
        text = "" if text.startswith(("<", "{", "[")) else text
    return "".join(character for character in text if character.isprintable())[:MAX_MESSAGE]

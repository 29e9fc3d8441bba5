"""The messages of a pull or a push: shown, or only waited for."""

from __future__ import annotations

from ck.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO


def follow(messages: Iterable[dict[str, Any]], out: TextIO | None) -> None:
    """Take all of *messages*, and show them on *out* (None: quiet). Raises: CliError for one that carries an error."""
    if out is not None:
        from ck.cli.terminal.progress import Progress

        Progress(out).show(messages)
        return
    for message in messages:
        if error := message.get("error"):
            raise CliError(str(error))

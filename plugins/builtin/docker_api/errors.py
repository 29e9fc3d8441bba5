"""The only place where an error becomes a number, and the words that clients of Docker look for."""

import json
from collections.abc import Mapping
from typing import Final

from ck.kernel.errors import (
    CkError,
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    StartFailed,
    Unauthorized,
    Unavailable,
    Unsupported,
)

STATUS: Final[Mapping[type[BaseException], int]] = {
    InvalidArgument: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unsupported: 501,
    Unavailable: 503,
}

# The docker client derives its exit status from these words in the message (docker/cli, command/container/run.go).
_START_WORDS: Final[Mapping[int, tuple[str, ...]]] = {
    127: ("executable file not found", "no such file or directory"),
    126: ("permission denied", "is a directory"),
}


def cause_of(exc: BaseException) -> BaseException:
    """The error that a person should hear of: the first CkError in a group, else the group's first error."""
    if not isinstance(exc, BaseExceptionGroup):
        return exc
    causes = [cause_of(inner) for inner in exc.exceptions]
    return next((cause for cause in causes if isinstance(cause, CkError)), causes[0])


def status_of(exc: BaseException) -> int:
    """The HTTP status that tells a client of *exc*. As in Docker, a program that cannot be executed is the caller's
    mistake (400); any other failed start is the engine's (500)."""
    if isinstance(exc, StartFailed):
        return 400 if exc.exit_code in _START_WORDS else 500
    return next((STATUS[cls] for cls in type(exc).__mro__ if cls in STATUS), 500)


def message_of(exc: BaseException) -> str:
    """The sentence for the client; what is not a CkError is a bug, of which only the log tells more."""
    if not isinstance(exc, CkError):
        return f"internal error ({type(exc).__name__}); the log of ckd has the details"
    message = str(exc) or type(exc).__name__
    if isinstance(exc, StartFailed):
        words = _START_WORDS.get(exc.exit_code, ())
        if words and not any(word in message for word in words):
            return f"{message} ({words[0]})"
    return message


def error_json(exc: BaseException) -> bytes:
    """Docker's ErrorResponse. A failed start also carries the exit code that a shell would give, and the sentence as it
    is, without words for the docker client."""
    error: dict[str, object] = {"message": message_of(exc)}
    if isinstance(exc, StartFailed):
        error |= {"exitCode": exc.exit_code, "sentence": exc.message}
    return json.dumps(error).encode() + b"\n"


def message_json(message: str) -> bytes:
    """Docker's ErrorResponse for what no exception of ours tells."""
    return json.dumps({"message": message}).encode() + b"\n"

"""What ends a command early: a sentence for stderr and the exit code that goes with it."""

from __future__ import annotations


class CliError(Exception):
    """Printed as `ck: MESSAGE`; *exit_code* None leaves the choice to the command."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(CliError):
    """The command line is wrong. Docker's codes: 125 for a bad flag, 1 for a wrong number of arguments."""


class ApiError(CliError):
    """The engine answered with an error. *exit_code* is set where the engine named one (a program that did not
    start)."""

    def __init__(self, status: int, message: str, exit_code: int | None = None) -> None:
        super().__init__(message, exit_code)
        self.status = status


class ConnectionFailed(CliError):
    """Nobody answers at the socket, or the answer broke off."""

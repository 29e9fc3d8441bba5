"""Signals as people write them."""

import signal

from ck.kernel.errors import InvalidArgument


def signal_number(name: str) -> int:
    """ "TERM", "SIGTERM", "15", "RTMIN+3" as a number. Raises: InvalidArgument."""
    upper = name.upper().removeprefix("SIG")
    base, plus, offset = upper.partition("+") if "+" in upper else upper.partition("-")
    try:
        number = int(upper) if upper.isdigit() else int(signal.Signals[f"SIG{base}"])
        if plus:
            number += int(offset) if plus == "+" else -int(offset)
    except (KeyError, ValueError) as error:
        raise InvalidArgument(f"invalid signal: {name}") from error
    if not 1 <= number < signal.NSIG:
        raise InvalidArgument(f"invalid signal: {name}")
    return number

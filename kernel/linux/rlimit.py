"""Resource limits by name (getrlimit(2)). The calls themselves are those of the standard module `resource`."""

import resource
from typing import Final

RLIMITS: Final = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
"""Number by name, as asm-generic/resource.h has them."""

INFINITY: Final = (1 << 64) - 1
"""RLIM_INFINITY as the OCI spec writes it: an unsigned 64-bit number. `resource` says -1."""


def hard_limits() -> dict[str, int]:
    """The hard limit of each resource for this process; INFINITY for none."""
    return {name: resource.getrlimit(number)[1] & INFINITY for name, number in RLIMITS.items()}


def set_limit(number: int, soft: int, hard: int) -> None:
    """setrlimit(2); INFINITY for no limit."""
    resource.setrlimit(number, (_signed(soft), _signed(hard)))


def _signed(value: int) -> int:
    return -1 if value == INFINITY else value

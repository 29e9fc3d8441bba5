"""Names and IDs: checked, made up, and looked up by prefix."""

import re
import secrets
from collections.abc import Collection, Iterable
from typing import Final

from ck.kernel.errors import Conflict, InvalidArgument

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_HEX: Final = re.compile(r"[0-9a-f]{1,64}")

_ADJECTIVES: Final = (
    "able brave bright brisk calm candid clever cosy deft eager earnest fair fleet frank gentle glad hardy honest "
    "jolly keen kind lively loyal lucid mellow merry modest neat nimble noble patient placid plucky proud quick quiet "
    "ready sage serene sharp sincere sound spry steady stoic sturdy sunny swift tender tidy trusty upbeat vivid warm "
    "wise witty zesty"
).split()
_PEOPLE: Final = (
    "abel ampere archimedes babbage bardeen bell bohr boole bose cantor cerf chandra curie darwin dijkstra dirac "
    "einstein engelbart euclid euler faraday fermat fermi feynman franklin galileo galois gauss goldberg hamilton "
    "hawking herschel hopper hypatia johnson joliot kepler khorana kowalevski lamarr lamport leibniz liskov lovelace "
    "maxwell mcclintock meitner mendel mirzakhani newton noether pascal pasteur perlman planck poincare ramanujan ride "
    "ritchie rubin shannon sutherland tesla thompson torvalds turing villani volta wiles wilson wozniak wu yalow"
).split()


def check_name(name: str) -> str:
    """Return *name* without a leading slash. Raises: InvalidArgument if it cannot name a container."""
    bare = name.removeprefix("/")
    if not _NAME.fullmatch(bare):
        raise InvalidArgument(f"invalid container name {name!r}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return bare


def new_id() -> str:
    """64 hex digits.

    One of digits only would read as a number where a PID or a port may stand, so it is drawn again.
    """
    while True:
        candidate = secrets.token_hex(32)
        if not candidate[:12].isdigit():
            return candidate


def new_name(taken: Collection[str]) -> str:
    """A free name, such as "keen_lovelace"."""
    while True:
        name = f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_PEOPLE)}"
        if name not in taken:
            return name
        name += str(secrets.randbelow(10_000))
        if name not in taken:
            return name


def by_prefix(prefix: str, ids: Iterable[str], noun: str) -> str | None:
    """The only one of *ids* that begins with *prefix*, or None. Raises: Conflict if there are several."""
    if not _HEX.fullmatch(prefix):
        return None
    found = [candidate for candidate in ids if candidate.startswith(prefix)]
    if len(found) > 1:
        raise Conflict(f"{noun} ID prefix {prefix!r} is ambiguous: {len(found)} match")
    return found[0] if found else None


def container_of(mode: str) -> str | None:
    """The ref in a namespace mode "container:REF", else None."""
    return mode.removeprefix("container:") if mode.startswith("container:") else None

"""Whose files are, where a container's users are others than the host's."""

from dataclasses import dataclass
from typing import Final

_NOBODY: Final = 65534  # as the kernel shows an ID that has no place in a namespace (user_namespaces(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The container's IDs are *size* of the host's, from *first* on; by default they are the host's."""

    first: int = 0
    size: int = 2**32 - 1

    def inside(self, outside: int) -> int:
        """What the container calls the host's ID *outside*."""
        inside = outside - self.first
        return inside if 0 <= inside < self.size else _NOBODY

    def outside(self, inside: int) -> int:
        """What the host calls the container's ID *inside*, which may be one that the container cannot have."""
        return self.first + inside


HOST: Final = Owners()

"""Whose files are, where a container's users are others than the host's."""

from dataclasses import dataclass
from typing import Final

_NOBODY: Final = 65534  # as the kernel shows an ID that has no place in a namespace (user_namespaces(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The container's IDs are *size* of the host's, from *first* on; by default they are the host's. Those from *size*
    on are higher by *others*, if that is not 0."""

    first: int = 0
    size: int = 2**32 - 1
    others: int = 0

    def inside(self, outside: int) -> int:
        """What the container calls the host's ID *outside*."""
        if self.others and outside >= self.others + self.size:
            return outside - self.others
        inside = outside - self.first
        return inside if 0 <= inside < self.size else _NOBODY

    def outside(self, inside: int) -> int:
        """What the host calls the container's ID *inside*, which may be one that the container cannot have."""
        return inside + (self.others if self.others and inside >= self.size else self.first)


HOST: Final = Owners()

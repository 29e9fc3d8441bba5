"""What an operation under way counts on, by ID."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Pins:
    """A count of holders by ID."""

    def __init__(self) -> None:
        self._holders: Counter[str] = Counter()

    @contextmanager
    def hold(self, ids: Sequence[str]) -> Iterator[None]:
        """Count as one more holder of each of *ids* while the block runs."""
        self._holders.update(ids)
        try:
            yield
        finally:
            self._holders.subtract(ids)
            self._holders += Counter()  # forgets those that nobody holds any more

    def held(self) -> set[str]:
        """The IDs that somebody holds."""
        return set(self._holders)

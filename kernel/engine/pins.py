"""Layers that an operation under way counts on, though no record names them yet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Pins:
    """A count of holders by chain ID."""

    def __init__(self) -> None:
        self._holders: Counter[str] = Counter()

    @contextmanager
    def hold(self, chain_ids: Sequence[str]) -> Iterator[None]:
        """Keep the layers from being removed while the block runs."""
        self._holders.update(chain_ids)
        try:
            yield
        finally:
            self._holders.subtract(chain_ids)

    def held(self) -> set[str]:
        """The chain IDs that somebody holds."""
        return {chain_id for chain_id, holders in self._holders.items() if holders > 0}

"""One at a time for each key."""

from weakref import WeakValueDictionary

import trio


class Turns:
    """Locks by key, which are there only while somebody holds or awaits them: they hold their lock themselves."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> trio.Lock:
        """To be entered at once."""
        return self._locks.setdefault(key, trio.Lock())

    def taken(self, key: str) -> bool:
        """Whether a turn would have to be waited for."""
        lock = self._locks.get(key)
        return lock is not None and lock.locked()

"""The engine's own table of nftables, kept as the books say. Everything blocks: for worker threads."""

import errno
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from ck.kernel.errors import Conflict
from ck.kernel.linux.nftables.connection import Nftables
from ck.kernel.linux.nftables.messages import INET, OWNER, PERSIST, Message, Table
from ck.plugins.builtin.network_bridge._ruleset import BridgeRules, Pairs, add_bridge, remove_bridge, whole
from ck.plugins.builtin.network_bridge.neighbours import open_ways

log: Final = logging.getLogger(__name__)
_NO_FLAGS: Final = 0


class Firewall:
    """One table and what is in it. The table is made when something is to be in it.

    *marker* is a file on tmpfs: it says that a table of this name, where there is one, is ours. *books* gives the
    elements of all that is published, for when the table is made anew.
    """

    def __init__(
        self, table: str, marker: Path, books: Callable[[], Iterable[Pairs]], *, respect_host: bool = False
    ) -> None:
        self._table, self._marker, self._respect_host = Table(INET, table), marker, respect_host
        self._lock = threading.Lock()
        self._nftables: Nftables | None = None
        self._flags = OWNER | PERSIST
        self._bridges: dict[str, BridgeRules] = {}
        self._books = books

    def close(self) -> None:
        """The rules stay."""
        with self._lock:
            if self._nftables is not None:
                self._nftables.close()
                self._nftables = None

    def add_bridge(self, rules: BridgeRules) -> None:
        """Raises: Conflict where somebody else has the table, from here and from the others."""
        with self._lock:
            if self._bridges.get(rules.name) == rules:
                return
            messages = list(add_bridge(self._table, rules))
            self._change(messages, lambda: messages)
            self._bridges[rules.name] = rules

    def remove_bridge(self, name: str) -> None:
        """Success where there is none."""
        with self._lock:
            if (rules := self._bridges.get(name)) is not None:
                messages = list(remove_bridge(self._table, rules))
                self._change(messages, lambda: messages)
                del self._bridges[name]

    def publish(self, old: Pairs, new: Pairs) -> None:
        """Have the elements *new* in place of *old*, in one transaction. The books have neither meanwhile."""
        if old == new:
            return
        gone = {
            name: [key for key, value in pairs.items() if new.get(name, {}).get(key) != value]
            for name, pairs in old.items()
        }
        added = {
            name: {key: value for key, value in pairs.items() if old.get(name, {}).get(key) != value} if old else pairs
            for name, pairs in new.items()
        }
        messages = [message for name, keys in gone.items() for message in self._table.delete_elements(name, keys)]
        messages += self._additions(added)
        with self._lock:
            self._change(messages, lambda: self._additions(new))

    def _additions(self, pairs: Pairs) -> list[Message]:
        return [
            message
            for name, elements in pairs.items()
            for message in self._table.add_pairs(name, elements, exclusive=True)
        ]

    def reset(self, bridges: Iterable[BridgeRules]) -> None:
        """Have these bridges, and the elements that the books say, and nothing else."""
        with self._lock:
            self._bridges = {rules.name: rules for rules in bridges}
            if self._bridges or self._marker.exists():
                self._rebuild()

    def restore(self) -> bool:
        """Make the table again where somebody has removed it, and the ways through the tables of others; whether the
        table was gone."""
        with self._lock:
            if self._nftables is None:
                return False
            open_ways(self._nftables, self._table.name)
            if self._nftables.exists(self._table.get()):
                return False
            self._rebuild()
            return True

    def _change(self, messages: Sequence[Message], again: Callable[[], Sequence[Message]]) -> None:
        """*again* makes what is to be done where the table has been made anew of the books."""
        if self._nftables is None:
            self._rebuild()
        assert self._nftables is not None
        try:
            self._nftables.commit(messages)
        except OSError as error:
            # Somebody has removed the table, or what was in it: the books say what belongs there.
            if error.errno not in (errno.ENOENT, errno.EEXIST):
                raise
            log.warning("table %s was changed by somebody else; it is made anew", self._table.name)
            self._rebuild()
            self._nftables.commit(again())

    def _rebuild(self) -> None:
        if self._nftables is None:
            nftables = Nftables()
            try:
                self._claim(nftables)
            except BaseException:
                nftables.close()
                raise
            self._nftables = nftables
        self._commit_whole(self._nftables, self._flags)
        open_ways(self._nftables, self._table.name)

    def _claim(self, nftables: Nftables) -> None:
        if not self._marker.exists() and nftables.exists(self._table.get()):
            # Where the directory of our state is gone, an engine before may have left it: the kernel lets a table be
            # claimed that was made to be owned and whose owner is gone, and no other.
            try:
                nftables.commit([self._table.create(OWNER | PERSIST)])
            except OSError as error:
                raise Conflict(
                    f"this host has a table of nftables named {self._table.name} that is not this engine's: if another "
                    f"engine does not need it, remove it, or choose another name by the option `table` of the network "
                    f"driver bridge"
                ) from error
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()

    def _commit_whole(self, nftables: Nftables, flags: int) -> None:
        try:
            nftables.commit(
                whole(self._table, flags, self._bridges.values(), self._books(), respect_host=self._respect_host)
            )
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL) and flags != _NO_FLAGS:
                # Linux before 6.9 has no tables that outlive their owner: there, who removes ours is undone
                # (`restore`).
                self._flags = _NO_FLAGS
                self._commit_whole(nftables, _NO_FLAGS)
                return
            if error.errno == errno.EPERM:
                raise Conflict(
                    f"the table {self._table.name} of nftables belongs to another running program"
                ) from error
            raise

"""Beside the firewalls of others: to accept a packet in our table does not save it from a chain of another that drops.

Docker, ufw, firewalld and others drop what they do not know in their forward chain. There our bridges, whose names
begin with "ck", are let through by two rules; what may really pass our own table decides.
"""

import logging
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ck.kernel.linux.nftables.attributes import parse
from ck.kernel.linux.nftables.connection import Nftables
from ck.kernel.linux.nftables.expressions import ACCEPT, META_IIFNAME, META_OIFNAME, equal, meta, verdict
from ck.kernel.linux.nftables.messages import INET, IPV4, IPV6, Point, Table, list_chains

log: Final = logging.getLogger(__name__)
_OUR_LINKS: Final = b"ck"
_COMMENT: Final = b"ck: bridges of containers"
_MARK: Final = (
    bytes([0, len(_COMMENT) + 1]) + _COMMENT + b"\0"
)  # a comment, as nft writes it (NFTNL_UDATA_RULE_COMMENT)
_FOR_USERS: Final = "DOCKER-USER"
"""The chain that Docker asks first and leaves to others."""
_FIREWALLD: Final = ("firewalld", "filter_FORWARD")
_DROPS: Final = 0  # NF_DROP


class _Chain(NamedTuple):
    table: str
    name: str
    hook: int | None
    policy: int | None


def open_ways(nftables: Nftables, our_table: str) -> None:
    """Let our bridges through every other table whose forward chain drops what it does not know. Idempotent."""
    for family in (IPV4, IPV6, INET):
        chains = [chain for chain in _chains(nftables, family) if chain.table != our_table]
        for table in dict.fromkeys(chain.table for chain in chains):
            mine = [chain for chain in chains if chain.table == table]
            closed = [each for each in mine if each.hook == Point.FORWARD and _is_closed(each)]
            for_users = [each for each in mine if each.name == _FOR_USERS]
            for chain in (for_users or closed) if closed else ():
                _let_through(nftables, Table(family, table), chain.name)


def _is_closed(chain: _Chain) -> bool:
    """Whether it drops what it does not know: by its policy, or as firewalld does, by its last rule."""
    return chain.policy == _DROPS or (chain.table, chain.name) == _FIREWALLD


def _let_through(nftables: Nftables, table: Table, chain: str) -> None:
    try:
        if any(rule.get(_RULE_USERDATA, b"").startswith(_MARK) for rule in nftables.dump(table.list_rules(chain))):
            return
        nftables.commit(
            table.insert_rule(chain, meta(direction), equal(_OUR_LINKS), verdict(ACCEPT), mark=_MARK)
            for direction in (META_IIFNAME, META_OIFNAME)
        )
    except OSError as error:
        # It belongs to a program that guards it, or is gone meanwhile.
        log.warning("containers may not pass chain %s of table %s: %s", chain, table.name, error.strerror)


_RULE_USERDATA: Final = 7


def _chains(nftables: Nftables, family: int) -> Iterator[_Chain]:
    for found in nftables.dump(list_chains(family)):
        hook = parse(found[4]).get(1) if 4 in found else None
        yield _Chain(_text(found[1]), _text(found[3]), _number(hook), _number(found.get(5)))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _number(value: bytes | None) -> int | None:
    return None if value is None else int(struct.unpack(">I", value)[0])

"""What is answered from the directory of names alone, and what is not. Pure."""

import socket
from collections.abc import Iterator, Sequence

from ck.kernel.drivers.resolver import Directory
from ck.plugins.builtin.resolver_dns._message import (
    AAAA,
    CLASS_IN,
    NO_ERROR,
    NO_SUCH_NAME,
    NOT_IMPLEMENTED,
    PTR,
    A,
    Question,
    reverse_address,
    write_answer,
    write_name,
)


def local_answer(
    directory: Directory, container_id: str, search: Sequence[str], query: bytes, question: Question, limit: int
) -> bytes | None:
    """The answer to what containers know of one another; None where somebody else is to be asked.

    *search* are the container's search domains: a name of a container with one of them behind it is the container's.
    """
    if not question.is_query:
        return write_answer(query, question, NOT_IMPLEMENTED, limit=limit)
    if question.kind_class != CLASS_IN:
        return None
    if question.kind == PTR and (address := reverse_address(question.name)) is not None:
        names = directory.names(container_id, address)
        if names is None:
            # Nobody outside knows the containers' own addresses.
            inside = directory.covers(container_id, address)
            return write_answer(query, question, NO_SUCH_NAME, limit=limit) if inside else None
        return write_answer(query, question, NO_ERROR, [write_name(name) for name in names], limit=limit)
    for name in _candidates(question.name, search):
        addresses = directory.addresses(container_id, name)
        if addresses is not None:
            return write_answer(query, question, NO_ERROR, _records(addresses, question.kind), limit=limit)
    return None


def _candidates(name: str, search: Sequence[str]) -> Iterator[str]:
    yield name
    for domain in search:
        suffix = f".{domain.lower().strip('.')}"
        if len(suffix) > 1 and name.endswith(suffix):
            yield name.removesuffix(suffix)


def _records(addresses: Sequence[str], kind: int) -> Sequence[bytes]:
    """None of a kind that containers have not: the name is there all the same."""
    # Not by ipaddress, which would take most of the time that an answer takes.
    if kind == A:
        return [socket.inet_aton(address) for address in addresses if ":" not in address]
    if kind == AAAA:
        return [socket.inet_pton(socket.AF_INET6, address) for address in addresses if ":" in address]
    return []

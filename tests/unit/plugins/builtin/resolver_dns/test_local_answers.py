import ipaddress
import struct
from collections.abc import Sequence

from ck.plugins.builtin.resolver_dns._local import local_answer
from ck.plugins.builtin.resolver_dns._message import (
    AAAA,
    LARGEST_BYTES,
    NO_ERROR,
    NO_SUCH_NAME,
    NOT_IMPLEMENTED,
    PTR,
    A,
    code_of,
    read_question,
    write_name,
)


class Known:
    """A directory of one network."""

    def addresses(self, container_id: str, name: str) -> Sequence[str] | None:
        return {"db": ["10.0.0.2", "fd00::2"], "v4": ["10.0.0.3"]}.get(name)

    def names(self, container_id: str, address: str) -> Sequence[str] | None:
        return ["db.app"] if address == "10.0.0.2" else None

    def covers(self, container_id: str, address: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network("10.0.0.0/24")


def ask(
    name: str, kind: int = A, *, flags: int = 0x0100, kind_class: int = 1, search: Sequence[str] = ()
) -> bytes | None:
    query = struct.pack(">6H", 7, flags, 1, 0, 0, 0) + write_name(name) + struct.pack(">2H", kind, kind_class)
    question = read_question(query)
    assert question is not None
    return local_answer(Known(), "web", search, query, question, LARGEST_BYTES)


def records(answer: bytes | None) -> int:
    assert answer is not None and code_of(answer) == NO_ERROR
    return int(struct.unpack_from(">H", answer, 6)[0])


def test_a_name_has_what_there_is_of_a_kind() -> None:
    assert records(ask("db")) == 1 and records(ask("DB", AAAA)) == 1
    # It is there, but has no address of that kind, and no mail: nobody else is asked.
    assert records(ask("v4", AAAA)) == 0 and records(ask("db", 15)) == 0


def test_others_are_asked_for_what_no_container_has() -> None:
    assert ask("example.org") is None
    assert ask("db", kind_class=3) is None


def test_a_name_wins_over_search_domains() -> None:
    assert records(ask("db.corp.example", search=("other", "Corp.Example."))) == 1
    assert ask("nobody.corp.example", search=("corp.example",)) is None
    assert ask("db.corp.example") is None


def test_names_of_addresses() -> None:
    answer = ask("2.0.0.10.in-addr.arpa", PTR)
    assert answer is not None and write_name("db.app") in answer
    unknown = ask("9.0.0.10.in-addr.arpa", PTR)
    assert unknown is not None and code_of(unknown) == NO_SUCH_NAME
    assert ask("8.8.8.8.in-addr.arpa", PTR) is None


def test_what_is_no_query_is_refused() -> None:
    answer = ask("db", flags=0x2800)
    assert answer is not None and code_of(answer) == NOT_IMPLEMENTED

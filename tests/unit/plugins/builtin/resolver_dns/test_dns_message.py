import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.resolver_dns._message import (
    AAAA,
    NO_ERROR,
    NO_SUCH_NAME,
    PLAIN_UDP_BYTES,
    A,
    answers,
    code_of,
    is_truncated,
    read_question,
    reverse_address,
    shortest_life,
    write_answer,
    write_name,
)

LABEL = st.text("abcxyz-0189_", min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


def query(name: str, kind: int = A, *, number: int = 7, edns: int = 0) -> bytes:
    option = b"\0" + struct.pack(">2HIH", 41, edns, 0, 0) if edns else b""
    header = struct.pack(">6H", number, 0x0100, 1, 0, 0, bool(edns))
    return header + write_name(name) + struct.pack(">2H", kind, 1) + option


@given(NAME, st.sampled_from([A, AAAA, 16]), st.sampled_from([0, 512, 1232, 4096]))
def test_a_question_is_read_as_it_was_written(name: str, kind: int, edns: int) -> None:
    question = read_question(query(name.upper(), kind, edns=edns))
    assert question is not None
    assert (question.name, question.kind, question.edns, question.is_query) == (name, kind, bool(edns), True)
    assert question.udp_bytes == max(edns, PLAIN_UDP_BYTES)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(received: bytes) -> None:
    question = read_question(received)
    if question is not None:
        answer = write_answer(received, question, NO_ERROR, [b"abcd"])
        assert answers(answer, received, question)
        shortest_life(received, question)


@given(st.binary(max_size=120))
def test_no_bytes_break_who_reads_answers(tail: bytes) -> None:
    asked = query("db")
    question = read_question(asked)
    assert question is not None
    shortest_life(asked[: question.end] + tail, question)


@given(st.integers(0, 300), st.sampled_from([0, 512, 1232]))
def test_an_answer_fits_or_says_that_it_does_not(count: int, edns: int) -> None:
    asked = query("all", edns=edns)
    question = read_question(asked)
    assert question is not None
    records = [ipaddress.IPv4Address(number).packed for number in range(count)]
    answer = write_answer(asked, question, NO_ERROR, records, limit=question.udp_bytes)
    assert len(answer) <= question.udp_bytes
    there = struct.unpack_from(">H", answer, 6)[0]
    assert is_truncated(answer) is (there < count)
    assert all(record in answer for record in records[:there])


def test_the_life_of_an_answer_is_that_of_its_shortest_record() -> None:
    asked = query("db")
    question = read_question(asked)
    assert question is not None
    record = b"\xc0\x0c" + struct.pack(">2HIH", A, 1, 300, 4) + b"\1\2\3\4"
    short = b"\xc0\x0c" + struct.pack(">2HIH", A, 1, 20, 4) + b"\1\2\3\4"
    answer = struct.pack(">6H", 7, 0x8180, 1, 2, 0, 0) + asked[12 : question.end] + record + short
    assert shortest_life(answer, question) == 20
    assert shortest_life(write_answer(asked, question, NO_SUCH_NAME), question) == 0
    assert code_of(write_answer(asked, question, NO_SUCH_NAME)) == NO_SUCH_NAME


def test_an_answer_to_another_question_is_none() -> None:
    asked, other = query("db"), query("web")
    question = read_question(asked)
    assert question is not None
    assert answers(write_answer(asked, question, NO_ERROR), asked, question)
    assert not answers(b"\0\1" + write_answer(asked, question, NO_ERROR)[2:], asked, question)
    wrong = read_question(other)
    assert wrong is not None and not answers(write_answer(other, wrong, NO_ERROR), asked, question)
    assert not answers(asked, asked, question)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.18.172.in-addr.arpa", "172.18.0.2"),
        (".".join(reversed(ipaddress.ip_address("fd00::2").exploded.replace(":", ""))) + ".ip6.arpa", "fd00::2"),
        ("18.172.in-addr.arpa", None),
        ("1.2.3.999.in-addr.arpa", None),
        ("0.ip6.arpa", None),
        ("g." * 32 + "ip6.arpa", None),
        ("db", None),
    ],
)
def test_reverse_names(name: str, address: str | None) -> None:
    assert reverse_address(name) == address


def test_names_that_cannot_be_written() -> None:
    for name in ("", "a..b", "x" * 64):
        with pytest.raises(ValueError, match="label"):
            write_name(name)

"""Pages of tags, as registries and liars send them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_distribution._reference import TAG
from ck.plugins.builtin.registry_distribution._tags import next_query, read_tags


def test_a_page() -> None:
    assert read_tags(b'{"name": "x", "tags": ["1", "latest"]}', "h") == ["1", "latest"]
    assert read_tags(b'{"name": "x", "tags": null}', "h") == []


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"tags": "x"}', b'{"tags": 1}', b'{"tags": ["a b"]}', b"\xff"])
def test_what_is_no_page_is_refused(raw: bytes) -> None:
    with pytest.raises(CorruptData, match=r"^h "):
        read_tags(raw, "h")


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
        lambda tags: json.dumps({"tags": tags}).encode()
    )
)
def test_only_tags_come_out(raw: bytes) -> None:
    try:
        tags = read_tags(raw, "h")
    except CorruptData:
        return
    assert all(TAG.fullmatch(tag) for tag in tags)


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("", ""),
        ('</v2/x/tags/list?last=b&n=2>; rel="next"', "last=b&n=2"),
        ("</v2/x/tags/list?last=b>;rel=next", "last=b"),
        ('<https://elsewhere/v2/x/tags/list?n=2>; rel="next"', "n=2"),
        ('<?n=1>; rel="prev", <?n=2>; rel="next"', "n=2"),
        ('<?n=1>; rel="prev"', ""),
        ("nonsense", ""),
        ('<http://[>; rel="next"', ""),
    ],
)
def test_the_next_page(link: str, query: str) -> None:
    assert next_query(link) == query

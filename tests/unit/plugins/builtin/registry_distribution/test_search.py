"""Docker's search protocol: terms, and what a stranger answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.registry import SearchResult
from ck.kernel.errors import CorruptData, InvalidArgument
from ck.plugins.builtin.registry_distribution._search import read_results, split_term


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("alpine", ("docker.io", "alpine")),
        ("library/alpine", ("docker.io", "alpine")),
        ("someone/alpine", ("docker.io", "someone/alpine")),
        ("docker.io/alpine", ("docker.io", "alpine")),
        ("index.docker.io/library/alpine", ("docker.io", "alpine")),
        ("localhost:5000/library/x", ("localhost:5000", "library/x")),
        ("quay.io/two words", ("quay.io", "two words")),
    ],
)
def test_where_a_term_leads(term: str, parts: tuple[str, str]) -> None:
    assert split_term(term) == parts


@pytest.mark.parametrize("term", ["", "quay.io/", "https://quay.io/alpine", "a_b.example:x/alpine"])
def test_terms_that_lead_nowhere(term: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot search for"):
        split_term(term)


def test_results() -> None:
    raw = b'{"results": [{"name": "a", "description": null, "star_count": 3, "is_official": true}, {"name": "b"}]}'
    assert read_results(raw, "h") == [SearchResult(name="a", stars=3, official=True), SearchResult(name="b")]
    assert read_results(b'{"results": null}', "h") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["name", "description", "star_count", "is_official", "results"]), inner)
    ),
)


@given(st.binary() | JSON.map(lambda value: json.dumps({"results": value}).encode()))
def test_hostile_answers(raw: bytes) -> None:
    try:
        found = read_results(raw, "registry.example")
    except CorruptData as error:
        assert str(error) == "registry.example sent no list of search results"
    else:
        assert all(isinstance(each.name, str) and isinstance(each.stars, int) for each in found)

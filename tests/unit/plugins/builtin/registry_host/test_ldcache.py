"""/etc/ld.so.cache."""

import functools
import itertools
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_host._ldcache import CacheEntry, build, compare, parse

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
NAMES = st.text("ab.-019", min_size=1, max_size=8)
ENTRIES = st.lists(st.builds(CacheEntry, NAMES | TEXT, TEXT, st.integers(0, 0x1FFF)), max_size=20)


@given(ENTRIES)
def test_what_is_built_is_parsed_back(entries: list[CacheEntry]) -> None:
    assert set(parse(build(entries))) == set(entries)


@given(ENTRIES, st.randoms())
def test_order_given_does_not_matter(entries: list[CacheEntry], random: Random) -> None:
    assert build(entries) == build(random.sample(entries, len(entries)))


@given(ENTRIES)
def test_names_descend_as_the_binary_search_of_ld_so_wants(entries: list[CacheEntry]) -> None:
    names = [entry.name for entry in parse(build(entries))]
    assert all(compare(left, right) >= 0 for left, right in itertools.pairwise(names))


@given(NAMES, NAMES, NAMES)
def test_compare_is_an_order(a: str, b: str, c: str) -> None:
    assert (compare(a, b) > 0) == (compare(b, a) < 0)
    low, middle, high = sorted((a, b, c), key=functools.cmp_to_key(compare))
    assert compare(low, middle) <= 0 and compare(middle, high) <= 0 and compare(low, high) <= 0


def test_digits_compare_as_numbers() -> None:
    assert compare("libc.so.10", "libc.so.9") > 0
    assert compare("libc.so.1", "libc.so.a") > 0


@given(ENTRIES.filter(bool), st.data())
def test_a_cache_cut_short_is_corrupt(entries: list[CacheEntry], data: st.DataObject) -> None:
    whole = build(entries)
    with pytest.raises(CorruptData):
        parse(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_the_cache_of_this_machine() -> None:
    entries = parse(Path("/etc/ld.so.cache").read_bytes())
    assert any(entry.name == "libc.so.6" and entry.path.endswith("/libc.so.6") for entry in entries)

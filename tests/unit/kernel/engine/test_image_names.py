"""Which names of an image go together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.image_names import Names, repository

A, B = "docker.io/library/a", "r:5000/b"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{A}:1", A),
        (f"{B}:latest", B),
        (f"{B}@sha256:00", B),
        ("host/sh", "host/sh"),
        ("host/sh@sha256:00", "host/sh"),
        ("oci:/a/b:c", "oci:/a/b"),
    ],
)
def test_repositories(name: str, expected: str) -> None:
    assert repository(name) == expected


@pytest.mark.parametrize(
    ("tags", "digests", "single"),
    [
        ((), (), True),
        ((f"{A}:1",), (), True),
        ((f"{A}:1",), (f"{A}@x", f"{A}@y"), True),
        ((f"{A}:1",), (f"{B}@x",), False),
        ((f"{A}:1", f"{A}:2"), (), False),
        ((), (f"{A}@x", f"{B}@x"), False),
        (("host/sh",), ("host/sh@x",), True),
    ],
)
def test_what_is_as_good_as_one_name(tags: tuple[str, ...], digests: tuple[str, ...], single: bool) -> None:
    assert Names(tags=tags, digests=digests).single is single


def test_the_last_tag_takes_the_digests_along() -> None:
    names = Names(tags=(f"{A}:1", f"{A}:2", f"{B}:1"), digests=(f"{A}@x", f"{B}@x"))
    once = names.without(f"{A}:1")
    assert once == Names(tags=(f"{A}:2", f"{B}:1"), digests=names.digests)
    twice = once.without(f"{A}:2")
    assert twice == Names(tags=(f"{B}:1",), digests=(f"{B}@x",)) and twice.single
    assert not twice.without(f"{B}:1").any
    assert names.without(f"{A}@x") == Names(tags=names.tags, digests=(f"{B}@x",))


REPOSITORIES = st.sampled_from([A, B, "c", "host/sh"])
TAGS = st.sets(st.builds("{}:{}".format, REPOSITORIES, st.sampled_from("12")), max_size=5)
DIGESTS = st.sets(st.builds("{}@sha256:{}".format, REPOSITORIES, st.sampled_from("xy")), max_size=5)


@given(TAGS, DIGESTS, st.data())
def test_removing_names_one_by_one_ends_with_none(tags: set[str], digests: set[str], data: st.DataObject) -> None:
    names = Names(tags=tuple(sorted(tags)), digests=tuple(sorted(digests)))
    while names.any:
        name = data.draw(st.sampled_from([*names.tags, *names.digests]))
        left = names.without(name)
        gone = {*names.tags, *names.digests} - {*left.tags, *left.digests}
        assert name in gone and {repository(each) for each in gone} == {repository(name)}
        assert not names.single or left.single
        names = left

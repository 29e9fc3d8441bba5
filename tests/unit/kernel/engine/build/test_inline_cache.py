"""The cache that travels in an image: what was written is read again, and nothing that anybody writes does harm."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.image import Image
from ck.kernel.engine.build.inline_cache import MEMBER, cache_in, with_cache

TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIMES = [TIME.isoformat(), "0001-01-01T00:00:00+01:00", "2026-01-02"]
IMAGE = Image(
    id="sha256:i", diff_ids=("d0", "d1", "d2"), chain_ids=("c0", "c1", "c2"), layer_sizes=(10, 11, 12),
    layer_blobs=("b0", "", "b2"),
)  # fmt: skip


def test_what_is_written_is_read() -> None:
    below = with_cache({"os": "linux"}, 1, ["one"], [TIME])
    document = with_cache(below, 2, ["two"], [TIME])
    assert document["os"] == "linux"
    one, two = cache_in(document, IMAGE)
    assert (one.key, one.diff_id, one.chain, one.size, one.blob, one.created) == (
        "one", "d1", ("c0", "c1"), 11, "", TIME
    )  # fmt: skip
    assert (two.key, two.chain, two.blob) == ("two", ("c0", "c1", "c2"), "b2")


json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.text(max_size=5) | st.sampled_from(TIMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "layer", "created"]), inner),
    max_leaves=12,
)


@given(json)
def test_anything_may_stand_there(member: object) -> None:
    document = with_cache({MEMBER: member}, 0, ["mine"], [TIME])
    assert document[MEMBER][-1]["key"] == "mine"
    for record in cache_in(document, IMAGE):
        assert record.created.tzinfo is UTC
        assert record.chain and record.chain == IMAGE.chain_ids[: len(record.chain)]

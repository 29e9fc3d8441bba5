"""Names, IDs and prefixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.names import by_prefix, check_name, new_id, new_name
from ck.kernel.errors import Conflict, InvalidArgument


@given(st.text(max_size=12))
def test_a_name_is_clean_or_refused(name: str) -> None:
    try:
        clean = check_name(name)
    except InvalidArgument as error:
        assert repr(name) in str(error)
        return
    assert clean == name.removeprefix("/")
    assert "/" not in clean and len(clean) >= 2


def test_new_names_and_ids_are_fresh() -> None:
    taken: set[str] = set()
    for _ in range(5000):
        name = new_name(taken)
        assert name not in taken
        assert check_name(name) == name
        taken.add(name)
    assert len({new_id() for _ in range(1000)}) == 1000


@given(st.sets(st.text("01ab", min_size=4, max_size=4), min_size=1), st.integers(1, 4))
def test_a_prefix_names_one_or_is_ambiguous(ids: set[str], length: int) -> None:
    prefix = sorted(ids)[0][:length]
    matching = [each for each in ids if each.startswith(prefix)]
    if len(matching) == 1:
        assert by_prefix(prefix, ids, "container") == matching[0]
    else:
        with pytest.raises(Conflict, match="ambiguous"):
            by_prefix(prefix, ids, "container")


def test_what_is_no_prefix() -> None:
    assert by_prefix("web", ["aa"], "container") is None
    assert by_prefix("", ["aa"], "container") is None

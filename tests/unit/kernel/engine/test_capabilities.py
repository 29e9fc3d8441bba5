"""`--cap-add`, `--cap-drop` and `--privileged`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.capabilities import ALL, DEFAULT, available, choose
from ck.kernel.errors import InvalidArgument, Unsupported

NAMES = st.lists(st.sampled_from(ALL), max_size=5)


@given(NAMES, NAMES, st.booleans(), st.sets(st.sampled_from(ALL)))
def test_nothing_beyond_the_host_and_added_wins_over_dropped(
    add: list[str], drop: list[str], privileged: bool, host: set[str]
) -> None:
    try:
        chosen = choose(add, drop, privileged=privileged, host=host)
    except Unsupported as error:
        assert any(name in str(error) for name in add if name not in host)
        return
    assert set(chosen) <= host
    if privileged:
        assert set(chosen) == host
    else:
        assert set(add) <= set(chosen)
        assert not (set(drop) - set(add)) & set(chosen)


def test_default_spelling_and_all() -> None:
    assert set(choose((), (), privileged=False, host=ALL)) == set(DEFAULT)
    assert choose(("net_admin",), ("ALL",), privileged=False, host=ALL) == ("CAP_NET_ADMIN",)
    assert choose(("all",), ("cap_chown",), privileged=False, host=ALL) == ALL[1:]
    assert choose(("ALL",), (), privileged=False, host=("CAP_CHOWN",)) == ("CAP_CHOWN",)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(InvalidArgument, match="'NET_ADMINN'"):
        choose(("NET_ADMINN",), (), privileged=False, host=ALL)


def test_bits() -> None:
    assert available(0b101) == {"CAP_CHOWN", "CAP_DAC_READ_SEARCH"}
    assert available((1 << 41) - 1) == set(ALL)

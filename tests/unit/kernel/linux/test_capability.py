import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.linux.capability import CAPABILITIES, mask_of, names_of


@given(st.sets(st.sampled_from(sorted(CAPABILITIES))))
def test_names_and_masks_are_one(names: set[str]) -> None:
    assert set(names_of(mask_of(names))) == names


def test_the_numbers_are_the_kernels() -> None:
    assert CAPABILITIES["CAP_CHOWN"] == 0
    assert CAPABILITIES["CAP_SYS_ADMIN"] == 21
    assert CAPABILITIES["CAP_CHECKPOINT_RESTORE"] == 40


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        mask_of(["CAP_NOTHING"])

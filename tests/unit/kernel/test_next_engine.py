from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.next_engine import without_ready_fd

WORD = st.text(max_size=5).filter(lambda word: not word.startswith("--ready-fd"))


@given(st.lists(WORD), st.integers(0, 99), st.lists(WORD), st.booleans())
def test_only_the_ready_fd_is_left_out(before: list[str], number: int, after: list[str], joined: bool) -> None:
    flag = [f"--ready-fd={number}"] if joined else ["--ready-fd", str(number)]
    assert without_ready_fd([*before, *flag, *after]) == [*before, *after]
    assert without_ready_fd([*before, *after]) == [*before, *after]

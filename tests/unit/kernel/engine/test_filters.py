"""The filters of the prune calls."""

import pytest

from ck.kernel.engine.filters import Filters
from ck.kernel.errors import InvalidArgument


def test_labels() -> None:
    labels = {"a": "1", "b": "2"}
    assert Filters({"label": ["a", "b=2"]}, {"label"}).match_labels(labels)
    assert not Filters({"label": ["a=2"]}, {"label"}).match_labels(labels)
    assert not Filters({"label!": ["a"]}, {"label!"}).match_labels(labels)
    assert Filters({}, set()).match_labels({})


def test_flags_and_unknown_filters() -> None:
    assert Filters({"dangling": ["0"]}, {"dangling"}).flag("dangling") is False
    assert Filters({}, {"dangling"}).flag("dangling") is None
    with pytest.raises(InvalidArgument, match="maybe"):
        Filters({"dangling": ["maybe"]}, {"dangling"}).flag("dangling")
    with pytest.raises(InvalidArgument, match="'colour'"):
        Filters({"colour": ["red"]}, {"label"})

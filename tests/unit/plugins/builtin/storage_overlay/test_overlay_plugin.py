"""Unknown driver options are errors."""

import pytest

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.storage_overlay import plugin


def test_the_factory_refuses_what_it_does_not_know() -> None:
    assert plugin.make({}).name == "overlay"
    assert plugin.make({"sync": False}).name == "overlay"
    with pytest.raises(InvalidArgument, match="'size'"):
        plugin.make({"size": 1})
    with pytest.raises(InvalidArgument, match="'yes'"):
        plugin.make({"sync": "yes"})
    assert list(plugin.ck_register_storage()) == ["overlay"]

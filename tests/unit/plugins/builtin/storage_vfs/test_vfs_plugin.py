"""The vfs driver's options: unknown ones are errors that name them."""

import pytest

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.storage_vfs import plugin


def test_the_factory_refuses_what_it_does_not_know() -> None:
    assert plugin.make({"sync": True}).name == "vfs"
    with pytest.raises(InvalidArgument, match="'reflink'"):
        plugin.make({"reflink": True})
    assert list(plugin.ck_register_storage()) == ["vfs"]

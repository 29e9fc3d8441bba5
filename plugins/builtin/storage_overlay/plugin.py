"""Registers the storage driver "overlay"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.storage_overlay.driver import OverlayStorage


def make(options: Options) -> StorageDriver:
    """`sync` (a boolean, by default true): whether a layer is flushed to the disk before an image may use it.

    Raises: InvalidArgument, naming an option that is unknown or of the wrong type.
    """
    for option, value in options.items():
        if option != "sync":
            raise InvalidArgument(f"storage driver overlay: unknown option {option!r}")
        if not isinstance(value, bool):
            raise InvalidArgument(f"storage driver overlay: option 'sync' is true or false, not {value!r}")
    return OverlayStorage(sync=options.get("sync", True))


@hookimpl
def ck_register_storage() -> Mapping[str, Callable[[Options], StorageDriver]]:
    return {"overlay": make}

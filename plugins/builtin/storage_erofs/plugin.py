"""Registers the storage driver "erofs"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.storage_erofs.driver import ErofsStorage


def make(options: Options) -> StorageDriver:
    """`sync` (a boolean, by default true): whether a layer is flushed to the disk before an image may use it.

    Raises: InvalidArgument, naming an option that is unknown or of the wrong type.
    """
    for option, value in options.items():
        if option != "sync":
            raise InvalidArgument(f"storage driver erofs: unknown option {option!r}")
        if not isinstance(value, bool):
            raise InvalidArgument(f"storage driver erofs: option 'sync' is true or false, not {value!r}")
    return ErofsStorage(sync=options.get("sync", True))


@hookimpl
def ck_register_storage() -> Mapping[str, Callable[[Options], StorageDriver]]:
    return {"erofs": make}

"""Registers the volume driver "local"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.volume import VolumeDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.volume_local.driver import LocalVolumes


def make(options: Options) -> VolumeDriver:
    """The driver has no options. Raises: InvalidArgument, naming one that is given."""
    for option in options:
        raise InvalidArgument(f"unknown option {option!r} for the volume driver local")
    return LocalVolumes()


@hookimpl
def ck_register_volume() -> Mapping[str, Callable[[Options], VolumeDriver]]:
    """Offer `local`."""
    return {"local": make}

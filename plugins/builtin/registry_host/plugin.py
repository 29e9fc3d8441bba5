"""Offers the `host` registry driver."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.registry_host.driver import HostRegistry


def make(options: Options) -> RegistryDriver:
    """Build the driver. `path` is the $PATH in which programs are looked up; the default is the engine's own."""
    unknown = sorted(set(options) - {"path"})
    if unknown:
        raise InvalidArgument(f'registry driver "host" has no option "{unknown[0]}"; it knows "path"')
    path = options.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidArgument(f'option "path" of registry driver "host" is {path!r}, not a string')
    return HostRegistry(path=path)


@hookimpl
def ck_register_registry() -> Mapping[str, Callable[[Options], RegistryDriver]]:
    """Offer `host`."""
    return {"host": make}

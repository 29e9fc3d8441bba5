"""Registers the registry driver "layout"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.registry_layout.driver import LayoutRegistry


def make(options: Options) -> RegistryDriver:
    """The driver has no options. Raises: InvalidArgument, naming one that is given."""
    for option in options:
        raise InvalidArgument(f"registry driver layout: unknown option {option!r}")
    return LayoutRegistry()


@hookimpl
def ck_register_registry() -> Mapping[str, Callable[[Options], RegistryDriver]]:
    return {"layout": make}

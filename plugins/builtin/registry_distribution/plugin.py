"""Registers the registry driver "distribution"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.registry_distribution._options import read_options
from ck.plugins.builtin.registry_distribution.driver import DistributionRegistry


def make(options: Options) -> RegistryDriver:
    """Raises: InvalidArgument, naming an option that is unknown or malformed."""
    return DistributionRegistry(read_options(options))


@hookimpl
def ck_register_registry() -> Mapping[str, Callable[[Options], RegistryDriver]]:
    return {"distribution": make}

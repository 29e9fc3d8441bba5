"""Registers the network driver "bridge"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.network import NetworkDriver
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.network_bridge._options import read_driver_options
from ck.plugins.builtin.network_bridge.driver import BridgeNetwork


def make(options: Options) -> NetworkDriver:
    """Raises: InvalidArgument, naming an option that is unknown or malformed."""
    return BridgeNetwork(read_driver_options(options))


@hookimpl
def ck_register_network() -> Mapping[str, Callable[[Options], NetworkDriver]]:
    return {"bridge": make}

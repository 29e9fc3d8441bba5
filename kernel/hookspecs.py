"""Every hook. Hooks are sync: they register or refuse. What may block is a driver method.

All `ck_register_*` hooks share one contract:

When: once at start, after the config is validated and before any driver opens. Does no I/O.
Returns: a mapping of driver name to a factory that takes the driver's options and returns the driver, or None.
Raises: nothing on purpose. A raise is a bug: the plugin is left out, reported, and fatal if it is required.
Idempotent: yes. Order: undefined. Two drivers of one kind and name stop the kernel, so that nobody wins by luck.

The options are the table `[drivers.<kind>.<name>]` of the config; a factory raises InvalidArgument naming an option it
does not know.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pluggy

from ck.kernel.api.engine import Engine
from ck.kernel.drivers.content import ContentStore
from ck.kernel.drivers.frontend import FrontEnd
from ck.kernel.drivers.log import LogDriver
from ck.kernel.drivers.network import NetworkDriver
from ck.kernel.drivers.probe import HealthProbe
from ck.kernel.drivers.registry import RegistryDriver
from ck.kernel.drivers.resolver import ResolverDriver
from ck.kernel.drivers.restart import RestartPolicy
from ck.kernel.drivers.runtime import RuntimeDriver
from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.drivers.volume import VolumeDriver

PROJECT: Final = "ck"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Options = Mapping[str, Any]


@hookspec
def ck_register_storage() -> Mapping[str, Callable[[Options], StorageDriver]] | None:
    """Offer storage drivers."""


@hookspec
def ck_register_content() -> Mapping[str, Callable[[Options], ContentStore]] | None:
    """Offer content stores."""


@hookspec
def ck_register_registry() -> Mapping[str, Callable[[Options], RegistryDriver]] | None:
    """Offer registry drivers."""


@hookspec
def ck_register_network() -> Mapping[str, Callable[[Options], NetworkDriver]] | None:
    """Offer network drivers."""


@hookspec
def ck_register_resolver() -> Mapping[str, Callable[[Options], ResolverDriver]] | None:
    """Offer resolvers."""


@hookspec
def ck_register_volume() -> Mapping[str, Callable[[Options], VolumeDriver]] | None:
    """Offer volume drivers."""


@hookspec
def ck_register_log() -> Mapping[str, Callable[[Options], LogDriver]] | None:
    """Offer log drivers."""


@hookspec
def ck_register_restart() -> Mapping[str, Callable[[Options], RestartPolicy]] | None:
    """Offer restart supervisors."""


@hookspec
def ck_register_probe() -> Mapping[str, Callable[[Options], HealthProbe]] | None:
    """Offer health probes."""


@hookspec
def ck_register_runtime() -> Mapping[str, Callable[[Options], RuntimeDriver]] | None:
    """Offer runtimes."""


@hookspec
def ck_register_frontend() -> Mapping[str, Callable[[Options, Engine], FrontEnd]] | None:
    """Offer front ends; their factories also take the engine."""

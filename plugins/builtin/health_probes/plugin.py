"""Registers the health probes CMD, CMD-SHELL, HTTP and TCP."""

from collections.abc import Callable, Mapping
from functools import partial

from ck.kernel.drivers.probe import HealthProbe
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.health_probes.command import CommandProbe, ShellProbe
from ck.plugins.builtin.health_probes.http import HttpProbe
from ck.plugins.builtin.health_probes.tcp import TcpProbe


def _make(cls: Callable[[], HealthProbe], name: str, options: Options) -> HealthProbe:
    for option in options:
        raise InvalidArgument(f"unknown option {option!r} for the health probe {name}")
    return cls()


@hookimpl
def ck_register_probe() -> Mapping[str, Callable[[Options], HealthProbe]]:
    """They have no options."""
    return {cls.name: partial(_make, cls, cls.name) for cls in (CommandProbe, ShellProbe, HttpProbe, TcpProbe)}

"""Finds plugins, asks each what drivers it offers, and makes the drivers that are wanted.

Plugins come from three places: the built-in tuple that the composition root hands over, the entry points of the group
"ck.plugins", and the modules that the config names. A plugin that cannot be loaded is left out and reported; it is
fatal if it is required.
"""

import importlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs
import pluggy

from ck.kernel import hookspecs
from ck.kernel.config import Config
from ck.kernel.errors import CkError, Conflict, InvalidArgument, NotFound, PluginFailed
from ck.kernel.guard import guard

T = TypeVar("T")
log: Final = logging.getLogger(__name__)

ENTRY_POINTS: Final = "ck.plugins"
KINDS: Final = (
    "storage",
    "content",
    "registry",
    "network",
    "resolver",
    "volume",
    "log",
    "restart",
    "probe",
    "runtime",
    "frontend",
)


@attrs.frozen(kw_only=True)
class Builtins:
    """Import names of the built-in plugins by tier.

    `essential` must load, `default` may fail, `optional` is loaded if the config names it under `plugins.modules`.
    """

    essential: tuple[str, ...]
    default: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@attrs.frozen
class _Offer:
    plugin: str
    factory: Callable[..., Any]


class PluginManager:
    """`problems` has a sentence for each plugin that was left out."""

    def __init__(self, config: Config, builtins: Builtins) -> None:
        self.problems: list[str] = []
        self._config = config
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._offers: dict[tuple[str, str], _Offer] = {}
        self._made: dict[tuple[str, str], Any] = {}
        self._load(builtins)
        for kind in KINDS:
            self._collect(kind)

    def _load(self, builtins: Builtins) -> None:
        required = {*builtins.essential, *self._config.plugins.require}
        known: dict[str, Callable[[], object]] = {}
        for module in (*builtins.essential, *builtins.default, *self._config.plugins.modules):
            known[module] = lambda module=module: importlib.import_module(module)  # type: ignore[misc]
        for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
            known[entry_point.name] = entry_point.load
        for unknown in required - known.keys():
            raise InvalidArgument(f"plugins.require names {unknown!r}, which is not installed")
        for name, load in known.items():
            if {name, _short(name)} & set(self._config.plugins.disable):
                continue
            try:
                self._manager.register(load(), name)
            except Exception as error:  # any code may run at import
                self._leave_out(name, f"cannot be loaded: {error!r}", fatal=name in required)

    def _collect(self, kind: str) -> None:
        hook = getattr(self._manager.hook, f"ck_register_{kind}")
        for implementation in hook.get_hookimpls():
            try:
                offered: Mapping[str, Callable[..., Any]] = implementation.function() or {}
            except Exception as error:  # the hook's contract: a raise is a bug of the plugin
                self._leave_out(implementation.plugin_name, f"failed to register: {error!r}", fatal=False)
                continue
            for name, factory in offered.items():
                other = self._offers.get((kind, name))
                if other is not None:
                    raise Conflict(
                        f"plugins {other.plugin!r} and {implementation.plugin_name!r} "
                        f"both offer the {kind} driver {name!r}"
                    )
                self._offers[kind, name] = _Offer(implementation.plugin_name, factory)

    def _leave_out(self, name: str, reason: str, *, fatal: bool) -> None:
        sentence = f"plugin {name!r} {reason}"
        if fatal:
            raise PluginFailed(sentence)
        self.problems.append(sentence)
        log.warning("%s; it is left out", sentence)

    def names(self, kind: str) -> Sequence[str]:
        """The drivers of a kind on offer, sorted."""
        return sorted(name for offered, name in self._offers if offered == kind)

    def driver(self, kind: str, name: str, protocol: type[T], *args: object) -> T:
        """Make the driver, once, guarded, with its options from the config and further *args*.

        Raises: NotFound, naming those there are; whatever its factory raises for bad options.
        """
        key = (kind, name)
        if key not in self._made:
            self._made[key] = self.further(kind, name, protocol, self._config.driver_options(kind, name), *args)
        made: T = self._made[key]
        return made

    def further(self, kind: str, name: str, protocol: type[T], options: Mapping[str, Any], *args: object) -> T:
        """As `driver`, but one more of its kind, with *options* of its own."""
        if (kind, name) not in self._offers:
            choices = ", ".join(self.names(kind)) or "none"
            raise NotFound(f"no {kind} driver {name!r} (there are: {choices})")
        driver = self._make((kind, name), options, args)
        if not isinstance(driver, protocol):
            raise PluginFailed(f"the {kind} driver {name!r} lacks methods of {protocol.__name__}")
        made: T = guard(driver, kind, name, self._config.driver_deadline)
        return made

    def _make(self, key: tuple[str, str], options: Mapping[str, Any], args: Iterable[object]) -> object:
        kind, name = key
        try:
            return self._offers[key].factory(options, *args)
        except CkError:
            raise
        except Exception as error:  # any code may run in a factory
            raise PluginFailed(f"the {kind} driver {name!r} cannot be made: {error!r}") from error

    def check_options(self) -> None:
        """Raises: InvalidArgument for an options table of a driver that nobody offers."""
        for kind, tables in self._config.drivers.items():
            for name in tables:
                if (kind, name) not in self._offers:
                    raise InvalidArgument(f"the config has options for {kind} driver {name!r}, which no plugin offers")


def _short(module: str) -> str:
    """What the config may call a built-in plugin: "storage_overlay" for "ck.plugins.builtin.storage_overlay.plugin"."""
    return module.removesuffix(".plugin").rpartition(".")[2]

"""The engine's life: store, plugins, drivers, recovery, front ends, one nursery."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

import attrs
import trio

from ck.kernel.api import engine as api
from ck.kernel.bus import Bus
from ck.kernel.config import Config
from ck.kernel.drivers.frontend import FrontEnd
from ck.kernel.engine.core import Engine, open_engine
from ck.kernel.engine.farewell import Farewell
from ck.kernel.engine.scope import scoped
from ck.kernel.pluginmanager import Builtins, PluginManager
from ck.kernel.store import Store

log: Final = logging.getLogger(__name__)


async def run(config: Config, builtins: Builtins, farewell: Farewell, *, task_status: "trio.TaskStatus[None]") -> None:
    """Serve until cancelled or told farewell; containers run on. Reports started once every front end can be connected
    to.

    Raises: CkError where the config, the store or a required plugin or driver does not let the engine start.
    """
    plugins = PluginManager(_with_socket(config), builtins)
    plugins.check_options()
    bus = Bus()
    journal = config.journal
    store = Store(bus.publish, max_events=journal.max_events, max_age=timedelta(seconds=journal.max_age))
    bus.start_at(await store.open(config.data_root / "ck.db"))
    for _, _, sentence in store.unreadable:
        log.error("%s; it is left where it is", sentence)
    engine: Engine | None = None
    try:
        async with trio.open_nursery() as nursery:
            engine = await open_engine(config, store, bus, plugins, nursery, farewell)
            await engine.recover()
            for name in plugins.names("frontend"):
                front_end = plugins.driver("frontend", name, FrontEnd, engine)  # type: ignore[type-abstract]
                await nursery.start(front_end.serve)
            for scope in config.sockets:
                options = {
                    **config.driver_options("frontend", _DOCKER),
                    "socket": str(scope.path),
                    "group": scope.group,
                }
                narrow = scoped(cast(api.Engine, engine), scope)
                limited = plugins.further("frontend", _DOCKER, FrontEnd, options, narrow)  # type: ignore[type-abstract]
                await nursery.start(limited.serve)
            task_status.started()
            await farewell.asked.wait()
            nursery.cancel_scope.cancel()
    finally:
        with trio.move_on_after(_CLOSE_SECONDS, shield=True):  # the store's log is written back, if the disk lets us
            if engine is not None:
                await engine.close()
            await store.close()


_CLOSE_SECONDS: Final = 5.0
_DOCKER: Final = "docker"


def _with_socket(config: Config) -> Config:
    """The Docker API listens where the config says the socket is, unless its own options say otherwise."""
    kinds: dict[str, Mapping[str, Mapping[str, Any]]] = dict(config.drivers)
    front_ends = dict(kinds.get("frontend", {}))
    front_ends[_DOCKER] = {"socket": str(config.socket_path()), **front_ends.get(_DOCKER, {})}
    kinds["frontend"] = front_ends
    return attrs.evolve(config, drivers=kinds)

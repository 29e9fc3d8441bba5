"""One guard around every driver: a call that takes too long, or raises what it must not, becomes PluginFailed."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

import trio

from ck.kernel.errors import CkError, PluginFailed

T = TypeVar("T")
log: Final = logging.getLogger(__name__)

UNBOUNDED: Final[Mapping[str, frozenset[str]]] = {
    # Calls whose length is the user's or the network's business, not the driver's.
    "storage": frozenset({"apply", "diff"}),
    "content": frozenset({"ingest"}),
    "frontend": frozenset({"serve"}),
    "probe": frozenset({"probe"}),
    "network": frozenset({"run"}),
    "resolver": frozenset({"run"}),
}


class _Guarded:
    """Stands before a driver and looks like it."""

    def __init__(self, target: object, kind: str, name: str, deadline: float) -> None:
        self._target, self._kind, self._name, self._deadline = target, kind, name, deadline

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if not callable(value):
            return value
        call = f"{self._kind} driver {self._name!r}: {attribute}"
        if inspect.iscoroutinefunction(value):
            unbounded = attribute in UNBOUNDED.get(self._kind, frozenset())
            guarded: Any = _guard_async(value, call, None if unbounded else self._deadline)
        elif inspect.isasyncgenfunction(value):
            return value
        else:
            guarded = _guard_sync(value, call)
        # Looked up once: the next access finds the instance attribute and never comes here.
        self.__dict__[attribute] = guarded
        return guarded


def guard(target: T, kind: str, name: str, deadline: float) -> T:
    """Return *target* with every method guarded.

    *deadline* in seconds bounds each async call but those in UNBOUNDED.
    """
    return cast(T, _Guarded(target, kind, name, deadline))


def _guard_async(
    method: Callable[..., Awaitable[Any]], call: str, deadline: float | None
) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        with trio.move_on_after(trio_seconds(deadline)) as scope:
            try:
                return await method(*args, **kwargs)
            except CkError:
                raise
            except Exception as error:
                raise _failed(call, error) from error
        assert scope.cancelled_caught
        raise PluginFailed(f"{call} did not return within {deadline:g} s")

    return guarded


def _guard_sync(method: Callable[..., Any], call: str) -> Callable[..., Any]:
    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except CkError:
            raise
        except Exception as error:
            raise _failed(call, error) from error

    return guarded


def trio_seconds(deadline: float | None) -> float:
    """A timeout as trio wants it."""
    return float("inf") if deadline is None else deadline


def _failed(call: str, error: Exception) -> PluginFailed:
    log.error("%s raised %r", call, error, exc_info=error)
    return PluginFailed(f"{call} failed: {error or type(error).__name__}")

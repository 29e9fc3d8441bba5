"""Offers the runtime "native"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.runtime import RuntimeDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl


def make_runtime(options: Options) -> RuntimeDriver:
    """The factory; there are no options. Raises: InvalidArgument."""
    for name in options:
        raise InvalidArgument(f"the runtime native has no option {name!r}")
    from ck.plugins.builtin.runtime_native.driver import NativeRuntime

    return NativeRuntime()


@hookimpl
def ck_register_runtime() -> Mapping[str, Callable[[Options], RuntimeDriver]]:
    """See hookspecs."""
    return {"native": make_runtime}

"""Registers the content store "local"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.content import ContentStore
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.content_local.driver import LocalContent


def make(options: Options) -> ContentStore:
    """The store has no options. Raises: InvalidArgument, naming one that is given."""
    for option in options:
        raise InvalidArgument(f"content store local: unknown option {option!r}")
    return LocalContent()


@hookimpl
def ck_register_content() -> Mapping[str, Callable[[Options], ContentStore]]:
    return {"local": make}

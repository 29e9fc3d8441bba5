"""Registers the resolver "dns"."""

from collections.abc import Callable, Mapping

from ck.kernel.drivers.resolver import ResolverDriver
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl
from ck.plugins.builtin.resolver_dns.driver import DnsResolver


def make(options: Options) -> ResolverDriver:
    """Raises: InvalidArgument, naming an option that is unknown."""
    for option in options:
        raise InvalidArgument(f"unknown option {option!r} for the resolver dns")
    return DnsResolver()


@hookimpl
def ck_register_resolver() -> Mapping[str, Callable[[Options], ResolverDriver]]:
    return {"dns": make}

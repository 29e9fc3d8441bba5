"""The registry driver "distribution"."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module

import attrs
import trio

from ck.kernel.drivers.registry import Credentials, ImageSink, ImageSource, SearchResult
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_distribution._docker_config import hostname
from ck.plugins.builtin.registry_distribution._options import Endpoint, RegistryOptions, endpoints
from ck.plugins.builtin.registry_distribution._reference import DOCKER_HUB, HOST, familiar, parse
from ck.plugins.builtin.registry_distribution._search import DOCKER_HUB_INDEX, split_term
from ck.plugins.builtin.registry_distribution.keychain import find_credentials
from ck.plugins.builtin.registry_distribution.tls import hosts_with_certificates

_PACKAGE = __name__.rpartition(".")[0]


class DistributionRegistry:
    """See ck.kernel.drivers.registry.RegistryDriver."""

    name = "distribution"
    local = False

    def __init__(self, options: RegistryOptions) -> None:
        self._options = options
        self._downloads: dict[str, trio.Semaphore] = {}
        self._uploads: dict[str, trio.Semaphore] = {}

    def claims(self, reference: str) -> bool:
        """Every reference is one for a registry if it is not for another driver."""
        return True

    def normalize(self, reference: str) -> str:
        return str(parse(reference))

    def familiar(self, normalized: str) -> str:
        return familiar(normalized)

    @asynccontextmanager
    async def source(self, reference: str, credentials: Credentials | None) -> AsyncIterator[ImageSource]:
        parsed = parse(reference)
        await self._load_client()
        from ck.plugins.builtin.registry_distribution.connection import connect
        from ck.plugins.builtin.registry_distribution.source import DistributionSource

        async def find(endpoint: Endpoint) -> Credentials | None:
            # What a user gives for a registry is not for its mirrors, which others may run.
            if endpoint.is_mirror:
                return await find_credentials(endpoint.host)
            return credentials or await find_credentials(parsed.host)

        downloads = self._downloads.setdefault(parsed.host, trio.Semaphore(self._options.downloads))
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(connect(endpoint, self._options, partial(find, endpoint)))
                for endpoint in await self._endpoints(parsed.host)
            ]
            yield DistributionSource(parsed, connections, self._options, downloads)

    @asynccontextmanager
    async def sink(self, reference: str, credentials: Credentials | None) -> AsyncIterator[ImageSink]:
        parsed = parse(reference)
        await self._load_client()
        from ck.plugins.builtin.registry_distribution.connection import connect
        from ck.plugins.builtin.registry_distribution.sink import DistributionSink

        async def find() -> Credentials | None:
            return credentials or await find_credentials(parsed.host)

        uploads = self._uploads.setdefault(parsed.host, trio.Semaphore(self._options.uploads))
        origin = (await self._endpoints(parsed.host))[-1]  # never a mirror
        async with connect(origin, self._options, find) as connection:
            yield DistributionSink(parsed, connection, self._options, uploads)

    async def search(self, term: str, limit: int, credentials: Credentials | None) -> Sequence[SearchResult]:
        """See ck.kernel.drivers.registry.ImageSearcher."""
        host, words = split_term(term)
        await self._load_client()
        from ck.plugins.builtin.registry_distribution.search import ask

        async def find() -> Credentials | None:
            return credentials or await find_credentials(host)

        origin = (await self._endpoints(host))[-1]
        endpoint = attrs.evolve(origin, host=DOCKER_HUB_INDEX) if host == DOCKER_HUB else origin
        return await ask(endpoint, self._options, find, words, limit)

    async def login(self, server: str, credentials: Credentials) -> str:
        registry = hostname(server) or DOCKER_HUB
        if not HOST.fullmatch(registry):
            raise InvalidArgument(f"invalid registry {server!r}")
        await self._load_client()
        from ck.plugins.builtin.registry_distribution.login import check_login

        origin = (await self._endpoints(registry))[-1]
        await check_login(origin, self._options, credentials)
        return "Login Succeeded"

    async def _endpoints(self, registry: str) -> tuple[Endpoint, ...]:
        # Looked up for each pull: a CA that was just installed is to count.
        with_certificates = await trio.to_thread.run_sync(hosts_with_certificates, self._options.certificates)
        return endpoints(registry, self._options, with_certificates)

    async def _load_client(self) -> None:
        # The HTTP client costs memory and a tenth of a second: only an engine that pulls pays, and not its event loop.
        await trio.to_thread.run_sync(import_module, f"{_PACKAGE}.login")

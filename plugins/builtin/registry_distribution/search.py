"""Asking a registry for repositories by words."""

from collections.abc import Sequence
from typing import Final

import httpx

from ck.kernel.drivers.registry import SearchResult
from ck.kernel.errors import CorruptData, Unsupported
from ck.plugins.builtin.registry_distribution._options import Endpoint, RegistryOptions
from ck.plugins.builtin.registry_distribution._search import read_results
from ck.plugins.builtin.registry_distribution.connection import Call, FindCredentials, connect

_MAX_BYTES: Final = 4 << 20


async def ask(
    endpoint: Endpoint, options: RegistryOptions, find: FindCredentials, words: str, limit: int
) -> Sequence[SearchResult]:
    """Up to *limit* repositories of *endpoint*. Asked once: whoever searches is there to try again.

    Raises: Unsupported, Unauthorized, Unavailable, CorruptData.
    """
    missing = Unsupported(f"{endpoint.host} has no search (there is no /v1/search)")
    url = f"/v1/search?{httpx.QueryParams({'q': words, 'n': limit})}"
    async with (
        connect(endpoint, options, find) as connection,
        connection.request(Call(url=url, image=words, scope="", missing=missing)) as response,
    ):
        raw = bytearray()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > _MAX_BYTES:
                raise CorruptData(f"{endpoint.host} sent more than {_MAX_BYTES} bytes of search results")
        return read_results(bytes(raw), endpoint.host)[:limit]

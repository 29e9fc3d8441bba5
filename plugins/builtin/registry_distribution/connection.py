"""HTTP to one endpoint: authentication, and every fault told as one sentence that names the host and the reason."""

import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import httpx
import trio

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import CkError, CorruptData, NotFound, Unauthorized, Unavailable
from ck.plugins.builtin.registry_distribution._challenge import parse_challenges, retry_after
from ck.plugins.builtin.registry_distribution._faults import TRANSIENT, TryAgain, error_message
from ck.plugins.builtin.registry_distribution._options import Endpoint, RegistryOptions
from ck.plugins.builtin.registry_distribution.auth import Authenticator
from ck.plugins.builtin.registry_distribution.tls import make_context

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 60.0
MAX_ERROR_BYTES: Final = 64 << 10
MAX_REDIRECTS: Final = 10

# Its lines hold whole URLs, and those of a CDN are keys to the blob.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Not even by a proxy from the environment; Go's programs, and so Docker, do the same.
DIRECT: Final = ("all://localhost", "all://127.0.0.1", "all://[::1]")

FindCredentials = Callable[[], Awaitable[Credentials | None]]


@asynccontextmanager
async def connect(endpoint: Endpoint, options: RegistryOptions, find: FindCredentials) -> AsyncIterator["Connection"]:
    """Nothing is sent before the first request. Raises: InvalidArgument for certificates that do not load."""
    context = await trio.to_thread.run_sync(make_context, endpoint.host, options.certificates)
    async with httpx.AsyncClient(
        verify=context,
        timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, pool=None),
        # How many requests there are at once is bounded for the whole registry, not here.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=options.downloads),
        max_redirects=MAX_REDIRECTS,
        mounts=dict.fromkeys(DIRECT),
        # Blobs are wanted as they are; a transfer coding would only cost time.
        headers={"User-Agent": "ck", "Accept-Encoding": "identity"},
    ) as client:
        yield Connection(client, endpoint, find)


class Connection:
    """One endpoint while one image is fetched from it."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint, find: FindCredentials) -> None:
        self.endpoint = endpoint
        self._client = client
        self._auth = Authenticator(client, endpoint, find)
        self._reached = False

    @asynccontextmanager
    async def get(
        self, path: str, *, image: str, scope: str, missing: CkError, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """The answer (200 or 206) to a GET of *path*, whose body is to be streamed; *image* is what users call it.

        Raises: *missing* for 404; NotFound where an anonymous client is not let in; TryAgain for a passing fault, also
        of the body; Unauthorized, Unavailable, CorruptData.
        """
        try:
            response = await self._authorized(path, scope, headers)
            try:
                if response.status_code not in (200, 206):
                    raise await self._fault(response, image, missing)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            told = f"{self.endpoint.host} cannot be reached" if not self._reached else self.endpoint.host
            sentence = f"{told}: {_reason(error, self.endpoint.host)}"
            # A peer that never answered is most likely misspelt or down; one that did deserves patience.
            raise (TryAgain(sentence) if self._reached else Unavailable(sentence)) from error
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.endpoint.host} cannot be used: {error}") from error

    async def _authorized(self, path: str, scope: str, headers: Mapping[str, str]) -> httpx.Response:
        sent = self._auth.header()
        response = await self._send(path, headers, sent)
        # Only the registry itself may ask for credentials, not a host that it sends us on to.
        if response.status_code == 401 and response.url.netloc == httpx.URL(self.endpoint.url).netloc:
            await _drain(response)
            challenges = parse_challenges(response.headers.get_list("www-authenticate"))
            response = await self._send(path, headers, await self._auth.answer(challenges, sent, scope))
        return response

    async def _send(self, path: str, headers: Mapping[str, str], authorization: str | None) -> httpx.Response:
        extra = {"Authorization": authorization} if authorization else {}
        request = self._client.build_request("GET", f"{self.endpoint.url}{path}", headers={**headers, **extra})
        # httpx drops the Authorization header where a redirect leaves the host.
        response = await self._client.send(request, stream=True, follow_redirects=True)
        self._reached = True
        return response

    async def _fault(self, response: httpx.Response, image: str, missing: CkError) -> CkError:
        status, host = response.status_code, response.url.netloc.decode()
        message = error_message(await _drain(response))
        told = f": {message}" if message else ""
        if status == 404:
            return missing
        if status in (401, 403) and self._auth.anonymous:
            return NotFound(f"pull access denied for {image}: it does not exist or may require a login to {host}{told}")
        if status in (401, 403):
            return Unauthorized(f"{host} refuses the user name or password{told}")
        if status == 416:
            return CorruptData(f"a blob at {host} is shorter than its manifest says")
        sentence = f"{host} answered {status} {response.reason_phrase}{told}"
        if status in TRANSIENT:
            return TryAgain(sentence, retry_after(response.headers.get("retry-after"), datetime.now(UTC)))
        return Unavailable(sentence)


async def _drain(response: httpx.Response) -> bytes:
    """An error's body, so that the connection can be used again; no more than an honest one has."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ERROR_BYTES:
            break
    await response.aclose()
    return body[:MAX_ERROR_BYTES]


def _reason(error: httpx.TransportError, host: str) -> str:
    """Why a request failed, without the names of classes."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no byte for {SILENCE_SECONDS:g} s"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({cause.verify_message}); "
                f"if it should be, put its CA into /etc/ck/certs.d/{host}/ca.crt"
            )
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({cause.reason or cause})"
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
            return os.strerror(cause.errno).lower()
    return str(error) or "the connection broke"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__

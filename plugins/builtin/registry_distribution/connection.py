"""HTTP to one endpoint: authentication, and every fault told as one sentence that names the host and the reason."""

import logging
import os
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import attrs
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


@attrs.frozen(kw_only=True)
class Call:
    """One request. `url` is a path at the endpoint, or a whole URL that it gave; `image` is what users call it, `scope`
    the access that it takes (token specification), `missing` what a 404 means. `content` makes the body anew each time
    that it is sent."""

    method: str = "GET"
    url: str
    image: str
    scope: str
    missing: CkError
    headers: Mapping[str, str] = attrs.field(factory=dict)
    content: Callable[[], AsyncIterable[bytes] | bytes] | None = None
    accepted: Collection[int] = (200, 206)
    verb: str = "pull"


class Connection:
    """One endpoint while one image is fetched from it or sent to it."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint, find: FindCredentials) -> None:
        self.endpoint = endpoint
        self._client = client
        self._auth = Authenticator(client, endpoint, find)
        self._reached = False

    @asynccontextmanager
    async def request(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The answer to *call*, with one of the statuses that it accepts; its body is to be streamed.

        Raises: what the call says for 404; NotFound where an anonymous client is not let in; TryAgain for a passing
        fault, also of the body; Unauthorized, Unavailable, CorruptData.
        """
        try:
            response = await self._authorized(call)
            try:
                if response.status_code not in call.accepted:
                    raise await self._fault(response, call)
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

    async def _authorized(self, call: Call) -> httpx.Response:
        sent = self._auth.header()
        response = await self._send(call, sent)
        # Only the registry itself may ask for credentials, not a host that it sends us on to.
        if response.status_code == 401 and self._is_own(response.url):
            await _drain(response)
            challenges = parse_challenges(response.headers.get_list("www-authenticate"))
            response = await self._send(call, await self._auth.answer(challenges, sent, call.scope))
        return response

    async def _send(self, call: Call, authorization: str | None) -> httpx.Response:
        url = httpx.URL(self.endpoint.url).join(call.url)
        extra = {"Authorization": authorization} if authorization and self._is_own(url) else {}
        content = call.content() if call.content else None
        request = self._client.build_request(call.method, url, headers={**call.headers, **extra}, content=content)
        # httpx drops the Authorization header where a redirect leaves the host.
        response = await self._client.send(request, stream=True, follow_redirects=call.method in ("GET", "HEAD"))
        self._reached = True
        return response

    def _is_own(self, url: httpx.URL) -> bool:
        """Whether it is the registry's own, and not of a host that the registry sends us on to."""
        return url.netloc == httpx.URL(self.endpoint.url).netloc

    async def _fault(self, response: httpx.Response, call: Call) -> CkError:
        status, host = response.status_code, response.url.netloc.decode()
        message = error_message(await _drain(response))
        told = f": {message}" if message else ""
        if status == 404:
            return call.missing
        if status in (401, 403) and call.verb == "push":
            return Unauthorized(
                f"push access denied for {call.image}: log in to {host} as one who may push there{told}"
            )
        if status in (401, 403) and self._auth.anonymous:
            return NotFound(
                f"pull access denied for {call.image}: it does not exist or may require a login to {host}{told}"
            )
        if status in (401, 403):
            return Unauthorized(f"{host} refuses the user name or password{told}")
        if status == 416 and call.verb == "push":
            return TryAgain(f"{host} has got another part of the upload than was sent{told}")
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

"""Answering a registry's challenge: basic, or a bearer token from the server that the challenge names.

Sources: distribution project, "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import httpx
import trio

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import Unauthorized, Unavailable
from ck.plugins.builtin.registry_distribution._challenge import Challenge
from ck.plugins.builtin.registry_distribution._faults import TRANSIENT, TryAgain, error_message
from ck.plugins.builtin.registry_distribution._options import Endpoint

DEFAULT_LIFE: Final = 60.0
"""Seconds that a token is good for where its server does not say (token specification)."""

SPARE_LIFE: Final = 10.0
CLIENT_ID: Final = "ck"


class Authenticator:
    """The Authorization header for one repository on one endpoint; fetched when asked for, kept until it expires."""

    def __init__(
        self, client: httpx.AsyncClient, endpoint: Endpoint, find: Callable[[], Awaitable[Credentials | None]]
    ) -> None:
        self._client, self._endpoint, self._find = client, endpoint, find
        self._lock = trio.Lock()
        self._header: str | None = None
        self._expires = 0.0
        self.anonymous = True

    def header(self) -> str | None:
        """What to send, or None where nothing is known yet."""
        return self._header if trio.current_time() < self._expires else None

    async def answer(self, challenges: Sequence[Challenge], refused: str | None, scope: str) -> str:
        """A header that answers *challenges*, other than *refused*. *scope* is asked for where they name none.

        Raises: Unauthorized, Unavailable.
        """
        # Locked, because all layers of an image meet their first challenge at once, and one token serves them all.
        async with self._lock:
            if (header := self.header()) is not None and header != refused:
                return header
            credentials = await self._find()
            self.anonymous = credentials is None
            by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
            if bearer := by_scheme.get("bearer"):
                self._header, life = await self._token(bearer, credentials, scope)
            elif "basic" in by_scheme and credentials and credentials.username:
                self._header, life = _basic(credentials), float("inf")
            else:
                raise Unauthorized(f"{self._endpoint.host} asks for a user name and password")
            if self._header == refused:
                raise Unauthorized(f"{self._endpoint.host} refuses the credentials")
            self._expires = trio.current_time() + life
            return self._header

    async def _token(self, challenge: Challenge, credentials: Credentials | None, scope: str) -> tuple[str, float]:
        realm = self._realm(challenge)
        asked = {"service": challenge.parameters.get("service", ""), "scope": challenge.parameters.get("scope", scope)}
        query = {key: value for key, value in asked.items() if value}
        if credentials and credentials.identity_token:
            form = query | {
                "grant_type": "refresh_token",
                "client_id": CLIENT_ID,
                "refresh_token": credentials.identity_token,
            }
            response = await self._client.post(realm, data=form)
        elif credentials:
            query["account"] = credentials.username
            response = await self._client.get(
                realm.copy_merge_params(query), headers={"Authorization": _basic(credentials)}, follow_redirects=True
            )
        else:
            response = await self._client.get(realm.copy_merge_params(query), follow_redirects=True)
        return _read_token(response, realm.host, credentials)

    def _realm(self, challenge: Challenge) -> httpx.URL:
        text = challenge.parameters.get("realm", "")
        try:
            realm = httpx.URL(text)
        except httpx.InvalidURL:
            realm = httpx.URL("")
        if realm.scheme not in ("http", "https") or not realm.host:
            raise Unavailable(f"{self._endpoint.host} asks for a token of the server {text!r}, which is no URL")
        # What was kept secret on the way to the registry must not go out in clear text to its token server.
        if self._endpoint.scheme == "https" and realm.scheme != "https":
            raise Unavailable(f"{self._endpoint.host} asks for a token of {text!r}, which is not https")
        return realm


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _read_token(response: httpx.Response, host: str, credentials: Credentials | None) -> tuple[str, float]:
    """The header and the seconds that it is good for."""
    status, message = response.status_code, error_message(response.content)
    told = f": {message}" if message else ""
    if status in TRANSIENT:
        raise TryAgain(f"token server {host} answered {status}{told}")
    if status in (400, 401, 403):
        who = "the credentials" if credentials else "an anonymous client"
        raise Unauthorized(f"token server {host} refuses {who}{told}")
    try:
        answer: Any = response.json() if status == 200 else None
        token = answer.get("token") or answer["access_token"]
        life = float(answer.get("expires_in") or DEFAULT_LIFE)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise Unavailable(f"token server {host} answered {status} without a token{told}") from None
    # A line break in it would be a second header.
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Unavailable(f"token server {host} sent a token that is not plain text")
    return f"Bearer {token}", max(life, DEFAULT_LIFE) - SPARE_LIFE

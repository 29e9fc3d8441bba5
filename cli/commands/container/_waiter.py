"""The exit code of a container, also when the engine is killed while we wait for it."""

from __future__ import annotations

from time import sleep, time

from ck.cli.client.api import Client, name
from ck.cli.client.codec import loads
from ck.cli.errors import ApiError, CliError, ConnectionFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.client.connection import Response

ENGINE_FAILED = 125
# Without autostart somebody else (systemd) brings the engine back, and nothing tells us when its socket is there.
RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


class ExitWaiter:
    """A wait: begun with `start` or by `wait`, read after the end."""

    def __init__(self, client: Client, container: str, condition: str) -> None:
        """*condition*: "not-running", "next-exit" or "removed" (Docker Engine API, ContainerWait)."""
        self._client, self._container, self._condition = client, container, condition
        self._began = int(time())
        self._response: Response | None = None

    def start(self, detach_keys: str) -> None:
        """Start the container and wait for its end; return when it is started. Raises: ApiError."""
        query = {"condition": self._condition, "detachKeys": detach_keys}
        self._response = self._client.request("POST", f"/ck/containers/{name(self._container)}/start", query)

    def wait(self) -> None:
        """Wait for the end of a container that runs; return when the engine has registered that. Raises: ApiError."""
        self._wait(self._condition)

    def _wait(self, condition: str) -> None:
        path = f"/containers/{name(self._container)}/wait"
        self._response = self._client.request("POST", path, {"condition": condition})

    def code(self) -> int:
        """Block until the condition holds; return the exit code. Raises: ApiError, ConnectionFailed, CliError."""
        while True:
            assert self._response is not None, "start() or wait() comes before code()"
            try:
                result = loads(self._response.read())
            except ConnectionFailed:
                # The engine was killed; the container and its output go on without it.
                if (code := self._wait_again()) is not None:
                    return code
                continue
            if message := (result.get("Error") or {}).get("Message"):
                raise CliError(message, ENGINE_FAILED)
            return int(result["StatusCode"])

    def _wait_again(self) -> int | None:
        """Register the wait with the next engine; return the exit code if the container was removed in between."""
        # Not "next-exit": it may have been while nobody listened.
        condition = "removed" if self._condition == "removed" else "not-running"
        delays = iter(RETRY_SECONDS)
        while True:
            try:
                self._wait(condition)
                return None
            except ApiError as error:
                if error.status != 404:
                    raise
                return self._code_from_journal()
            except ConnectionFailed:
                delay = next(delays, None)
                if delay is None:
                    raise
                sleep(delay)

    def _code_from_journal(self) -> int:
        filters: dict[str, Any] = {"container": [self._container], "event": ["die"], "type": ["container"]}
        events = self._client.stream(
            "GET", "/events", {"since": self._began, "until": int(time()) + 1, "filters": filters}
        )
        codes = [event["Actor"]["Attributes"]["exitCode"] for event in events]
        if not codes:
            raise CliError(
                f"{self._container} was removed while the engine was away; its exit code is not known", ENGINE_FAILED
            )
        return int(codes[-1])

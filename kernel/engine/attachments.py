"""Clients that attached to a container before it was started: their sockets wait here for the shim."""

import select

from ck.kernel.drivers.runtime import AttachRequest


class Attachments:
    """Requests by container ID, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[AttachRequest]] = {}

    def add(self, container_id: str, request: AttachRequest) -> None:
        """Keep *request* until the container starts; drop those whose client has gone."""
        for waiting_id in list(self._waiting):
            self._drop_gone(waiting_id)
        self._waiting.setdefault(container_id, []).append(request)

    def take(self, container_id: str) -> AttachRequest | None:
        """The next request to hand to the shim, which is the caller's now; None when there is no more."""
        self._drop_gone(container_id)
        waiting = self._waiting.get(container_id, [])
        request = waiting.pop(0) if waiting else None
        if not waiting:
            self._waiting.pop(container_id, None)
        return request

    def close(self, container_id: str) -> None:
        """The container will not start: hang up."""
        for request in self._waiting.pop(container_id, []):
            request.stream.close()

    def _drop_gone(self, container_id: str) -> None:
        requests = self._waiting.pop(container_id, [])
        kept = [request for request in requests if not _hung_up(request)]
        for request in requests:
            if request not in kept:
                request.stream.close()
        if kept:
            self._waiting[container_id] = kept


def _hung_up(request: AttachRequest) -> bool:
    """POLLHUP means both directions are closed; a client that only ended its stdin gives POLLIN and POLLRDHUP."""
    poll = select.poll()
    poll.register(request.stream, 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))

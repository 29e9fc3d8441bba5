"""Which containers `ps` shows. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

import attrs

from ck.kernel.api.container import Container
from ck.kernel.lifecycle import ACTIVE, State
from ck.plugins.builtin.docker_api._shapes.endpoints import network_names
from ck.plugins.builtin.docker_api._shapes.filters import (
    Filters,
    check_names,
    flag,
    invalid_value,
    labels_match,
    patterns,
)
from ck.plugins.builtin.docker_api._shapes.summary import health_word

KNOWN: Final = frozenset(
    {
        "ancestor",
        "before",
        "expose",
        "exited",
        "health",
        "id",
        "isolation",
        "is-task",
        "label",
        "name",
        "network",
        "publish",
        "since",
        "status",
        "volume",
    }
)
_HEALTH: Final = frozenset({"starting", "healthy", "unhealthy", "none"})
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")

Test = Callable[[Container], bool]


@attrs.frozen(kw_only=True)
class Looked:
    """What the engine was asked, for filters that name other things: IDs of ancestor images, and when the containers of
    `before` and `since` were created."""

    ancestors: Collection[str] = ()
    before: datetime | None = None
    since: datetime | None = None


def container_test(filters: Filters, looked: Looked) -> Test:
    """A test for one container. Raises: InvalidArgument for an unknown filter or a value that does not parse."""
    check_names(filters, KNOWN)
    tests = list(_tests(filters, looked))
    return lambda container: all(test(container) for test in tests)


def shows_stopped(filters: Filters) -> bool:
    """Whether a filter makes `ps` show containers that do not run even without --all."""
    return "status" in filters


def _tests(filters: Filters, looked: Looked) -> Iterator[Test]:
    get = filters.get
    if labels := get("label"):
        yield lambda one: labels_match(labels, one.config.labels)
    if get("name"):
        name_matches = patterns(filters, "name")
        # Docker's names begin with a slash, and people anchor either spelling.
        yield lambda one: name_matches(one.name) or name_matches(f"/{one.name}")
    if get("id"):
        id_matches = patterns(filters, "id")
        yield lambda one: id_matches(one.id)
    if statuses := get("status"):
        wanted = {_status(value) for value in statuses}
        yield lambda one: one.state.status in wanted
    if codes := get("exited"):
        exit_codes = {_exit_code(value) for value in codes}
        yield lambda one: _has_exited(one) and one.state.exit_code in exit_codes
    if "ancestor" in filters:
        yield lambda one: one.image_id in looked.ancestors
    if volumes := get("volume"):
        yield lambda one: any(mount.name in volumes or mount.destination in volumes for mount in one.mounts)
    if networks := get("network"):
        yield lambda one: _on_network(one, networks)
    if looked.before is not None:
        before = looked.before
        yield lambda one: one.created < before
    if looked.since is not None:
        since = looked.since
        yield lambda one: one.created > since
    for name in ("publish", "expose"):
        if ports := get(name):
            yield _port_test(name, ports)
    if healths := get("health"):
        for value in healths:
            if value not in _HEALTH:
                raise invalid_value("health", value)
        yield lambda one: health_word(one.state) in healths
    if flag(filters, "is-task"):
        yield lambda one: False
    if isolations := get("isolation"):
        yield lambda one: one.host_config.isolation in isolations


def _port_test(name: str, values: Sequence[str]) -> Test:
    numbers = {number for value in values for number in _port_numbers(name, value)}
    return lambda one: bool(numbers & _ports_of(one, published=name == "publish"))


def _status(value: str) -> State:
    try:
        return State(value)
    except ValueError:
        raise invalid_value("status", value) from None


def _exit_code(value: str) -> int:
    if not value.removeprefix("-").isdecimal() or len(value) > 10:
        raise invalid_value("exited", value)
    return int(value)


def _has_exited(container: Container) -> bool:
    return container.state.status not in ACTIVE and container.state.started_at is not None


def _on_network(container: Container, wanted: Collection[str]) -> bool:
    ids = {endpoint.network_id for endpoint in container.endpoints.values()}
    return any(name in wanted for name in network_names(container)) or any(
        network_id.startswith(value) for network_id in ids for value in wanted
    )


def _port_numbers(name: str, value: str) -> Iterator[str]:
    """ "8080", "8080/udp", "8000-8010/tcp" -> "8080/tcp", ..."""
    found = _PORTS.fullmatch(value)
    if not found or int(found[1]) > int(found[2] or found[1]) or int(found[2] or found[1]) > 65535:
        raise invalid_value(name, value)
    for number in range(int(found[1]), int(found[2] or found[1]) + 1):
        yield f"{number}/{found[3] or 'tcp'}"


def _ports_of(container: Container, *, published: bool) -> set[str]:
    host = container.host_config
    if not published:
        return set(container.config.exposed_ports) | set(host.port_bindings)
    return {
        f"{binding.host_port}/{port.partition('/')[2] or 'tcp'}"
        for port, bindings in host.port_bindings.items()
        for binding in bindings
    }

"""Events as the API shows them; which of them `events` shows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ck.kernel.events import Event, Noun, Recorded
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.filters import Filters, check_names, labels_match
from ck.plugins.builtin.docker_api._shapes.times import unix_ns

KNOWN_FILTERS: Final = frozenset(noun.value for noun in Noun) | {"event", "label", "plugin", "scope", "type"}


def event_json(recorded: Recorded) -> Json:
    """`ck` holds what Docker does not tell: the journal's cursor, why, and who asked."""
    event = recorded.event
    time_ns = unix_ns(event.at)
    json: Json = {
        "Type": event.noun.value,
        "Action": event.action,
        "Actor": {"ID": event.subject, "Attributes": dict(event.attributes)},
        "scope": "local",
        "time": time_ns // 1_000_000_000,
        "timeNano": time_ns,
        "ck": {
            "cursor": recorded.cursor,
            "cause": event.cause,
            "uid": event.uid,
            "pid": event.pid,
            "program": event.program,
        },
    }
    if event.noun in (Noun.CONTAINER, Noun.IMAGE):
        # The first API's fields, for these two only.
        json |= {"status": event.action, "id": event.subject}
        if "image" in event.attributes:
            json["from"] = event.attributes["image"]
    return json


def event_test(filters: Filters) -> Callable[[Event], bool]:
    """A test for one event. Raises: InvalidArgument for an unknown filter."""
    check_names(filters, KNOWN_FILTERS)
    actions, kinds = set(filters.get("event", ())), set(filters.get("type", ()))
    scopes, labels = filters.get("scope", ()), filters.get("label", ())
    subjects = {noun: filters[noun.value] for noun in Noun if filters.get(noun.value)}

    def test(event: Event) -> bool:
        # "exec_start: sh" is asked for as exec_start.
        if actions and event.action not in actions and event.action.partition(":")[0] not in actions:
            return False
        if (kinds and event.noun.value not in kinds) or (scopes and "local" not in scopes) or filters.get("plugin"):
            return False
        return labels_match(labels, event.attributes) and (not subjects or _about(event, subjects))

    return test


def _about(event: Event, subjects: Mapping[Noun, Sequence[str]]) -> bool:
    """Whether the event is about one of the things named, for each kind of thing that is named."""
    return all(any(_names(event, noun, value) for value in values) for noun, values in subjects.items())


def _names(event: Event, noun: Noun, value: str) -> bool:
    attributes = event.attributes
    if noun is Noun.IMAGE and event.noun is Noun.CONTAINER:
        return _bare(attributes.get("image", "")) == _bare(value) or attributes.get("image") == value
    if event.noun is not noun:
        return False
    name = attributes.get("name", "")
    if noun is Noun.IMAGE:
        return value in (event.subject, name, _bare(name), _bare(event.subject))
    return bool(value) and (event.subject.startswith(value) or name == value.removeprefix("/"))


def _bare(reference: str) -> str:
    """A reference without its tag."""
    head, slash, last = reference.rpartition("/")
    return head + slash + last.partition(":")[0]

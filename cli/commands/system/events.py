"""`ck events`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import filters
from ck.cli.commands.container.logs import moments
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, text, texts
from ck.cli.output.listing import INSPECT_FORMAT_HELP
from ck.cli.output.times import rfc3339_nano

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "",
    "Get real time events from the engine",
    (
        text("cursor", "Show all events after the one of this number, each with its number", kind="int"),
        texts("filter", "Filter output based on conditions provided", "f", kind="filter"),
        text("format", INSPECT_FORMAT_HELP),
        text("since", "Show all events created since timestamp"),
        text("until", "Stream events until this timestamp"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Print events as they happen, one a line, until the connection ends or --until is past.

    Raises: CliError where the engine can tell no more."""
    template = None
    if format_ := args.text("format"):
        from ck.cli.output.template.evaluate import Template

        template = Template("{{json .}}" if format_ == "json" else format_)
    query: dict[str, object] = {"filters": filters(args) or None, **moments(args)}
    numbered = args.given("cursor")
    if numbered:
        if (cursor := args.number("cursor")) < 0:
            raise args.invalid("cursor", args.text("cursor"), "it is 0 or the number of an event")
        query["cursor"] = cursor
    for event in client.stream("GET", "/events", query):
        if "error" in event:
            raise CliError(event["error"])
        if template:
            print(template.run(event), flush=True)
        else:
            print(*([event["ck"]["cursor"]] if numbered else []), event_text(event), flush=True)
    return 0


def event_text(event: dict[str, Any]) -> str:
    """`TIME TYPE ACTION ID (attribute=value, ...)`."""
    actor = event.get("Actor") or {}
    attributes = ", ".join(f"{key}={value}" for key, value in sorted((actor.get("Attributes") or {}).items()))
    words = [rfc3339_nano(event["timeNano"]), event["Type"], event["Action"], actor.get("ID", "")]
    return " ".join(words) + (f" ({attributes})" if attributes else "")

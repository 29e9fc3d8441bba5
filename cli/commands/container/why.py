"""`ck why`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP
from ck.cli.output.times import rfc3339_nano

COMMAND = Command(
    "CONTAINER",
    "Tell what ended or restarted a container, who did it, and what came before",
    (text("format", INSPECT_FORMAT_HELP, "f"),),
    minimum=1,
    maximum=1,
    completes=("container",),
)

FROM_SECONDS = slice(0, 23)  # of an RFC 3339 time: to the millisecond


def run(args: Args, client: Client) -> int:
    """Print one screen: how it is, why, and its last events in local time."""
    why = client.get(f"/ck/containers/{name(args.words[0])}/why")
    if format_ := args.text("format"):
        from ck.cli.output.template.evaluate import Template

        print(Template("{{json .}}" if format_ == "json" else format_).run(why))
        return 0
    print(f"{why['Name']} ({why['Id'][:12]}): {why['Headline']}")
    for reason in why["Reasons"]:
        print(f"  {reason}")
    if why["History"]:
        print()
    for moment in why["History"]:
        print(f"  {rfc3339_nano(moment['TimeNano'])[FROM_SECONDS].replace('T', ' ')}  {moment['Text']}")
    return 0

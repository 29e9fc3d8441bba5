"""`ck search`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import filters
from ck.cli.credentials import auth_header
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.output.listing import FORMAT_HELP, Listing
from ck.cli.output.units import ellipsis
from ck.cli.reference import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.output.listing import Row

COMMAND = Command(
    "TERM",
    "Search Docker Hub, or another registry (HOST/TERM), for images",
    (
        texts("filter", "Filter output based on conditions provided", "f", kind="filter"),
        text("format", FORMAT_HELP),
        text("limit", "Max number of search results", kind="int"),
        switch("no-trunc", "Don't truncate output"),
    ),
    minimum=1,
    maximum=1,
)

HEADERS = {
    "Name": "NAME",
    "Description": "DESCRIPTION",
    "StarCount": "STARS",
    "IsOfficial": "OFFICIAL",
    "IsAutomated": "AUTOMATED",
}
DEFAULT = ("Name", "Description", "StarCount", "IsOfficial")
DESCRIPTION_WIDTH = 45


def run(args: Args, client: Client) -> int:
    """Print one row for each repository, those that most people like first."""
    term = args.words[0]
    limit = args.number("limit") if args.given("limit") else None
    found = client.get(
        "/images/search", auth_header(registry(term)), term=term, limit=limit, filters=filters(args) or None
    )
    found.sort(key=lambda each: -each["star_count"])
    rows = [_row(each, full=args.on("no-trunc")) for each in found]
    Listing(HEADERS, DEFAULT).show(rows, args.text("format"))
    return 0


def _row(found: dict[str, Any], *, full: bool) -> Row:
    description = " ".join(found["description"].split())
    return {
        "Name": found["name"],
        "Description": description if full else ellipsis(description, DESCRIPTION_WIDTH),
        "StarCount": str(found["star_count"]),
        "IsOfficial": "[OK]" if found["is_official"] else "",
        "IsAutomated": "[OK]" if found["is_automated"] else "",
    }

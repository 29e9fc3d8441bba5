"""`ck import`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, text, texts
from ck.cli.output.upload import pieces
from ck.cli.reference import split

COMMAND = Command(
    "file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image",
    (
        texts("change", "Apply Dockerfile instruction to the created image", "c"),
        text("message", "Set commit message for imported image", "m"),
        text("platform", "Set platform if the engine is multi-platform capable"),
    ),
    minimum=1,
    maximum=2,
)


def run(args: Args, client: Client) -> int:
    """Send the archive, print the ID of its image."""
    source, *target = args.words
    remote = source.startswith(("http://", "https://"))
    repository, tag = split(target[0]) if target else ("", "")
    query: dict[str, object] = {
        "fromSrc": source if remote else "-",
        "repo": repository,
        "tag": tag,
        "message": args.text("message"),
        "changes": args.texts("change"),
        "platform": args.text("platform"),
    }
    for message in client.stream("POST", "/images/create", query, data=() if remote else pieces(source)):
        if error := message.get("error"):
            raise CliError(str(error))
        print(message["status"])
    return 0

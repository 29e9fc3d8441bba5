"""`ck manifest inspect`."""

from __future__ import annotations

from binascii import a2b_base64

from ck.cli.client.api import Client, name
from ck.cli.commands.manifest import _lists as lists
from ck.cli.credentials import auth_header
from ck.cli.flags import Args, Command, switch
from ck.cli.reference import absolute, registry, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "[MANIFEST_LIST] MANIFEST",
    "Display an image manifest or an index: of a local list, of a registry, or of an image that is here",
    (switch("verbose", "Output the platform and the manifest of each image too", "v"),),
    minimum=1,
    maximum=2,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Print the document, indented; with -v what is known of it and, for an index, of each manifest."""
    import json

    *parent, reference = args.words
    verbose = args.on("verbose")
    shown: Any
    if parent:
        entry = lists.find(parent[0], reference)
        shown = entry if verbose else json.loads(a2b_base64(entry["Raw"]))
    elif lists.exists(reference):
        entries = lists.read(reference)
        shown = entries if verbose else json.loads(lists.index(reference, entries))
    else:
        found = _ask(client, reference)
        document = json.loads(a2b_base64(found["Raw"]))
        shown = _all(client, found, document) if verbose else document
    print(json.dumps(shown, indent="\t", ensure_ascii=False))
    return 0


def _ask(client: Client, reference: str) -> dict[str, Any]:
    reference = absolute(reference)
    answer: dict[str, Any] = client.get(
        f"/ck/manifests/{name(reference)}", auth_header(registry(reference)), local=True
    )
    return answer


def _all(client: Client, found: dict[str, Any], document: dict[str, Any]) -> Any:
    if "manifests" not in document:
        return lists.entry_of(found)
    repository = split(found["Ref"])[0]
    entries = []
    for described in document["manifests"]:
        child = _ask(client, f"{repository}@{described['digest']}")
        entries.append(lists.entry_of(child) | {"Descriptor": described})
    return entries

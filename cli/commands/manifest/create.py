"""`ck manifest create`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands.manifest import _lists as lists
from ck.cli.credentials import auth_header
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, switch
from ck.cli.reference import full, registry

COMMAND = Command(
    "MANIFEST_LIST MANIFEST [MANIFEST...]",
    "Create a local list of manifests, which are in a registry, to be annotated and pushed as one image",
    (switch("amend", "Add to a list that is there already", "a"),),
    minimum=2,
    maximum=None,
)


def run(args: Args, client: Client) -> int:
    """Ask for each manifest; make the list once all are known."""
    target, *manifests = args.words
    if lists.exists(target) and not args.on("amend"):
        raise CliError(f"the manifest list {full(target)} exists already: add to it with --amend, or ck manifest rm it")
    entries = []
    for each in manifests:
        found = client.get(f"/ck/manifests/{name(full(each))}", auth_header(registry(each)))
        if found["Descriptor"]["mediaType"] in lists.INDEXES:
            raise CliError(f"{full(each)} is a manifest list itself: name one of its manifests, as NAME@DIGEST")
        entries.append(lists.entry_of(found))
    for entry in entries:
        lists.write(target, entry)
    print(f"Created manifest list {full(target)}")
    return 0

"""`ck manifest push`."""

from __future__ import annotations

import sys
from binascii import b2a_base64

from ck.cli.client.api import Client, name
from ck.cli.commands.manifest import _lists as lists
from ck.cli.credentials import auth_header
from ck.cli.flags import Args, Command, switch
from ck.cli.reference import full, registry, split
from ck.cli.terminal.progress import Progress

COMMAND = Command(
    "MANIFEST_LIST",
    "Push a local list to a registry as one image, its manifests with it",
    (switch("purge", "Remove the local list after the push", "p"),),
    minimum=1,
    maximum=1,
)


def run(args: Args, client: Client) -> int:
    """Push, telling how it goes; the digest is on the last line."""
    target = args.words[0]
    entries = lists.read(target)
    body = {
        "Index": b2a_base64(lists.index(target, entries), newline=False).decode(),
        "Sources": {entry["Descriptor"]["digest"]: split(entry["Ref"])[0] for entry in entries},
    }
    path = f"/ck/manifests/{name(full(target))}"
    Progress(sys.stdout).show(client.stream("POST", path, {}, body, headers=auth_header(registry(target))))
    if args.on("purge"):
        lists.remove(target)
    return 0

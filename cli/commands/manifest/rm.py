"""`ck manifest rm`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.commands.manifest import _lists as lists
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command
from ck.cli.reference import full

COMMAND = Command("MANIFEST_LIST [MANIFEST_LIST...]", "Remove local lists of manifests", minimum=1, maximum=None)


def run(args: Args, client: Client) -> int:
    """Forget each list and print its name; what was pushed stays where it is. All are tried."""
    code = 0
    for each in args.words:
        try:
            lists.remove(each)
        except CliError as error:
            sys.stdout.flush()
            sys.stderr.write(f"ck: {error}\n")
            code = 1
        else:
            print(full(each), flush=True)
    return code

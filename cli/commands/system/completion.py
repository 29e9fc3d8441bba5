"""`ck completion`."""

from __future__ import annotations

import os

from ck.cli.client.api import Client
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command

SHELLS = ("bash", "fish", "zsh")

COMMAND = Command(
    "SHELL",
    "Print the completion script for a shell (bash, fish or zsh).\n\n"
    "  bash:  source <(ck completion bash)\n"
    "  fish:  ck completion fish | source\n"
    "  zsh:   source <(ck completion zsh)",
    minimum=1,
    maximum=1,
    completes=(SHELLS,),
)


def run(args: Args, client: Client) -> int:
    """Print a script that asks `ck __complete` for the words, so that it never goes out of date."""
    shell = args.words[0]
    if shell not in SHELLS:
        raise CliError(f"no completion for shell {shell!r}; there is one for {', '.join(SHELLS)}")
    scripts = os.path.join(os.path.dirname(__file__), "..", "..", "completion")
    with open(os.path.join(scripts, f"ck.{shell}"), encoding="utf-8") as file:
        print(file.read(), end="")
    return 0

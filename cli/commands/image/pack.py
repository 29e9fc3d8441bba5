"""`ck image pack`, `ck pack`."""

from __future__ import annotations

import os

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, text, texts
from ck.cli.options.environment import environment, pairs

COMMAND = Command(
    "PROGRAM [PROGRAM...]",
    "Make an image of programs of this machine, with all that they need to run.\nThe same files make the same image.",
    (
        text("entrypoint", "What a container runs, a word or a JSON list (default: the first program, as its command)"),
        texts("env", "Set an environment variable of the image", "e"),
        texts("label", "Set metadata on the image"),
        texts("tag", "Name of the image, which it can be pushed under (NAME[:TAG])", "t"),
    ),
    minimum=1,
    maximum=None,
)


def run(args: Args, client: Client) -> int:
    """Have the image made and print its ID."""
    body = {
        "Programs": args.words,
        "Entrypoint": args.convert("entrypoint", args.text("entrypoint"), _entrypoint),
        "Env": args.parsed("env", lambda each: environment([each], os.environ)[0]),
        "Labels": dict(item for each in args.parsed("label", lambda one: pairs([one])) for item in each.items()),
        "Tags": args.texts("tag"),
    }
    print(client.post("/ck/pack", body)["Id"])
    return 0


def _entrypoint(text: str) -> list[str]:
    """One word, or the words of a JSON list. Raises: ValueError."""
    if not text.startswith("["):
        return [text] if text else []
    from ck.cli.client.codec import loads

    words = loads(text.encode())
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("a JSON list of strings is wanted")
    return words

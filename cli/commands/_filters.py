"""`--filter KEY=VALUE` for the API, and the question before something is removed."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.flags import Args


def filters(args: Args) -> dict[str, list[str]]:
    """The API's `filters`: values by key. Raises: UsageError."""
    result: dict[str, list[str]] = {}
    for given in args.texts("filter"):
        key, equals, value = given.partition("=")
        if not equals or not key.strip():
            raise args.invalid("filter", given, "invalid filter format: must be KEY=VALUE")
        result.setdefault(key.strip().lower(), []).append(value.strip())
    return result


def confirmed(args: Args, warning: str) -> bool:
    """Ask, unless --force was given. Only "y" is a yes; the end of input is a no."""
    if args.on("force"):
        return True
    sys.stdout.write(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def print_pruned(title: str, names: list[str] | None, space: int) -> None:
    """What a prune removed, and how much that freed."""
    from ck.cli.output.units import human_size

    if names:
        print(title + ":", *names, sep="\n")
        print()
    print(f"Total reclaimed space: {human_size(space)}")


def pruned_images(pruned: dict[str, Any]) -> list[str]:
    """One line for each name and layer that went."""
    return [
        f"deleted: {each['Deleted']}" if each.get("Deleted") else f"untagged: {each['Untagged']}"
        for each in pruned["ImagesDeleted"] or ()
    ]

"""What all `inspect` commands share: a JSON array, or a template for each object."""

from __future__ import annotations

import json
import sys

from ck.cli.errors import ApiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ck.cli.flags import Args


def inspect_each(args: Args, get: Callable[[str], Any]) -> int:
    """Print what *get* returns for each name; the ones that are missing are told after the others. Return the exit
    code."""
    found, failures = [], []
    for name in args.words:
        try:
            found.append(get(name))
        except ApiError as error:
            failures.append(str(error))
    show(found, args.text("format"))
    sys.stdout.flush()
    for failure in failures:
        sys.stderr.write(f"ck: {failure}\n")
    return 1 if failures else 0


def show(found: list[Any], format_: str) -> None:
    """Print *found*: "" as indented JSON, "json" as compact JSON, else one line for each from a template."""
    if format_ == "json":
        print(json.dumps(found, separators=(",", ":"), ensure_ascii=False))
    elif not format_:
        print(json.dumps(found, indent=4, ensure_ascii=False))
    else:
        from ck.cli.output.template.evaluate import Template

        template = Template(format_)
        for each in found:
            print(template.run(each))

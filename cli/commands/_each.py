"""One action on each of several names: all are tried, every failure is told."""

from __future__ import annotations

import sys

from ck.cli.errors import ApiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def for_each(names: Iterable[str], action: Callable[[str], object], *, forgive_missing: bool = False) -> int:
    """Call *action* for each name and print the name; return 1 if any failed, else 0.

    Names are printed in the order given, each as soon as it is done, because scripts read that. *forgive_missing*: a
    name that names nothing is told, but is no failure.
    """
    code = 0
    for name in names:
        try:
            action(name)
        except ApiError as error:
            sys.stdout.flush()
            sys.stderr.write(f"ck: {error}\n")
            if not forgive_missing or error.status != 404:
                code = 1
        else:
            print(name, flush=True)
    return code

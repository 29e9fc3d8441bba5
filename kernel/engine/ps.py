"""The output of ps(1), cut down to a container's processes. Pure."""

from collections.abc import Collection

from ck.kernel.api.container import Processes
from ck.kernel.errors import InvalidArgument


def parse_ps(text: str, pids: Collection[int]) -> Processes:
    """Keep the rows whose PID is one of *pids*. Raises: InvalidArgument where the output has no PID column."""
    lines = text.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise InvalidArgument("ps must show the column PID")
    column = titles.index("PID")
    # The last column may hold spaces: it is a command line.
    rows = [line.split(None, len(titles) - 1) for line in lines[1:]]
    kept = tuple(
        tuple(row) for row in rows if len(row) == len(titles) and row[column].isdigit() and int(row[column]) in pids
    )
    return Processes(titles=tuple(titles), rows=kept)

"""Progress bars and lines."""

import io
import os
import pty
from collections.abc import Iterator
from typing import Any

import pytest

from ck.cli.errors import CliError
from ck.cli.terminal.progress import Progress, bar


def messages() -> Iterator[dict[str, Any]]:
    yield {"status": "Pulling from library/x", "id": "latest"}
    yield {"status": "Pulling fs layer", "id": "aaa", "progressDetail": {}}
    yield {"status": "Downloading", "id": "aaa", "progressDetail": {"current": 50, "total": 100}}
    yield {"status": "Pull complete", "id": "aaa", "progressDetail": {}}
    yield {"status": "Status: Downloaded newer image for x"}


def test_plain_lines_have_no_bars() -> None:
    out = io.StringIO()
    Progress(out).show(messages())
    assert out.getvalue().splitlines() == [
        "latest: Pulling from library/x",
        "aaa: Pulling fs layer",
        "aaa: Pull complete",
        "Status: Downloaded newer image for x",
    ]


def test_errors_in_the_stream_are_raised() -> None:
    with pytest.raises(CliError, match="no such layer"):
        Progress(io.StringIO()).show([{"errorDetail": {"message": "no such layer"}}])


def test_lines_are_redrawn_on_a_terminal() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", 0) as terminal, os.fdopen(follower, "w") as out:
        Progress(out).show(messages())
        shown = ""
        while not shown.endswith("image for x\r\n"):
            shown += terminal.read(65536).decode()
    assert "\x1b[1A\x1b[2K\raaa: Downloading" in shown


def test_bar() -> None:
    assert bar(50, 100, 120) == f"[{'=' * 25}>{' ' * 24}]      50B/100B"
    assert bar(100, 100, 120).startswith(f"[{'=' * 50}]")
    assert bar(50, 100, 80) == "     50B/100B"
    assert bar(50, 0, 120) == "50B"
    assert bar(0, 0, 120) == ""

"""ckd's end of the connection to a shim, with the test as the shim."""

from pathlib import Path

import pytest
import trio
import trio.testing

from ck.kernel.errors import Conflict
from ck.plugins.builtin.runtime_native._link import ShimLink
from ck.plugins.builtin.runtime_native.child import wire

STATUS = {"code": 3, "time": 1, "oom": False}


def test_who_waits_survives_that_a_sender_finds_the_connection_broken(tmp_path: Path) -> None:
    async def main() -> None:
        ours, theirs = wire.pair()
        link = ShimLink("c", tmp_path, ours)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.until, lambda: link.exit is not None)
            await trio.testing.wait_all_tasks_blocked()
            wire.ShimToCkd(theirs).exited(STATUS)
            theirs.close()
            # The sender meets the broken connection before the one who waits is scheduled.
            with pytest.raises(Conflict):
                await link.ask(lambda ckd, number: ckd.go(number))
        assert link.exit == STATUS and link.gone
        link.close()

    trio.run(main)

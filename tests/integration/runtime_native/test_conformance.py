"""The native runtime passes the checks for all runtimes."""

import pytest
import trio

from ck.kernel.testing.runtime import CHECKS, WAIT_SECONDS
from ck.kernel.testing.runtime_bench import Bench


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, bench: Bench) -> None:  # type: ignore[no-untyped-def]
    async def run() -> None:
        with trio.fail_after(WAIT_SECONDS):
            await check(bench)

    trio.run(run)

"""The native runtime passes the checks for all runtimes."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from ck.kernel.testing.runtime import CHECKS
from ck.kernel.testing.runtime_bench import WAIT_SECONDS, Bench


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Bench], Awaitable[None]], bench: Bench) -> None:
    async def run() -> None:
        with trio.fail_after(WAIT_SECONDS):
            await check(bench)

    trio.run(run)

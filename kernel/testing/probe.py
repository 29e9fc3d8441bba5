"""What every health probe must do."""

from collections.abc import Sequence

from ck.kernel.drivers.probe import HealthProbe, ProbeResult, ProbeTarget
from ck.kernel.errors import InvalidArgument


async def check_health_probe(
    probe: HealthProbe,
    target: ProbeTarget,
    *,
    well: Sequence[str],
    unwell: Sequence[str],
    refused: Sequence[Sequence[str]],
) -> None:
    """*well* and *unwell* are arguments by which *target* is found so, *refused* some that `check` must not take.

    Raises: AssertionError with a sentence that says what is wrong.
    """
    assert isinstance(probe, HealthProbe), f"{probe!r} lacks methods of HealthProbe"
    assert probe.name, "the probe has no name"
    for arguments in (well, unwell):
        probe.check(arguments)
        for _ in range(2):
            result = await probe.probe(target, arguments)
            assert isinstance(result, ProbeResult), f"{result!r} is no ProbeResult"
            assert (result.exit_code == 0) == (arguments is well), f"{list(arguments)!r} is found {result}"
    for arguments in refused:
        try:
            probe.check(arguments)
        except InvalidArgument:
            continue
        raise AssertionError(f"{list(arguments)!r} is not refused")

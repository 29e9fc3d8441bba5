"""Samples to compare later ones with. Pure."""

from typing import Final

from ck.kernel.api.stats import Sample

APART_NS: Final = 900_000_000
"""How far two samples are apart that say anything of a rate: the host counts its CPU time in steps of 10 ms, and a
quota holds for 100 ms at a time. Less than a second, since those of a stream may be a little late, or early."""


class Earlier:
    """At most two samples of each container, APART_NS or more apart, so that one of them is old enough whenever
    somebody looks, however many do."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Sample, ...]] = {}

    def before(self, now: Sample, started_ns: int) -> Sample | None:
        """The newest of this run, which began at *started_ns*, that is APART_NS older than *now*; None if there is
        none."""
        return next((each for each in reversed(self._of(now, started_ns)) if _apart(each, now)), None)

    def keep(self, now: Sample, started_ns: int) -> None:
        """Take *now* for later, or forget a container that has ended."""
        kept = self._of(now, started_ns)
        if now.accounts is None:
            self._kept.pop(now.container_id, None)
        elif not kept or _apart(kept[-1], now):
            self._kept[now.container_id] = (*kept[-1:], now)

    def _of(self, now: Sample, started_ns: int) -> tuple[Sample, ...]:
        return tuple(each for each in self._kept.get(now.container_id, ()) if each.at_ns >= started_ns)


def _apart(earlier: Sample, later: Sample) -> bool:
    return later.at_ns - earlier.at_ns >= APART_NS

"""What a driver has that no record knows of: `ck doctor` asks for it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class Orphan:
    """One thing. `kind` is a word for people ("control group", "network link"), `holder` who keeps it from going."""

    kind: str
    name: str
    since: datetime | None = None
    holder: str = ""


@runtime_checkable
class OrphanKeeper(Protocol):
    """What a driver of any kind may be besides: one that can tell what of its things nobody needs."""

    async def orphans(self, known: Collection[str]) -> Sequence[Orphan]:
        """What it has of containers and networks other than *known*, by ID. What belongs to another engine of this
        machine is no orphan."""

    async def remove_orphan(self, orphan: Orphan) -> None:
        """Remove it; gone already is success. Raises: CkError, saying who holds it."""

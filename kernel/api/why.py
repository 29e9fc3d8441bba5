"""The answer to `ck why`: what became of a container and who or what did it."""

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Moment:
    """One thing that happened, in a few words."""

    at: datetime
    text: str


@attrs.frozen(kw_only=True)
class Why:
    """`headline` says how it is, `reasons` why, in sentences, the most telling first; `history` is oldest first."""

    container_id: str
    name: str
    headline: str
    reasons: tuple[str, ...] = ()
    history: tuple[Moment, ...] = ()

"""Who asked: set by a front end around each request, written into every event."""

from contextvars import ContextVar

import attrs


@attrs.frozen(kw_only=True)
class Caller:
    """Peer credentials (unix(7), SO_PEERCRED). `program` is /proc/PID/comm, "" where it is gone."""

    uid: int
    pid: int
    program: str = ""


ENGINE = Caller(uid=0, pid=0, program="ckd")
CALLER: ContextVar[Caller] = ContextVar("caller", default=ENGINE)

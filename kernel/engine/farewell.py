"""How the engine is asked to go down, by whoever has the right to."""

import attrs
import trio

from ck.kernel.linux.listen_fds import Listener


@attrs.define
class Farewell:
    """`asked` is set once. With `restart`, a new engine takes over in the same process, with `sockets` still open: who
    connects meanwhile waits instead of being refused."""

    asked: trio.Event = attrs.field(factory=trio.Event)
    restart: bool = False
    sockets: list[Listener] = attrs.field(factory=list)

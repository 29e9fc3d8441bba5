"""How the engine is asked to go down, by whoever has the right to."""

import socket

import attrs
import trio


@attrs.define
class Farewell:
    """`asked` is set once. With `restart`, a new engine takes over in the same process, with `sockets` still open: who
    connects meanwhile waits instead of being refused."""

    asked: trio.Event = attrs.field(factory=trio.Event)
    restart: bool = False
    sockets: list[socket.socket] = attrs.field(factory=list)

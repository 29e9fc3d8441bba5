"""Every verb of the engine, and what a socket of limited scope must know of it. A verb that is not here is refused."""

import enum
from collections.abc import Mapping
from typing import Final

import attrs


class About(enum.Enum):
    """What the first argument of a verb names."""

    NOTHING = enum.auto()
    CONTAINER = enum.auto()
    EXEC = enum.auto()
    VOLUME = enum.auto()
    NETWORK = enum.auto()


@attrs.frozen(kw_only=True)
class Verb:
    """`changes`: refused where only reading is allowed. `files`: shows files of a container, which on the host may be
    root's alone, so refused there too unless the config allows it. `inside`: acts in a container or shows what is in
    it, so refused for one with more power than the socket gives. `all_of_it`: concerns what belongs to everybody, so
    refused where only what has a label is to be seen. `refused`: on every such socket. `internal`: no request leads to
    it."""

    about: About = About.NOTHING
    changes: bool = False
    files: bool = False
    inside: bool = False
    all_of_it: bool = False
    refused: bool = False
    internal: bool = False


_LOOK: Final = Verb()
_LOOK_AT: Final = {about: Verb(about=about) for about in About}
_CHANGE: Final = {about: Verb(about=about, changes=True) for about in About}
_RULE: Final = Verb(changes=True, all_of_it=True)

VERBS: Final[Mapping[str, Mapping[str, Verb]]] = {
    "containers": {
        "list": _LOOK,
        "create": Verb(changes=True),
        "prune": Verb(changes=True),
        **dict.fromkeys(("get", "logs", "top", "why", "changes", "sizes", "wait"), _LOOK_AT[About.CONTAINER]),
        **dict.fromkeys(("stat_path", "get_archive", "export"), Verb(about=About.CONTAINER, files=True, inside=True)),
        **dict.fromkeys(
            ("stop", "kill", "pause", "unpause", "update", "rename", "remove", "resize"), _CHANGE[About.CONTAINER]
        ),
        **dict.fromkeys(
            ("start", "restart", "check_attachable", "attach", "put_archive"),
            Verb(about=About.CONTAINER, changes=True, inside=True),
        ),
    },
    "execs": {
        "create": Verb(about=About.CONTAINER, changes=True, inside=True),
        "of": _LOOK_AT[About.CONTAINER],
        "get": _LOOK_AT[About.EXEC],
        **dict.fromkeys(("start", "check_startable"), Verb(about=About.EXEC, changes=True, inside=True)),
        "resize": _CHANGE[About.EXEC],
    },
    "images": {
        **dict.fromkeys(("list", "get", "familiar", "is_local", "history", "save"), _LOOK),
        **dict.fromkeys(("pull", "login", "manifest", "search"), Verb(changes=True)),
        **dict.fromkeys(("tag", "remove", "prune", "import_archive", "load", "push", "push_index", "pack"), _RULE),
        "commit": Verb(about=About.CONTAINER, changes=True, inside=True, all_of_it=True),
    },
    "volumes": {
        "list": _LOOK,
        "get": _LOOK_AT[About.VOLUME],
        "create": Verb(changes=True),
        "remove": _CHANGE[About.VOLUME],
        "prune": Verb(changes=True),
    },
    "networks": {
        "list": _LOOK,
        "get": _LOOK_AT[About.NETWORK],
        "create": Verb(changes=True),
        **dict.fromkeys(("remove", "connect", "disconnect"), _CHANGE[About.NETWORK]),
        "prune": Verb(changes=True),
        "explain": Verb(all_of_it=True),
    },
    "system": {"info": _LOOK, "events": _LOOK, "disk_usage": Verb(all_of_it=True)},
    "statistics": {"once": _LOOK, "stream": _LOOK},
    "lifetime": {
        "instance": _LOOK,
        "restart": _RULE,
        "stop": _RULE,
        "take_over": Verb(internal=True),
        "hand_over": Verb(internal=True),
    },
    "doctor": {"examine": _RULE},
    # A build reads directories of the host by their names, and anything by way of git.
    "builder": dict.fromkeys(("scratch", "receive", "fetch", "download", "build", "prune"), Verb(refused=True)),
}

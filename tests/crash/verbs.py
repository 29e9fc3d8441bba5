"""Every verb that changes something: what it needs, what it does, and how one sees whether it is done."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs
from docker.errors import ImageNotFound, NotFound

from ck.kernel.linux.cgroup import PARENT, detect
from tests.crash.stage import GONE, NAME, NETWORK, Stage

_EMPTY_TAR: Final = bytes(10240)


@attrs.frozen(kw_only=True)
class Verb:
    """`look` tells a state in a word: `undone` before the verb and `done` after it, nothing else is allowed.

    `needs_shim`: also tried with the forkserver or the shim killed. `stride`: of a verb that has very many moments only
    one in so many is tried.
    """

    act: Callable[[Stage], object]
    look: Callable[[Stage], str]
    undone: str
    done: str
    prepare: Callable[[Stage], object] = lambda stage: None
    needs_shim: bool = False
    stride: int = 1


def _status(stage: Stage) -> str:
    return stage.status()


def _paused(stage: Stage) -> None:
    stage.run()
    stage.api.pause(NAME)


def _exited(stage: Stage) -> None:
    stage.run()
    stage.api.kill(NAME)
    stage.api.wait(NAME)


def _named(name: str) -> Callable[[Stage], str]:
    return lambda stage: "there" if stage.status(name) != GONE else GONE


def _execute(stage: Stage) -> None:
    session = stage.api.exec_create(NAME, ["true"])["Id"]
    stage.api.exec_start(session)


def _networks(stage: Stage) -> str:
    return ",".join(sorted(stage.api.inspect_container(NAME)["NetworkSettings"]["Networks"]))


def _second_network(stage: Stage) -> None:
    stage.api.create_network("second")
    stage.run()


def _on_both(stage: Stage) -> None:
    _second_network(stage)
    stage.api.connect_container_to_network(NAME, "second")


def _network(stage: Stage) -> str:
    return "there" if stage.api.networks(names=["second"]) else GONE


def _limits(stage: Stage) -> str:
    """What the record says, and what the kernel holds it to."""
    try:
        shown = stage.api.inspect_container(NAME)
    except NotFound:
        return GONE
    held = detect().directory("pids", f"{PARENT}/{shown['Id']}/pids.max")
    return f"{shown['HostConfig']['PidsLimit']} {Path(held).read_text().strip()}"


def _limited(stage: Stage) -> None:
    stage.run()
    stage.api._post_json(stage.api._url("/containers/{0}/update", NAME), {"PidsLimit": 50}).raise_for_status()


def _limit(stage: Stage) -> None:
    stage.api._post_json(stage.api._url("/containers/{0}/update", NAME), {"PidsLimit": 9}).raise_for_status()


def _volume(stage: Stage) -> str:
    try:
        stage.api.inspect_volume("ck-volume")
    except NotFound:
        return GONE
    return "there"


def _image(stage: Stage) -> str:
    try:
        stage.api.inspect_image(stage.image)
    except ImageNotFound:
        return GONE
    return "there"


def _tag(stage: Stage) -> str:
    return _known(stage, "ck-tag:1")


def _made(stage: Stage) -> str:
    return _known(stage, "ck-made:1")


def _known(stage: Stage, name: str) -> str:
    return "there" if any(name in (each["RepoTags"] or ()) for each in stage.api.images()) else GONE


def _commit(stage: Stage) -> None:
    stage.api.commit(NAME, "ck-made", "1")


def _import(stage: Stage) -> None:
    stage.api.import_image_from_data(_EMPTY_TAR, repository="ck-made", tag="1")


def _saved(stage: Stage) -> None:
    _import(stage)
    stage.archive = b"".join(stage.api.get_image("ck-made:1"))
    stage.api.remove_image("ck-made:1")


def _load(stage: Stage) -> None:
    # To the end of what it tells, where docker-py looks for an error.
    list(stage.api.load_image(stage.archive))


def _build(stage: Stage) -> None:
    text = f"FROM {stage.image}\nCOPY <<E /file\nx\nE\nRUN --network=none true\n"
    for step in stage.api.build(fileobj=io.BytesIO(text.encode()), tag="ck-made:1", decode=True):
        if "error" in step:
            raise OSError(step["error"])


def _pull(stage: Stage) -> None:
    for line in stage.api.pull(stage.image, stream=True, decode=True):
        if "error" in line:
            raise NotFound(line["error"])


VERBS: Final[Mapping[str, Verb]] = {
    "create": Verb(act=lambda s: s.create(), look=_status, undone=GONE, done="created"),
    "start": Verb(
        prepare=lambda s: s.create(),
        act=lambda s: s.api.start(NAME),
        look=_status,
        undone="created",
        done="running",
        needs_shim=True,
    ),
    "start again": Verb(
        prepare=_exited, act=lambda s: s.api.start(NAME), look=_status, undone="exited 137", done="running"
    ),
    "stop": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: s.api.stop(NAME, timeout=0),
        look=_status,
        undone="running",
        done="exited 137",
        needs_shim=True,
    ),
    "restart": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: s.api.restart(NAME, timeout=0),
        look=_status,
        undone="running",
        done="running",
        needs_shim=True,
    ),
    "kill": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: (s.api.kill(NAME), s.api.wait(NAME)),
        look=_status,
        undone="running",
        done="exited 137",
        needs_shim=True,
    ),
    "end": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: s.go(),
        look=_status,
        undone="running",
        done="exited 7",
        needs_shim=True,
    ),
    "end with --rm": Verb(
        prepare=lambda s: s.run(remove=True), act=lambda s: s.go(), look=_status, undone="running", done=GONE
    ),
    "pause": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: s.api.pause(NAME),
        look=_status,
        undone="running",
        done="paused",
        needs_shim=True,
    ),
    "unpause": Verb(prepare=_paused, act=lambda s: s.api.unpause(NAME), look=_status, undone="paused", done="running"),
    "exec": Verb(
        prepare=lambda s: s.run(), act=_execute, look=_status, undone="running", done="running", needs_shim=True
    ),
    "rename": Verb(
        prepare=lambda s: s.create(),
        act=lambda s: s.api.rename(NAME, "ck-other"),
        look=_named("ck-other"),
        undone=GONE,
        done="there",
    ),
    "update": Verb(prepare=_limited, act=_limit, look=_limits, undone="50 50", done="9 9"),
    "rm": Verb(
        prepare=_exited,
        act=lambda s: s.api.remove_container(NAME, v=True),
        look=_status,
        undone="exited 137",
        done=GONE,
    ),
    "rm -f": Verb(
        prepare=lambda s: s.run(),
        act=lambda s: s.api.remove_container(NAME, force=True, v=True),
        look=_status,
        undone="running",
        done=GONE,
        needs_shim=True,
    ),
    "network create": Verb(act=lambda s: s.api.create_network("second"), look=_network, undone=GONE, done="there"),
    "network rm": Verb(
        prepare=lambda s: s.api.create_network("second"),
        act=lambda s: s.api.remove_network("second"),
        look=_network,
        undone="there",
        done=GONE,
    ),
    "network connect": Verb(
        prepare=_second_network,
        act=lambda s: s.api.connect_container_to_network(NAME, "second"),
        look=_networks,
        undone=NETWORK,
        done=f"second,{NETWORK}",
    ),
    "network disconnect": Verb(
        prepare=_on_both,
        act=lambda s: s.api.disconnect_container_from_network(NAME, "second"),
        look=_networks,
        undone=f"second,{NETWORK}",
        done=NETWORK,
    ),
    "volume create": Verb(act=lambda s: s.api.create_volume("ck-volume"), look=_volume, undone=GONE, done="there"),
    "volume rm": Verb(
        prepare=lambda s: s.api.create_volume("ck-volume"),
        act=lambda s: s.api.remove_volume("ck-volume"),
        look=_volume,
        undone="there",
        done=GONE,
    ),
    "tag": Verb(act=lambda s: s.api.tag(s.image, "ck-tag", "1"), look=_tag, undone=GONE, done="there"),
    "commit": Verb(prepare=_exited, act=_commit, look=_made, undone=GONE, done="there"),
    "load": Verb(prepare=_saved, act=_load, look=_made, undone=GONE, done="there", stride=2),
    "build": Verb(act=_build, look=_made, undone=GONE, done="there", stride=4),
    "rmi": Verb(prepare=_pull, act=lambda s: s.api.remove_image(s.image), look=_image, undone="there", done=GONE),
    "pull": Verb(
        prepare=lambda s: s.attempt(lambda: s.api.remove_image(s.image)),
        act=_pull,
        look=_image,
        undone=GONE,
        done="there",
    ),
}

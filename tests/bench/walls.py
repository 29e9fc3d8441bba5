"""`./dev bench walls`: what each engine's default lets a container do, as one probe finds it from inside."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ck.kernel.drivers.platform import canonical
from ck.kernel.drivers.registry import Platform
from ck.kernel.linux.capability import names_of
from tests.bench.engines import Ck, Docker, Podman, available, run, started
from tests.bench.walls_probe import CALLS
from tests.support.daemon import TREE
from tests.support.oci_layout import OciLayout, make_layer

_TAR: Final = TREE / ".work/images/walls.tar"
_IMAGE: Final = "ck-walls"
_RUNNERS: Final = ("ck", "docker", "podman")
_PROBE: Final = Path(__file__).with_name("walls_probe.py").read_text()

Found = Mapping[str, Any]


def walls(wanted: Sequence[str]) -> str:
    """A table in Markdown: the engines that are installed and run containers, side by side."""
    asked = available([name for name in wanted if name in _RUNNERS])
    engines = [engine for engine in asked if isinstance(engine, Ck | Docker | Podman)]
    with ExitStack() as stack:
        started(engines, stack)
        found = {engine.name: _probed(engine, stack) for engine in engines}
    rows = [(title, [describe(each) for each in found.values()]) for title, describe in _ROWS]
    lines = [f"| as a container finds it | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    lines += [f"| {title} | {' | '.join(cells)} |" for title, cells in rows]
    return "\n".join([*lines, "", *_differences(found)])


def _probed(engine: Ck | Docker | Podman, stack: ExitStack) -> Found:
    """Of `run` without any option but `--network none`: what is compared is the default."""
    tar = _python_tar()
    if isinstance(engine, Ck):
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ck-walls-")))
        layout = OciLayout(directory)
        layout.add_image("latest", [make_layer(tar.read_bytes())], canonical(Platform(architecture="amd64")))
        reference = f"oci:{directory}:latest"
        run(engine, "pull", "-q", reference)
    else:
        with tar.open("rb") as file:
            command = engine.command("import", "-", _IMAGE)
            subprocess.run(command, env=engine.environment, stdin=file, capture_output=True, check=True)
        reference = _IMAGE
    found: Found = json.loads(run(engine, "run", "--rm", "--network", "none", reference, "python3", "-c", _PROBE))
    return found


def _python_tar() -> Path:
    if not _TAR.exists():
        _TAR.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _TAR.with_suffix(".new.tar")
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--include=python3",
            "bookworm",
            str(unfinished),
        ]
        subprocess.run(["unshare", "--mount", *command], check=True)
        unfinished.rename(_TAR)
    return _TAR


def _capabilities(found: Found, field: str) -> int:
    return int(found["status"][field], 16)


def _users(found: Found) -> str:
    if found["uid_map"] == [["0", "0", "4294967295"]]:
        return "the host's: root is root"
    return ", ".join(f"{inside} is {outside} (of {size})" for inside, outside, size in found["uid_map"])


def _open_of(found: Found) -> list[str]:
    return [path for path, state in found["masked"].items() if state == "open"]


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items)) or "none"


_ROWS: Final = (
    ("users: uid 0 on the host", _users),
    ("capabilities of root", lambda found: str(_capabilities(found, "CapEff").bit_count())),
    ("bounding set", lambda found: str(_capabilities(found, "CapBnd").bit_count())),
    ("inheritable and ambient", lambda found: f"{_capabilities(found, 'CapInh') | _capabilities(found, 'CapAmb'):x}"),
    ("seccomp mode (2: filter)", lambda found: found["status"]["Seccomp"]),
    (f"system calls refused, of {CALLS}", lambda found: str(len(found["refused"]))),
    ("kernel files that tell of the host", lambda found: _listed(_open_of(found))),
    ("of the kernel's directories, writable", lambda found: _listed(found["writable"])),
    ("device nodes", lambda found: str(len(found["devices"]))),
    ("descriptors", lambda found: _listed(found["fds"])),
)


def _differences(found: Mapping[str, Found]) -> list[str]:
    """What ck has and others have not, and the reverse."""
    mine, said = found["ck"], []
    for name, other in found.items():
        if name == "ck":
            continue
        more = names_of(_capabilities(mine, "CapEff") & ~_capabilities(other, "CapEff"))
        let = sorted(set(other["refused"]) - set(mine["refused"]))
        kept = sorted(set(mine["refused"]) - set(other["refused"]))
        said.append(
            f"- Beside {name}: capabilities that only ck gives: {_listed(more)}; calls that only ck lets through: "
            f"{_listed(let)}; that only ck refuses: {_listed(kept)}; devices that only ck has: "
            f"{_listed(sorted(set(mine['devices']) - set(other['devices'])))}."
        )
    return said

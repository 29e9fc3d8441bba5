"""ENOSPC at each thing that takes space: one clear sentence, no half state, and all works again once there is space."""

import json
from pathlib import Path

from tests.integration.engine.lab import Lab
from tests.integration.faults.conftest import Disk
from tests.support.census import settled

FULL = "No space left on device"


def left(disk: Disk) -> list[str]:
    """What half-made things would look like."""
    data = disk.mount_point
    half = [*data.glob("storage/*/tmp/*"), *data.glob("storage/*/trash/*"), *data.glob("content/ingest/*")]
    return [str(path.relative_to(data)) for path in half]


def refused(lab: Lab, *arguments: str) -> str:
    result = lab.daemon.ck(*arguments, check=False)
    assert result.code != 0, result
    assert len(result.err.strip().splitlines()) <= 3, result.err
    assert FULL.lower() in result.err.lower() or "disk is full" in result.err, result.err
    return result.err


def test_pull(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    disk.fill(leave=300_000)
    refused(lab, "pull", "-q", lab.image)
    assert lab.ck("images", "-q") == "" and left(disk) == []
    disk.free()
    lab.ck("pull", "-q", lab.image)
    assert lab.out("", "echo works") == "works\n"
    assert lab.ck("doctor") == "Nothing is wrong.\n"


def test_create_and_start(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    lab.ck("pull", "-q", lab.image)
    made = lab.make()
    disk.fill()
    refused(lab, "create", "--name", "ck-disk-new", lab.image, "true")
    assert "ck-disk-new" not in lab.ck("ps", "-a", "--format", "{{.Names}}") and left(disk) == []
    # Whether a start fits depends on where the last blocks are; it works, or says why not.
    started = lab.daemon.ck("start", made, check=False)
    assert started.code == 0 or "full" in started.err or FULL in started.err, started
    disk.free()
    lab.ck("start", made)
    lab.ck("create", "--name", "ck-disk-new", lab.image, "true")
    assert lab.ck("doctor") == "Nothing is wrong.\n"


def test_the_end_of_a_container_is_recorded_once_there_is_space(small: tuple[Lab, Disk], tmp_path: Path) -> None:
    lab, disk = small
    lab.ck("pull", "-q", lab.image)
    name = lab.up("--init")
    disk.fill()
    # Queries go on, and so does what needs no disk.
    assert lab.status(name) == "running 0"
    lab.daemon.ck("kill", name, check=False)
    disk.free()
    lab.daemon.ck("kill", name, check=False)
    assert settled(lambda: lab.status(name), "exited 137") == "exited 137"
    lab.ck("rm", name)
    assert lab.ck("doctor") == "Nothing is wrong.\n"


def test_a_log_loses_lines_and_says_so_but_the_container_runs_on(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    lab.ck("pull", "-q", lab.image)
    text = "x" * 1000
    loop = f"i=0; while i=$((i+1)); do echo $i {text}; sleep 0.002; done"
    name = lab.up("--log-driver json-file", "sh", "-c", loop)

    def number() -> int:
        """The last that is in the log; what it says of lost output is on the other stream."""
        last = lab.ck("logs", "--tail", "3", name).splitlines()
        return int(last[-1].split()[0]) if last else 0

    assert settled(lambda: number() > 0, True)
    disk.fill()
    before = number()
    with lab.popen("attach", "--no-stdin", name) as client:  # it writes on, and who listens hears it
        assert client.stdout is not None
        while int(client.stdout.readline().split()[0]) < before + 200:
            pass
        client.kill()
    disk.free()
    assert settled(lambda: number() > before + 200, True)
    logged = lab.daemon.ck("logs", name)
    assert b"bytes of output lost: the log was not writable" in logged.stderr
    lab.ck("rm", "-f", name)


def test_commits_are_refused_and_nothing_changes(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    lab.ck("pull", "-q", lab.image)
    name = lab.make()
    disk.fill()
    renamed = 0
    # The write-ahead log may have room for some.
    while lab.daemon.ck("rename", name, f"{name}-x", check=False).code == 0 and renamed < 3000:
        lab.daemon.ck("rename", f"{name}-x", name)
        renamed += 1
    refused(lab, "rename", name, f"{name}-x")
    assert json.loads(lab.ck("inspect", name))[0]["Name"] == f"/{name}"
    disk.free()
    lab.ck("rename", name, f"{name}-x")
    lab.daemon.kill9()
    lab.daemon.start()
    assert lab.status(f"{name}-x") == "created 0"

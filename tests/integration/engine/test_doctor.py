"""`ck doctor`: what does not belong is found, told and removed; what is stuck is named with who holds it."""

import json
import os
import secrets
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from ck.kernel.linux.cgroup import Group, detect
from tests.integration.engine.lab import Lab
from tests.integration.engine.test_survival import shim_of
from tests.support.census import settled

LONG_AGO = 1_000_000_000.0


def findings(lab: Lab, *flags: str) -> list[dict[str, Any]]:
    told = lab.daemon.ck("doctor", *flags, "--format", "json", check=False)
    return [json.loads(line) for line in told.out.splitlines()]


def told(lab: Lab, kind: str, *flags: str) -> list[str]:
    return [f"{each['Name']}: {each['Problem']}" for each in findings(lab, *flags) if each["Kind"] == kind]


def test_a_healthy_engine_has_no_findings(own_lab: Lab) -> None:
    lab = own_lab
    lab.up()
    lab.ck("stop", "-t", "0", lab.up())
    lab.make("-v /data")
    assert lab.ck("doctor") == "Nothing is wrong.\n"
    assert lab.ck("doctor", "--fix") == "Nothing is wrong.\n"


def test_a_rehearsal_is_no_run(own_lab: Lab) -> None:
    """What the forkserver plays to itself may be under way whenever somebody looks."""
    lab = own_lab
    living, runs = lab.up(), lab.daemon.run_root / "runtime/native"
    left = runs / "rehearsal" / "1"
    left.mkdir(parents=True, exist_ok=True)
    (left / "shim.sock").touch()
    assert lab.ck("doctor") == "Nothing is wrong.\n"
    lab.daemon.kill9()
    lab.daemon.start()
    assert lab.status(living) == "running 0" and lab.ck("doctor") == "Nothing is wrong.\n"
    assert not left.exists()


def test_orphans_of_each_kind_are_removed(own_lab: Lab) -> None:
    lab, data = own_lab, own_lab.daemon.data_root / "data"
    living = lab.up()
    strange = secrets.token_hex(32)
    known = lab.inspect(living, "{{.Id}}")
    directory = data / "containers" / strange
    directory.mkdir()
    os.utime(directory, (LONG_AGO, LONG_AGO))
    root = lab.daemon.storage / "containers"
    shutil.copytree(root / known, root / strange, ignore=shutil.ignore_patterns("work"))
    run = lab.daemon.run_root / "runtime/native" / strange
    run.mkdir()
    os.utime(run, (LONG_AGO, LONG_AGO))
    group = Group(detect(), strange)
    group.create()
    group.tag(str(lab.daemon.run_root / "runtime/native"))
    os.utime(group.unified, (LONG_AGO, LONG_AGO))
    foreign = Group(detect(), secrets.token_hex(32))
    foreign.create()
    seen = {(each["Kind"], Path(each["Name"]).name) for each in findings(lab)}
    assert seen == {(kind, strange) for kind in ("directory", "container root", "run", "control group")}
    fixed = findings(lab, "--fix")
    assert all(each["Fixed"] for each in fixed), fixed
    assert lab.ck("doctor") == "Nothing is wrong.\n"
    assert not directory.exists() and not (root / strange).exists() and not run.exists()
    assert lab.status(living) == "running 0"
    foreign.remove()  # another engine's is left alone
    assert not Path(group.unified).exists()


def test_a_run_of_nobody_is_named_with_its_shim_and_removed(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up()
    container_id, pid = lab.inspect(name, "{{.Id}} {{.State.Pid}}").split()
    shim = shim_of(lab, name)
    strange = secrets.token_hex(32)
    runs = lab.daemon.run_root / "runtime/native"
    (runs / container_id).rename(runs / strange)
    os.utime(runs / strange, (LONG_AGO, LONG_AGO))
    [found] = [each for each in findings(lab) if each["Kind"] == "run"]
    assert found["Name"] == strange and f"process {shim} (ck-shim)" in found["Holder"]
    findings(lab, "--fix")
    assert told(lab, "run") == [] and not (runs / strange).exists()
    assert settled(lambda: lab.status(name), "exited 137") == "exited 137"
    assert not Path(f"/proc/{pid}").exists()


def test_volumes_without_a_record_are_told_and_kept(own_lab: Lab) -> None:
    lab = own_lab
    lab.ck("volume", "create", "known")
    volumes = lab.daemon.data_root / "data/volumes/local"
    shutil.copytree(volumes / "known", volumes / "lost")
    assert ["lost: the engine has no record of it" in line for line in told(lab, "volume", "--fix")] == [True]
    assert (volumes / "lost").exists()


def test_a_stopped_shim_is_named_and_holds_up_nobody(own_lab: Lab) -> None:
    lab = own_lab
    stuck, other = lab.up(), lab.up("", "sh", "-c", "echo hello; sleep 1000")
    shim = shim_of(lab, stuck)
    os.kill(shim, signal.SIGSTOP)
    try:
        assert f"process {shim} (ck-shim) is stopped by a signal" in told(lab, "container")[0]
        began = time.monotonic()
        assert lab.status(stuck) == "running 0" and lab.ck("logs", other) == "hello\n"
        assert time.monotonic() - began < 5
        lab.ck("rm", "-f", stuck)
    finally:
        if Path(f"/proc/{shim}").exists():
            os.kill(shim, signal.SIGCONT)
    assert settled(lambda: lab.ck("doctor"), "Nothing is wrong.\n") == "Nothing is wrong.\n"


def test_an_end_that_a_stopped_shim_does_not_tell_of_is_known_all_the_same(own_lab: Lab, tmp_path: Path) -> None:
    """And nothing that the container wrote is lost."""
    lab = own_lab
    os.mkfifo(tmp_path / "gate")
    name = lab.up(f"-v {tmp_path}/gate:/gate", "sh", "-c", "read line < /gate; echo last; exit 3")
    os.kill(shim_of(lab, name), signal.SIGSTOP)
    (tmp_path / "gate").write_text("go\n")
    assert settled(lambda: lab.status(name), "exited 3") == "exited 3"
    assert lab.ck("logs", name) == "last\n"


def test_a_record_that_cannot_be_read_is_named_and_its_container_left_alone(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up()
    container_id, pid = lab.inspect(name, "{{.Id}} {{.State.Pid}}").split()
    lab.daemon.stop()
    database = sqlite3.connect(lab.daemon.data_root / "data/ck.db")
    [(record,)] = database.execute("SELECT json FROM records WHERE id = ?", (container_id,)).fetchall()
    with database:
        database.execute("UPDATE records SET json = '{' WHERE id = ?", (container_id,))
    lab.daemon.start()
    assert name not in lab.ck("ps", "-a")
    assert f"{container_id}: the container {container_id} cannot be read" in told(lab, "container record", "--fix")[0]
    assert Path(f"/proc/{pid}").exists()
    lab.daemon.stop()
    with database:
        database.execute("UPDATE records SET json = ? WHERE id = ?", (record, container_id))
    database.close()
    lab.daemon.start()
    assert lab.inspect(name, "{{.State.Pid}} {{.State.Status}}") == f"{pid} running"


def damage(database: Path, *, header: bool) -> None:
    """Overwrite the first page, or all others, with noise."""
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(0 if header else 4096)
        file.write(secrets.token_bytes(4096 if header else size - 4096))


@pytest.mark.parametrize("header", [True, False])
def test_a_damaged_store_is_set_aside_and_its_containers_come_back(own_lab: Lab, header: bool) -> None:
    lab = own_lab
    running = lab.up("-e A=b -l tier=front")
    stopped = lab.up()
    lab.ck("stop", "-t", "0", stopped)
    lab.ck("rename", stopped, f"{stopped}-renamed")
    pid = lab.inspect(running, "{{.State.Pid}}")
    lab.daemon.stop()
    damage(lab.daemon.data_root / "data/ck.db", header=header)
    lab.daemon.start()
    assert lab.inspect(running, "{{.State.Pid}} {{.State.Status}} {{.Config.Labels.tier}}") == f"{pid} running front"
    assert lab.ck("exec", running, "sh", "-c", "echo $A") == "b\n"
    assert lab.status(f"{stopped}-renamed").startswith("created")
    strange = lab.daemon.data_root / "data/containers" / secrets.token_hex(32)
    strange.mkdir()
    os.utime(strange, (LONG_AGO, LONG_AGO))
    [line] = told(lab, "damaged store", "--fix")
    assert strange.exists()  # it may be somebody's whose record is lost
    path = Path(line.partition(": ")[0])
    # A second start, and still nothing of a lost record is removed.
    lab.daemon.kill9()
    lab.daemon.start()
    assert lab.inspect(running, "{{.State.Pid}}") == pid
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    assert told(lab, "damaged store", "--fix") == [] and not strange.exists()


def test_a_damaged_layer_is_named_and_fetched_again(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.make("", "echo", "whole")
    layers = lab.daemon.storage / "layers"
    [layer] = layers.iterdir()
    (layer / "record.json").write_text("")
    refused = lab.run("", "true")
    assert refused.code == 125 and layer.name in refused.err, refused
    [line] = told(lab, "layer")
    assert line.startswith(f"sha256:{layer.name}: image ") and "missing or damaged" in line
    fixed = findings(lab, "--fix")
    assert all(each["Fixed"] for each in fixed), fixed
    assert lab.ck("start", "-a", name) == "whole\n"
    assert lab.ck("doctor") == "Nothing is wrong.\n"


@pytest.mark.parametrize("flag", ["--fix=perhaps", "--repair"])
def test_bad_input(lab: Lab, flag: str) -> None:
    lab.fails("doctor", flag, code=125)

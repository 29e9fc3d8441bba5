"""Many clients at once, and nothing left after many runs."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.engine.lab import Lab
from tests.support import census


def test_twenty_starts_at_once(lab: Lab) -> None:
    with ThreadPoolExecutor(20) as pool:
        names = list(pool.map(lambda _: lab.up("--network none"), range(20)))
        assert list(pool.map(lambda name: lab.ck("exec", name, "hostname").strip(), names)) == [
            lab.inspect(name, "{{.Id}}")[:12] for name in names
        ]
    lab.ck("rm", "-f", *names)


def test_one_container_pulled_at_by_ten(lab: Lab) -> None:
    container = lab.up("-i", "cat")
    verbs = [
        ("start",),
        ("stop", "-t", "0"),
        ("restart", "-t", "0"),
        ("kill",),
        ("pause",),
        ("unpause",),
        ("exec", "-d"),
    ]

    def pull(number: int) -> tuple[int, str]:
        verb = verbs[number % len(verbs)]
        command = (*verb, container, "true") if verb[0] == "exec" else (*verb, container)
        result = lab.daemon.ck(*command, check=False)
        return result.code, result.err

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(pull, range(50)))
    # Refused, perhaps, but always by a sentence about the state it was in.
    for code, error in results:
        assert code == 0 or "paus" in error or "running" in error or code == 137, results
    assert lab.inspect(container, "{{.State.Status}}") in ("running", "exited", "paused")
    lab.ck("rm", "-f", container)


def test_one_name_is_given_once(lab: Lab) -> None:
    name = lab.new_name()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: lab.daemon.ck("create", "--name", name, lab.image, check=False), range(8)))
    assert sorted(result.code for result in results) == [0] + [1] * 7
    assert all("already in use" in result.err for result in results if result.code)


def test_runs_leave_nothing(own_lab: Lab) -> None:
    lab = own_lab
    marks = [str(lab.daemon.run_root), str(lab.daemon.data_root)]

    def left() -> dict[str, list[str]]:
        # os.walk, because it takes no offence at what goes away meanwhile.
        found = [
            os.path.join(top, name)
            for root in (lab.daemon.run_root, lab.daemon.data_root)
            for top, directories, files in os.walk(root)
            for name in (*directories, *files)
        ]
        return {
            "files": sorted(path for path in found if "ck.db" not in path),
            # By name: a process that waits for the next run is another one after each.
            "processes": sorted(_name(pid) for pid in census.processes(marks, of=(lab.daemon.pid,))),
            # Of groups those that have this engine's name: others make and remove some all the time.
            "others": sorted(
                thing for thing in census.take(marks).things if not thing.startswith(("process", "cgroup /"))
            ),
        }

    def descriptors() -> int:
        return len(list(Path(f"/proc/{lab.daemon.pid}/fd").iterdir()))

    lab.ck("rm", "-f", "-v", lab.up("-v /anonymous"))  # makes what stays, and returns when the rest is gone
    before, open_before = left(), descriptors()
    for number in range(30):
        code = number % 3
        command = ("nosuch",) if code == 2 else ("sh", "-c", f"exit {code}")
        assert lab.run("-v /anonymous", *command).code == (127 if code == 2 else code)
    assert census.settled(left, before) == before
    # The last clients' connections may not be closed yet; a leak would be thirty or more.
    assert descriptors() < open_before + 10


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()

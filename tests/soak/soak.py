"""Many clients at random verbs while ckd is killed every few seconds: at the end nothing leaks, and every line that a
container wrote is in its log exactly once."""

import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

import docker
import requests
from docker.errors import APIError
from requests.exceptions import RequestException

from tests.support.census import settled
from tests.support.daemon import Daemon
from tests.support.leaks import leaks
from tests.support.machine import Machine

NETWORK: Final = "town"
WRITER: Final = """
run=$(cat /proc/sys/kernel/random/uuid); i=0
while i=$((i+1)); do echo "$run $i"; printf . >>/written/$run; sleep 0.5; done
"""
"""Each run has a name of its own and numbers its lines; a file has a byte for each: as many as the log has lines, or
one less where the end came between the two. They are appended: a number that is rewritten may be empty at the end."""
VERBS: Final = (
    *("create", "start", "start", "stop", "kill", "restart", "pause", "unpause", "unpause", "rename", "exec", "exec"),
    *("logs", "inspect", "list", "remove"),
)
POLICIES: Final = ("no", "always", "on-failure", "unless-stopped")


class Soak:
    """One engine on a machine of its own. `problems` has a sentence for whatever should not have happened."""

    def __init__(
        self, machine: Machine, daemon: Daemon, image: str, written: Path, *, containers: int, seed: int
    ) -> None:
        self.machine, self.daemon, self.image, self.written = machine, daemon, image, written
        self._names = [f"ck-soak-{number}" for number in range(containers)]
        self._seed = seed
        self._stop = threading.Event()
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.kills = 0

    def run(self, seconds: float, *, clients: int = 8) -> None:
        """Play for so long, then look."""
        self.daemon.ck("pull", "-q", self.image)
        self.daemon.ck("network", "create", NETWORK)
        threads = [threading.Thread(target=self._play, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        dice, end = random.Random(self._seed), time.monotonic() + seconds
        while time.monotonic() < end and not self.problems:
            self._stop.wait(dice.uniform(1.0, 5.0))
            self.daemon.kill9()
            self.kills += 1
            self.daemon.start()
        self._stop.set()
        for thread in threads:
            thread.join()
        self._look()

    def _api(self) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.daemon.socket}", version="1.44", timeout=60)

    def _play(self, number: int) -> None:
        dice, api = random.Random(f"{self._seed} {number}"), self._api()
        while not self._stop.is_set() and not self.problems:
            verb = dice.choice(VERBS)
            try:
                self._do(api, verb, dice)
                self.done[verb] += 1
            except APIError as error:
                self.done[f"{verb} refused"] += 1
                if error.response is None or error.response.status_code >= 500:
                    self.problems.append(f"{verb}: {error}")
            except (RequestException, OSError):  # the engine was killed
                self.done[f"{verb} cut off"] += 1
                self._stop.wait(0.1)
            except Exception as error:
                self.problems.append(f"{verb}: {error!r}")

    def _do(self, api: docker.APIClient, verb: str, dice: random.Random) -> None:
        name = dice.choice(self._names)
        match verb:
            case "create":
                host = api.create_host_config(
                    network_mode=dice.choice(("none", NETWORK)),
                    binds=[f"{self.written}:/written"],
                    restart_policy={"Name": dice.choice(POLICIES)},
                )
                api.create_container(self.image, ["sh", "-c", WRITER], name=name, host_config=host)
                api.start(name)
            case "start":
                api.start(name)
            case "stop":
                api.stop(name, timeout=0)
            case "kill":
                api.kill(name, dice.choice(("KILL", "TERM", "USR1")))
            case "restart":
                api.restart(name, timeout=0)
            case "pause":
                api.pause(name)
            case "unpause":
                api.unpause(name)
            case "rename":
                api.rename(name, dice.choice(self._names))
            case "exec":
                session = api.exec_create(name, ["echo", "hello"])["Id"]
                api.exec_start(session)
            case "logs":
                api.logs(name, tail=10)
            case "inspect":
                api.inspect_container(name)
            case "list":
                api.containers(all=True)
            case "remove":
                # Only by its ID: what is removed takes its log along, so its lines need not be looked for.
                api.remove_container(name, force=True, v=True)

    def _look(self) -> None:
        api = self._api()
        for each in api.containers(filters={"status": "paused"}):
            api.unpause(each["Id"])
        for each in api.containers(all=True):
            # Stopped for good, so that every log is whole.
            api.stop(each["Id"], timeout=0)
        logged: Counter[str] = Counter()
        for each in api.containers(all=True):
            logged += self._lines(api, each["Id"])
        for run, count in logged.items():
            counted = (self.written / run).stat().st_size if (self.written / run).exists() else 0
            if count - counted not in (0, 1):
                self.problems.append(f"run {run} wrote {counted} lines, and {count} are in its log")
        self.done["lines"] = sum(logged.values())
        self.problems += [f"left while containers are there: {each}" for each in self._leaks(api)]
        for each in api.containers(all=True):
            api.remove_container(each["Id"], force=True, v=True)
        self.problems += [f"left at the end: {each}" for each in self._leaks(api)]
        for line in self.daemon.ck("doctor", "--format", "json", check=False).out.splitlines():
            self.problems.append(f"ck doctor: {json.loads(line)}")

    def _leaks(self, api: docker.APIClient) -> list[str]:
        nothing: list[str] = []
        return settled(lambda: leaks(self.daemon, api, self.machine), nothing)

    def _lines(self, api: docker.APIClient, container: str) -> Counter[str]:
        """How many lines each run has in the log; they must be 1, 2, 3, ..."""
        found: Counter[str] = Counter()
        try:
            text = api.logs(container)
        except requests.exceptions.HTTPError as error:
            self.problems.append(f"logs of {container}: {error}")
            return found
        for line in text.decode().splitlines():
            run, _, number = line.partition(" ")
            found[run] += 1
            if int(number) != found[run]:
                self.problems.append(f"line {found[run]} of run {run} in container {container[:12]} is {line!r}")
                break
        return found

"""Random steps of networks on the real engine, kill -9 of ckd in the middle of some: what the engine says is what the
model says, and in the end nothing is left on the machine."""

import os
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from requests.exceptions import RequestException

from ck.kernel.linux.netns import inside
from ck.kernel.linux.nftables.attributes import parse, text
from ck.kernel.linux.nftables.connection import Nftables
from ck.kernel.linux.nftables.messages import INET, Message
from tests.support.busybox import busybox_layout
from tests.support.census import settled
from tests.support.daemon import Daemon
from tests.support.machine import Machine

NETWORKS = ["red", "green", "blue"]
CONTAINERS = ["ann", "bob", "cleo", "dora"]
FIRST_PORT = 9100
"""Container number n publishes the port FIRST_PORT + n."""
SETS = ("bridges", "internal", "masquerade", "link", "home4", "home6", "pub4", "any4", "pub6", "any6")
STEPS = 500


class Life:
    """An engine, and what it ought to have. Every step is a request over the API.

    Not a machine of Hypothesis: how far a step has come when the engine is killed is not to be repeated.
    """

    def __init__(self, machine: Machine, daemon: Daemon, image: str, dice: random.Random) -> None:
        self.machine, self.daemon, self.image, self.dice = machine, daemon, image, dice
        self.networks: set[str] = set()
        self.members: dict[str, set[str]] = {}  # container to networks
        self.connect_api()

    def connect_api(self) -> None:
        self.api = docker.APIClient(base_url=f"unix://{self.daemon.socket}", version="1.44", timeout=60)

    def step(self) -> str:
        """One at random; return what it was."""
        network, container = self.dice.choice(NETWORKS), self.dice.choice(CONTAINERS)
        kind = self.dice.choice(list(self.steps(container, network)))
        # One in four is cut off, at any moment of it.
        if self.dice.random() < 0.25:
            self.cut_off(self.steps(container, network)[kind], self.dice.random() * 0.03)
            return f"{kind} {container} {network}, cut off"
        legal = self.legal(kind, container, network)
        try:
            self.steps(container, network)[kind]()
        except APIError as error:
            assert not legal, f"{kind} {container} {network}: {error}"
            assert error.response is not None and 400 <= error.response.status_code < 500, error
        else:
            assert legal, f"{kind} {container} {network} is not refused"
            self.note(kind, container, network)
        return f"{kind} {container} {network}"

    def steps(self, container: str, network: str) -> dict[str, Callable[[], object]]:
        return {
            "create": lambda: self.api.create_network(network, internal=self.dice.random() < 0.3),
            "prune": lambda: self.api.remove_network(network),
            "run": lambda: self.run(container, network),
            "connect": lambda: self.api.connect_container_to_network(container, network),
            "disconnect": lambda: self.api.disconnect_container_from_network(container, network),
            "remove": lambda: self.api.remove_container(container, force=True),
        }

    def run(self, container: str, network: str) -> None:
        port = FIRST_PORT + CONTAINERS.index(container)
        host = self.api.create_host_config(network_mode=network, port_bindings={80: port, "53/udp": port})
        self.api.create_container(self.image, ["sleep", "1000000"], name=container, host_config=host)
        self.api.start(container)

    def legal(self, kind: str, container: str, network: str) -> bool:
        there, mine = network in self.networks, self.members.get(container)
        used = any(network in networks for networks in self.members.values())
        return {
            "create": not there,
            "prune": there and not used,
            "run": there and mine is None,
            "connect": there and mine is not None and network not in mine,
            "disconnect": there and mine is not None and network in mine,
            "remove": mine is not None,
        }[kind]

    def note(self, kind: str, container: str, network: str) -> None:
        match kind:
            case "create":
                self.networks.add(network)
            case "prune":
                self.networks.discard(network)
            case "run":
                self.members[container] = {network}
            case "connect":
                self.members[container].add(network)
            case "disconnect":
                self.members[container].discard(network)
            case "remove":
                del self.members[container]

    def cut_off(self, step: Callable[[], object], after: float) -> None:
        """Kill the engine in the middle; whatever became of the step, the next engine knows."""

        def attempt() -> None:
            try:
                step()
            except (APIError, RequestException):
                return

        thread = threading.Thread(target=attempt)
        thread.start()
        # Not a wait for anything: how far the step has come is what varies.
        thread.join(after)
        self.daemon.kill9()
        thread.join()
        self.daemon.start()
        self.connect_api()
        self.look()

    def look(self) -> None:
        """Take over what the engine says; what does not run is removed."""
        self.networks = self.known_networks()
        self.members = {}
        for container in CONTAINERS:
            try:
                shown = self.api.inspect_container(container)
            except NotFound:
                continue
            if shown["State"]["Running"]:
                self.members[container] = set(shown["NetworkSettings"]["Networks"])
            else:
                self.api.remove_container(container, force=True)

    def known_networks(self) -> set[str]:
        return {each["Name"] for each in self.api.networks()} - {"bridge", "host", "none"}

    def check(self) -> None:
        """The engine agrees, and containers have just the interfaces that they should have."""
        assert self.known_networks() == self.networks
        for container, networks in self.members.items():
            shown = self.api.inspect_container(container)
            assert shown["State"]["Running"] and set(shown["NetworkSettings"]["Networks"]) == networks
            # Not by docker-py: what comes in one piece with the head of the answer it has lost now and then.
            links = self.daemon.ck("exec", container, "ls", "/sys/class/net").out.split()
            assert len(links) == len(networks) + 1, f"{container} has {links} on {networks}"

    def end(self) -> None:
        """Remove all, and look whether anything is left on the machine."""
        for container in self.members:
            self.api.remove_container(container, force=True)
        for network in self.networks:
            self.api.remove_network(network)
        # The namespaces of removed containers end in their own time.
        assert settled(self.machine.links, ["lo", "up0"]) == ["lo", "up0"]
        assert elements(self.machine) == {}
        with inside(self.machine.host):
            for number in range(len(CONTAINERS)):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET6, kind) as probe:
                        probe.bind(("::", FIRST_PORT + number))


def elements(machine: Machine) -> dict[str, int]:
    """How many elements each set of the engine's table has, where it has any."""
    found = {}
    with inside(machine.host), Nftables() as nftables:
        for name in SETS:
            question = Message(13, INET, 0x300, text(1, "ck"), text(2, name))  # NFT_MSG_GETSETELEM, a dump
            count = sum(len(parse(each.get(3, b""))) for each in nftables.dump(question))
            if count:
                found[name] = count
    return found


@pytest.mark.root
@pytest.mark.timeout(600)
def test_random_steps_leave_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CK_SEED", random.randrange(1 << 32)))
    print(f"CK_SEED={seed} takes the same steps again")
    done: list[str] = []
    with Machine() as machine, Daemon(config="", netns=machine.host) as daemon:
        image = busybox_layout(tmp_path)
        daemon.ck("pull", "-q", image)
        # The table is there from the first bridge on.
        daemon.ck("network", "create", "first")
        daemon.ck("network", "rm", "first")
        life = Life(machine, daemon, image, random.Random(seed))
        try:
            for _ in range(STEPS):
                done.append(life.step())
                life.check()
            life.end()
        except BaseException:
            print("the last steps:", *done[-20:], sep="\n")
            raise

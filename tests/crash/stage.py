"""Where verbs are tried: one engine with one image and one network, and what is asked of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import APIError, NotFound
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from tests.support.census import settled
from tests.support.daemon import Client, Daemon
from tests.support.leaks import leaks
from tests.support.machine import Machine

NETWORK = "town"
NAME = "ck-subject"
GONE = "nothing"


class Stage:
    """Each verb acts on the container NAME, or on a network, volume or image of a name of its own."""

    def __init__(self, machine: Machine, daemon: Daemon, image: str, orders: Path) -> None:
        self.machine, self.daemon, self.image, self.orders = machine, daemon, image, orders
        self.api: docker.APIClient
        self.archive = b""  # of an image, for a load

    def open(self) -> None:
        self.daemon.ck("pull", "-q", self.image)
        self.daemon.ck("network", "create", NETWORK)
        self.connect()

    def connect(self) -> None:
        self.api = docker.APIClient(base_url=f"unix://{self.daemon.socket}", version="1.44", timeout=60)

    # What verbs are made of

    def create(self, command: str = "read line; exit 7", *, remove: bool = False) -> None:
        host = self.api.create_host_config(
            network_mode=NETWORK, port_bindings={80: 9180, "53/udp": 9153}, auto_remove=remove, binds=["/data"]
        )
        self.api.create_container(
            self.image, ["sh", "-c", command], name=NAME, host_config=host, stdin_open=True, volumes=["/anonymous"]
        )

    def run(self, *, remove: bool = False) -> None:
        self.create(remove=remove)
        self.api.start(NAME)

    def go(self) -> None:
        """Let the container come to its own end."""
        with self.api.attach_socket(NAME, params={"stdin": 1, "stream": 1}) as stream:
            stream._sock.sendall(b"go\n")
            try:
                self.api.wait(NAME)
            except NotFound:
                return

    def status(self, name: str = NAME) -> str:
        try:
            state = self.api.inspect_container(name)["State"]
        except NotFound:
            return GONE
        return f"{state['Status']} {state['ExitCode']}" if state["Status"] == "exited" else str(state["Status"])

    # Faults

    def order(self, text: str) -> None:
        self.orders.with_suffix(".points").unlink(missing_ok=True)
        self.orders.write_text(text)

    @contextmanager
    def held(self, client: Client) -> Iterator[bool]:
        """While the block runs the engine stands still at the moment that the order says; False where *client* has
        ended without reaching it."""
        fifo = self.orders.with_suffix(".hold")
        held: list[int] = []

        def reached() -> bool:
            try:
                held.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # nobody reads yet
                return client.poll() is not None
            return True

        assert settled(reached, True), self.daemon.log_tail()
        try:
            yield bool(held)
        finally:
            for fd in held:
                os.close(fd)

    def passed(self) -> list[str]:
        """The moments since the last order."""
        try:
            return self.orders.with_suffix(".points").read_text().splitlines()
        except FileNotFoundError:
            return []

    def attempt(self, act: Callable[[], object]) -> Exception | None:
        """What it failed with, if it did: a refusal, or a connection that broke."""
        try:
            act()
        except (APIError, RequestException, HTTPError, OSError, ValueError) as error:
            return error
        return None

    def revive(self) -> None:
        """Start the engine that has killed itself, without any further fault."""
        self.order("")
        self.daemon.kill9()
        self.daemon.start()
        self.connect()

    # Looking

    def leaks(self) -> list[str]:
        """What is left where it does not belong, once it has had the time to go."""
        return settled(lambda: leaks(self.daemon, self.api, self.machine), [])

    def clear(self) -> None:
        """Everything but the image and the network goes, and the image is there."""
        for each in self.api.containers(all=True):
            self.api.remove_container(each["Id"], force=True, v=True)
        for volume in self.api.volumes()["Volumes"] or ():
            self.api.remove_volume(volume["Name"])
        for network in self.api.networks():
            if network["Name"] not in (NETWORK, "bridge", "host", "none"):
                self.api.remove_network(network["Id"])
        for image in self.api.images():
            for tag in image["RepoTags"] or ():
                if tag != self.image:
                    self.api.remove_image(tag)
        self.api.prune_images()
        self.api.prune_builds(all=True)
        if not self.api.images():
            self.daemon.ck("pull", "-q", self.image)

"""An engine on a machine of its own, whose networks are nobody else's."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.networks.town import Town
from tests.support.daemon import Daemon
from tests.support.machine import LAN4, Machine


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    with Machine() as machine:
        yield machine


@pytest.fixture(scope="session")
def engine(machine: Machine) -> Iterator[Daemon]:
    """One engine for all tests that do not harm it."""
    with Daemon(config="", netns=machine.host) as engine:
        yield engine


@pytest.fixture
def own_machine() -> Iterator[Machine]:
    """For one test."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def own_engine(own_machine: Machine) -> Iterator[Daemon]:
    """For one test, which may kill it."""
    with Daemon(config="", netns=own_machine.host) as engine:
        yield engine


@pytest.fixture
def town(machine: Machine, engine: Daemon, busybox_image: str) -> Iterator[Town]:
    """Empty at the end of each test."""
    town = Town(machine, engine, busybox_image)
    yield town
    town.clean()


@pytest.fixture
def own_town(own_machine: Machine, own_engine: Daemon, busybox_image: str) -> Town:
    """For one test, which may harm engine and machine."""
    return Town(own_machine, own_engine, busybox_image)


@pytest.fixture
def upstream(town: Town) -> Iterator[str]:
    """A name server on the neighbour; its address."""
    program = Path(__file__).with_name("name_server.py")
    with town.machine.popen(town.machine.lan, sys.executable, str(program), LAN4) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield LAN4
        server.kill()

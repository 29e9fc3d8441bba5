"""What every network driver must do. Usable without pytest: `trio.run(check_network_driver, make, network, state)`.

A check that fails raises AssertionError with a sentence that says what the driver did.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.drivers.network import (
    Addressing,
    Endpoint,
    EndpointConfig,
    Held,
    NetworkConfig,
    NetworkDriver,
    PortRequest,
    PublishedPort,
    Sandbox,
)
from ck.kernel.errors import CkError, Conflict, InvalidArgument

CONTAINER_ID: Final = "c" * 64

MakeNamespace = Callable[[], AbstractContextManager[int | None]]


async def check_network_driver(
    make: Callable[[], NetworkDriver],
    network: NetworkConfig,
    state: Path,
    make_namespace: MakeNamespace = nullcontext,
) -> None:
    """Check the driver that *make* returns, called once for each engine that there would be, on *network*, one that it
    accepts.

    *make_namespace* gives an open fd of a network namespace; drivers that only keep books may do without.
    """
    driver = make()
    assert isinstance(driver, NetworkDriver), f"{driver!r} lacks methods of NetworkDriver"
    assert isinstance(driver.sandbox, Sandbox), f"sandbox is {driver.sandbox!r}"
    assert isinstance(driver.addressing, Addressing), f"addressing is {driver.addressing!r}"
    driver.check(network)
    _check_unknown_option(driver, network)
    if driver.sandbox is not Sandbox.OWN:
        make_namespace = nullcontext
    async with _running(driver, state):
        await driver.reconcile([network], [])
        await driver.create(network)
        await driver.create(network)
        await _check_attachment(driver, network, make_namespace)
        await _check_lost_namespace(driver, network, make_namespace)
    if driver.sandbox is Sandbox.OWN:
        await _check_two_engines(make, network, state, make_namespace)


@asynccontextmanager
async def _running(driver: NetworkDriver, state: Path) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(driver.run, state)
        yield
        nursery.cancel_scope.cancel()


def _config(driver: NetworkDriver, network: NetworkConfig) -> EndpointConfig:
    config = EndpointConfig(container_id=CONTAINER_ID, container_name="ck-test")
    if driver.addressing is Addressing.ENGINE:
        for subnet in network.subnets:
            address = ipaddress.ip_address(subnet.gateway) + 1
            if address.version == 4:
                config = attrs.evolve(config, ipv4_address=str(address))
            else:
                config = attrs.evolve(config, ipv6_address=str(address))
    return config


async def _check_attachment(driver: NetworkDriver, network: NetworkConfig, make_namespace: MakeNamespace) -> None:
    config = _config(driver, network)
    await driver.detach(network, CONTAINER_ID, None)
    with make_namespace() as namespace:
        first = await driver.attach(network, config, namespace)
        assert first.network_id == network.id, f"the endpoint is of network {first.network_id!r}, not {network.id!r}"
        for asked, got in ((config.ipv4_address, first.ipv4_address), (config.ipv6_address, first.ipv6_address)):
            assert got == asked, f"the endpoint has the address {got!r}, not {asked!r}"
        again = await driver.attach(network, config, namespace)
        assert again == first, f"attach is not idempotent: first {first}, then {again}"
        held = list(await driver.endpoints(network))
        assert held in ([], [CONTAINER_ID]), f"the driver holds something for {held}"
        await driver.detach(network, CONTAINER_ID, namespace)
        await driver.detach(network, CONTAINER_ID, namespace)
        assert not await driver.endpoints(network), "the driver holds something after detach"
        # It may come back, with the same address.
        assert await driver.attach(network, config, namespace) == first, "attach after detach gave something else"
        await driver.detach(network, CONTAINER_ID, namespace)


async def _check_lost_namespace(driver: NetworkDriver, network: NetworkConfig, make_namespace: MakeNamespace) -> None:
    with make_namespace() as namespace:
        await driver.attach(network, _config(driver, network), namespace)
    await driver.detach(network, CONTAINER_ID, None)
    assert not await driver.endpoints(network), "the driver holds something for a namespace that is gone"


async def _check_two_engines(
    make: Callable[[], NetworkDriver], network: NetworkConfig, state: Path, make_namespace: MakeNamespace
) -> None:
    """What one engine leaves, killed at any time, is the next one's."""
    with make_namespace() as namespace:
        first = make()
        async with _running(first, state):
            await first.reconcile([network], [])
            endpoint = await first.attach(network, _config(first, network), namespace)
            ports = await _check_ports(first, network, endpoint)
        second = make()
        async with _running(second, state):
            held = Held(network=network, container_id=CONTAINER_ID, endpoint=endpoint, ports=tuple(ports))
            assert not await second.reconcile([network], [held]), "reconcile does not know an interface that is there"
            assert list(await second.endpoints(network)) == [CONTAINER_ID], "reconcile does not know what is held"
            again = await second.attach(network, _config(second, network), namespace)
            assert again == endpoint, f"attach after a restart gave {again}, not {endpoint}"
            _check_taken(ports)
            await second.detach(network, CONTAINER_ID, namespace)
        third = make()
        async with _running(third, state):
            lacking = list(await third.reconcile([network], [held]))
            assert lacking == [held], f"reconcile says that {lacking} lack their interfaces, not {[held]}"
            _check_taken(ports)
        fourth = make()
        async with _running(fourth, state):
            assert not await fourth.reconcile([network], [])
            assert not await fourth.endpoints(network), "reconcile keeps what nobody has"
            _check_free(ports)
            await fourth.remove(network)
            await fourth.remove(network)


async def _check_ports(driver: NetworkDriver, network: NetworkConfig, endpoint: Endpoint) -> tuple[PublishedPort, ...]:
    wanted = [PortRequest(protocol=protocol, container_port=53) for protocol in ("tcp", "udp")]
    ports = tuple(await driver.publish(network, CONTAINER_ID, endpoint, wanted))
    assert {(port.protocol, port.container_port) for port in ports} == {("tcp", 53), ("udp", 53)}, f"published: {ports}"
    assert all(port.host_port for port in ports), f"a port of the host has not been chosen: {ports}"
    assert all(port.network_id == network.id for port in ports), f"a port is not of network {network.id}: {ports}"
    again = tuple(await driver.publish(network, CONTAINER_ID, endpoint, wanted))
    assert again == ports, f"publish is not idempotent: first {ports}, then {again}"
    _check_taken(ports)
    await _check_conflict(driver, network, endpoint, ports[0])
    await driver.unpublish(network, CONTAINER_ID)
    await driver.unpublish(network, CONTAINER_ID)
    _check_free(ports)
    return tuple(await driver.publish(network, CONTAINER_ID, endpoint, wanted))


async def _check_conflict(
    driver: NetworkDriver, network: NetworkConfig, endpoint: Endpoint, taken: PublishedPort
) -> None:
    other = PortRequest(protocol=taken.protocol, container_port=1, host_ports=(taken.host_port,))
    try:
        await driver.publish(network, "d" * 64, endpoint, [other])
    except Conflict as error:
        sentence = str(error)
        assert str(taken.host_port) in sentence, f"the error does not name the port {taken.host_port}: {sentence}"
        assert CONTAINER_ID[:12] in sentence, f"the error does not name who has the port: {sentence}"
    else:
        raise AssertionError(f"port {taken.host_port} is published twice")
    held = list(await driver.endpoints(network))
    assert held == [CONTAINER_ID], f"a refused publish left something: {held}"


def _check_taken(ports: tuple[PublishedPort, ...]) -> None:
    for port in ports:
        assert not _can_bind(port), f"another program can take the published port {port}"


def _check_free(ports: tuple[PublishedPort, ...]) -> None:
    for port in ports:
        assert _can_bind(port), f"the port {port} is not free again"


def _can_bind(port: PublishedPort) -> bool:
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((port.host_ip, port.host_port))
        except OSError:
            return False
    return True


def _check_unknown_option(driver: NetworkDriver, network: NetworkConfig) -> None:
    odd = attrs.evolve(network, options={"ck-no-such-option": "1"})
    try:
        driver.check(odd)
    except InvalidArgument as error:
        assert "ck-no-such-option" in str(error), f"the error does not name the unknown option: {error}"
    except CkError as error:
        raise AssertionError(
            f"an unknown option is refused with {type(error).__name__}, not InvalidArgument"
        ) from error
    else:
        raise AssertionError("an unknown option is not refused")

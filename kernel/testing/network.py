"""What every network driver must do. The driver's own work is between attach and detach; here is what frames it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from ck.kernel.drivers.network import EndpointConfig, NetworkConfig, NetworkDriver, Sandbox
from ck.kernel.errors import CkError, InvalidArgument

CONTAINER_ID: Final = "c" * 64


async def check_network_driver(
    driver: NetworkDriver,
    network: NetworkConfig,
    make_namespace: Callable[[], AbstractContextManager[int | None]] = nullcontext,
) -> None:
    """Check *driver* on *network*, one that it accepts.

    *make_namespace* gives an open fd of a network namespace; drivers that only keep books may do without.
    Raises: AssertionError with a sentence that says what is wrong.
    """
    assert isinstance(driver, NetworkDriver), f"{driver!r} lacks methods of NetworkDriver"
    assert isinstance(driver.sandbox, Sandbox), f"sandbox is {driver.sandbox!r}"
    driver.check(network)
    _check_unknown_option(driver, network)
    endpoint = EndpointConfig(container_id=CONTAINER_ID, container_name="ck-test")

    await driver.detach(network, CONTAINER_ID)
    with make_namespace() as namespace:
        netns = None if driver.sandbox is Sandbox.HOST else namespace
        first = await driver.attach(network, endpoint, netns)
        assert first.network_id == network.id, f"the endpoint is of network {first.network_id!r}, not {network.id!r}"
        again = await driver.attach(network, endpoint, netns)
        assert again == first, f"attach is not idempotent: first {first}, then {again}"
        held = list(await driver.endpoints(network))
        assert held in ([], [CONTAINER_ID]), f"the driver holds something for {held}"
        await driver.detach(network, CONTAINER_ID)
        await driver.detach(network, CONTAINER_ID)
        assert not await driver.endpoints(network), "the driver holds something after detach"

    with make_namespace() as namespace:
        await driver.attach(network, endpoint, None if driver.sandbox is Sandbox.HOST else namespace)
    # The namespace is gone now, as after a crash.
    await driver.detach(network, CONTAINER_ID)
    assert not await driver.endpoints(network), "the driver holds something for a namespace that is gone"


def _check_unknown_option(driver: NetworkDriver, network: NetworkConfig) -> None:
    odd = NetworkConfig(id=network.id, name=network.name, driver=network.driver, options={"ck-no-such-option": "1"})
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

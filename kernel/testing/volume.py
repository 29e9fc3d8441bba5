"""What every volume driver must do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import trio

from ck.kernel.drivers.volume import VolumeDriver
from ck.kernel.errors import Conflict, InvalidArgument, NotFound

NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})


async def check_volume_driver(
    make: Callable[[], VolumeDriver],
    root: Path,
    options: Mapping[str, str] = NO_OPTIONS,
    other_options: Mapping[str, str] | None = None,
) -> None:
    """Check drivers that *make* gives; a second one takes over from the first, as after a restart of the engine.

    *root* must not exist yet. Volumes are made with *options*; *other_options* are valid and different.
    Raises: AssertionError with a sentence that says what is wrong.
    """
    driver = make()
    assert isinstance(driver, VolumeDriver), f"{driver!r} lacks methods of VolumeDriver"
    await driver.open(root)
    await _check_names(driver)
    await _check_life(driver, options, other_options)
    await driver.create("ck-kept", options)
    await driver.mount("ck-kept", "container1")
    await driver.close()
    successor = make()
    await successor.open(root)
    assert [volume.name for volume in await successor.list()] == ["ck-kept"], "a volume does not outlive the engine"
    path = await successor.mount("ck-kept", "container2")
    await successor.unmount("ck-kept", "container1")
    assert await trio.to_thread.run_sync(path.is_dir), "unmounting for one container took the volume from another"
    await successor.unmount("ck-kept", "container2")
    await successor.remove("ck-kept")
    await successor.close()


async def _check_names(driver: VolumeDriver) -> None:
    for name in ("", "a", ".hidden", "-dash", "a/b", "..", "../ck-evil", "sp ace", "nul\0", "x" * 300, "new\nline"):
        try:
            await driver.create(name, {})
        except InvalidArgument:
            continue
        raise AssertionError(f"the name {name!r} is not refused")
    try:
        await driver.create("ck-options", {"ck-no-such-option": "1"})
    except InvalidArgument as error:
        assert "ck-no-such-option" in str(error), f"the error does not name the unknown option: {error}"
    else:
        raise AssertionError("an unknown option is not refused")
    assert not await driver.list(), "a refused volume exists"


async def _check_life(
    driver: VolumeDriver, options: Mapping[str, str], other_options: Mapping[str, str] | None
) -> None:
    made = await driver.create("ck-b", options)
    assert (made.name, dict(made.options)) == ("ck-b", dict(options)), f"create gives {made}"
    assert await driver.create("ck-b", options) == made, "to create the same volume again is not success"
    if other_options is not None:
        try:
            await driver.create("ck-b", other_options)
        except Conflict:
            pass
        else:
            raise AssertionError("a volume is made again with other options")
    await driver.create("ck-a", options)
    assert await driver.get("ck-b") == made, "get and create do not agree"
    assert [volume.name for volume in await driver.list()] == ["ck-a", "ck-b"], "list is not all volumes by name"

    path = await driver.mount("ck-b", "container1")
    assert await driver.mount("ck-b", "container1") == path, "mount is not idempotent"
    await trio.to_thread.run_sync((path / "file").write_bytes, b"x" * 1000)
    usage = await driver.usage("ck-b")
    assert usage >= 1000, f"a volume with 1000 bytes uses {usage}"
    await driver.unmount("ck-b", "container1")
    await driver.unmount("ck-b", "container1")
    await driver.unmount("ck-gone", "container1")

    for name in ("ck-a", "ck-b"):
        await driver.remove(name)
        await driver.remove(name)
    assert not await driver.list(), "a removed volume is listed"
    for call in (driver.get, driver.usage):
        try:
            await call("ck-b")
        except NotFound:
            continue
        raise AssertionError(f"{call.__name__} finds a removed volume")

"""A pull that is killed with -9 goes on where it was: counted at a proxy."""

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from tests.support.flaky_proxy import Fault, FlakyProxy, Request
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import OciLayout, make_layer
from tests.support.pulling import distribution, opened_content, pull_layers
from tests.support.registry import Registry

PULL = """
import sys, trio
from pathlib import Path
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import make_layer
from tests.support.pulling import distribution, opened_content, pull_layers

async def main():
    layer = make_layer(Path(sys.argv[2]).read_bytes())
    await pull_layers(distribution(), sys.argv[1], [layer], await opened_content(Path(sys.argv[3])), LayerSink())

trio.run(main)
"""


@pytest.mark.usefixtures("anonymous")
def test_at_most_two_percent_is_fetched_again(registry: Registry, tmp_path: Path) -> None:
    layer = make_layer({"file": os.urandom(6_000_000)})
    size = layer.descriptor.size
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [layer])
    registry.push(layout.directory, "t", "killed/x:1", "--preserve-digests")
    tar = tmp_path / "tar"
    tar.write_bytes(layer.tar)

    def script(request: Request) -> Fault | None:
        return Fault(hold_after=size // 2) if "/blobs/" in request.target and not proxy.held.is_set() else None

    proxy = FlakyProxy(registry.address, script)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(proxy.serve)
            arguments = [f"{address}/killed/x:1", str(tar), str(tmp_path / "c")]
            process = await trio.lowlevel.open_process([sys.executable, "-c", PULL, *arguments])
            with trio.fail_after(60):
                await proxy.held.wait()
                # Half of it is sent; wait until nearly all of that has reached the file, then pull the plug.
                await until_size(tmp_path / "c" / "ingest", size // 2 * 97 // 100)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                content = await opened_content(tmp_path / "c")
                await pull_layers(distribution(), arguments[0], [layer], content, LayerSink())
            assert size <= proxy.sent <= size * 1.02
            nursery.cancel_scope.cancel()

    trio.run(main)


async def until_size(directory: Path, size: int) -> None:
    """The kernel tells nobody that a file of another process has grown, so look again and again."""
    while not any(file.stat().st_size >= size for file in directory.iterdir()):  # noqa: ASYNC110, ASYNC240
        await trio.sleep(0.005)

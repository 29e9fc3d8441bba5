"""An engine's runtime in a process of its own, for tests that kill it: makes one container, tells of it, and waits."""

import json
import socket
import sys
from pathlib import Path

import trio

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.runtime import AttachRequest, Bundle
from ck.kernel.drivers.storage import RootMount
from ck.kernel.testing.runtime_bench import make_spec
from ck.plugins.builtin.runtime_native.plugin import make_runtime


async def main(directory: Path, root: str, container_id: str, client: int, argv: list[str]) -> None:
    driver = make_runtime({})
    await driver.open(directory / "state", directory / "persistent")
    log_directory = directory / "containers" / container_id / "log"
    log_directory.parent.mkdir(parents=True)
    container = await driver.create(
        Bundle(
            container_id=container_id,
            spec=make_spec(*argv),
            root=(RootMount(type="bind", source=root),),
            log=LogSink(format="local", max_size=1 << 20, max_files=1),
            log_directory=log_directory,
            open_stdin=True,
        )
    )
    await container.attach(AttachRequest(stream=socket.socket(fileno=client), stdin=True))
    await container.start()
    print(json.dumps({"pid": container.pid}), flush=True)
    await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:])

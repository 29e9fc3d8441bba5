"""`push` to the real registry: nothing twice, nothing lost, and the digests that others compute."""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import trio

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.registry import Descriptor, ImageSink
from ck.kernel.errors import Unauthorized, Unavailable
from tests.integration.engine.conftest import lab, pulled_image
from tests.integration.engine.lab import Lab
from tests.support.flaky_proxy import Fault, FlakyProxy, Request, Script
from tests.support.pulling import distribution
from tests.support.registry import Registry, free_port

__all__ = ["lab", "pulled_image"]
SECONDS = 60


@pytest.fixture
def mine(lab: Lab, registry: Registry) -> Iterator[str]:
    """A repository in the registry, of the test's own; images of that name here are removed at the end."""
    repository = f"{registry.address}/{lab.name.lower()}/image"
    yield repository
    lab.clean()
    if found := lab.ck("images", "-q", "--filter", f"reference={repository}*").split():
        lab.ck("rmi", "-f", *dict.fromkeys(found))


def commit(lab: Lab, script: str, target: str) -> str:
    """An image of what *script* makes of the lab's image; return its ID."""
    name = lab.make("", "sh", "-c", script)
    lab.ck("start", "-a", name)
    return lab.ck("commit", name, target).strip()


def skopeo(image: str, *arguments: str) -> Any:
    command = ["skopeo", "inspect", "--tls-verify=false", *arguments, f"docker://{image}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_what_is_pushed_is_what_others_see_and_comes_back(lab: Lab, mine: str) -> None:
    image_id = commit(lab, "head -c 3000000 /dev/urandom >/big; echo pushed >/f", f"{mine}:1")
    told = lab.ck("push", f"{mine}:1")
    assert f"The push refers to repository [{mine}]\n" in told
    raw = skopeo(f"{mine}:1", "--raw")
    digest = sha256_digest(raw)
    assert told.endswith(f"1: digest: {digest} size: {len(raw)}\n")
    manifest = json.loads(raw)
    assert manifest["config"]["digest"] == image_id
    assert json.loads(skopeo(f"{mine}:1"))["Digest"] == digest
    assert lab.inspect(image_id, "{{json .RepoDigests}}") == json.dumps([f"{mine}@{digest}"])
    lab.clean()
    lab.ck("rmi", f"{mine}:1")
    assert lab.daemon.ck("run", "--rm", f"{mine}@{digest}", "cat", "/f").out == "pushed\n"
    assert lab.inspect(f"{mine}@{digest}", "{{.Id}}") == image_id


def test_nothing_is_sent_twice(lab: Lab, mine: str, registry: Registry) -> None:
    lab.ck("tag", lab.image, f"{mine}-base:1")
    first = lab.ck("push", f"{mine}-base:1")
    assert first.count(": Pushed") == 1
    if lab.daemon.storage.name != "erofs":  # which keeps the layers as they are when inflated, and not twice
        # The manifest that the image came with goes on as it was, so its digest stays the same wherever it goes.
        assert lab.inspect(lab.image, "{{json .RepoDigests}}").count(first.split("digest: ")[1].split()[0]) == 2
    assert ": Layer already exists" in lab.ck("push", f"{mine}-base:1")
    commit(lab, "echo x >/f", f"{mine}:1")
    told = lab.ck("push", f"{mine}:1")
    path = f"{mine}-base".partition("/")[2]
    assert told.count(f": Mounted from {path}") == 1 and told.count(": Pushed") == 1
    again = lab.ck("push", f"{mine}:1")
    assert again.count(": Layer already exists") == 2 and ": Compressing" not in again
    assert again.splitlines()[-1] == told.splitlines()[-1]
    # Also by an engine that remembers nothing of it: what it compresses is the same.
    lab.ck("save", "-o", str(registry.directory / "saved"), f"{mine}:1")
    lab.clean()
    lab.ck("rmi", f"{mine}:1")
    lab.ck("load", "-q", "-i", str(registry.directory / "saved"))
    assert lab.ck("push", f"{mine}:1").splitlines()[-1] == told.splitlines()[-1]


def test_all_tags_quietly_and_by_docker_py(lab: Lab, mine: str) -> None:
    commit(lab, "echo 1 >/f", f"{mine}:1")
    commit(lab, "echo 2 >/f", f"{mine}:2")
    told = lab.ck("push", "-a", mine)
    assert told.count("The push refers to") == 1 and told.count(": digest: sha256:") == 2
    assert lab.ck("push", "-q", f"{mine}:2") == f"{mine}:2\n"
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        steps = list(client.push(mine, "2", stream=True, decode=True))
    finally:
        client.close()
    [aux] = [step["aux"] for step in steps if "aux" in step]
    assert aux == {"Tag": "2", "Digest": sha256_digest(raw := skopeo(f"{mine}:2", "--raw")), "Size": len(raw)}


def test_a_login_is_needed_and_told_of(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with Registry(tmp_path_factory.mktemp("ck-closed"), users={"me": "secret"}) as closed:
        target = f"{closed.address}/x:1"
        lab.ck("tag", lab.image, target)
        try:
            assert f"{closed.address} asks for a user name and password" in lab.fails("push", target)
            lab.ck("login", "-u", "me", "--password-stdin", closed.address, stdin=b"secret")
            assert "1: digest: sha256:" in lab.ck("push", target)
        finally:
            lab.ck("rmi", target)


def test_bad_input(lab: Lab, mine: str) -> None:
    assert lab.fails("push", f"{mine}:none").endswith(f"An image does not exist locally with the tag: {mine}:none\n")
    lab.ck("tag", lab.image, f"{mine}:1")
    assert "tag can't be used with --all-tags" in lab.fails("push", "-a", f"{mine}:1")
    assert "cannot push a digest reference" in lab.fails("push", f"{mine}@sha256:{'0' * 64}")
    assert "invalid reference format" in lab.fails("push", "Bad Name")
    nobody = f"127.0.0.1:{free_port()}/x:1"
    lab.ck("tag", lab.image, nobody)
    assert lab.fails("push", nobody).endswith("cannot be reached: connection refused\n")
    lab.ck("rmi", nobody)
    assert "cannot push to" in lab.fails("push", lab.image)


def test_a_client_that_leaves_stops_it_and_leaves_nothing(lab: Lab, mine: str) -> None:
    commit(lab, "head -c 200000000 /dev/zero >/big", f"{mine}:1")
    ingest = lab.daemon.data_root / "data/content/ingest"
    with lab.popen("push", f"{mine}:1") as client:
        assert client.stdout is not None
        while b"Compressing" not in client.stdout.readline():
            continue
        client.send_signal(signal.SIGKILL)
    while list(ingest.iterdir()):
        continue
    assert "1: digest: sha256:" in lab.ck("push", f"{mine}:1")


def with_sink(registry: Registry, script: Script, test: Callable[[FlakyProxy, ImageSink], Awaitable[None]]) -> None:
    """Run *test* with a repository of the registry behind a proxy."""

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                proxy = FlakyProxy(registry.address, script)
                await nursery.start(proxy.serve)
                async with distribution(backoff=0.01, chunk=1_000_000).sink(
                    f"{proxy.address}/flaky/sent:1", None
                ) as sink:
                    await test(proxy, sink)
                nursery.cancel_scope.cancel()

    trio.run(main)


class Blob:
    """Random bytes, and how far into them a sink has read."""

    def __init__(self, size: int) -> None:
        self.content = os.urandom(size)
        self.descriptor = Descriptor(media_type="x", digest=sha256_digest(self.content), size=size)
        self.begun: list[int] = []

    def read(self, offset: int) -> "Blob":
        self.begun.append(offset)
        self._offset = offset
        return self

    async def __aenter__(self) -> Any:
        async def chunks() -> Any:
            for at in range(self._offset, len(self.content), 100_000):
                yield self.content[at : at + 100_000]

        return chunks()

    async def __aexit__(self, *_: object) -> None: ...


def stored(registry: Registry, digest: str) -> str:
    digits = digest.partition(":")[2]
    path = registry.directory / "storage/docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


@pytest.mark.usefixtures("anonymous")
def test_an_upload_that_breaks_is_taken_up_where_it_broke(registry: Registry) -> None:
    """Between chunks; Docker's registry cannot go on within one, and there it begins anew."""
    breaks = iter((None, 0, None, 500_000))

    def script(request: Request) -> Fault | None:
        if request.method == "PATCH" and (cut := next(breaks, None)) is not None:
            return Fault(cut_body_after=cut)
        return None

    blob = Blob(3_000_000)
    sent: list[int] = []

    async def test(proxy: FlakyProxy, sink: ImageSink) -> None:
        assert not await sink.has(blob.descriptor.digest)
        await sink.upload(blob.descriptor, blob.read, sent.append)
        assert await sink.has(blob.descriptor.digest)

    with_sink(registry, script, test)
    assert blob.begun == [0, 1_000_000, 1_000_000, 2_000_000, 0, 1_000_000, 2_000_000]
    assert stored(registry, blob.descriptor.digest) == blob.descriptor.digest.partition(":")[2]
    assert sent[-1] == 3_000_000


@pytest.mark.usefixtures("anonymous")
def test_an_upload_that_the_registry_has_forgotten_begins_anew(registry: Registry) -> None:
    gone = Fault(status=404, body=b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
    faults = {"PATCH": [Fault(cut_body_after=1000)], "GET": [gone]}

    def script(request: Request) -> Fault | None:
        return faults[request.method].pop() if faults.get(request.method) else None

    blob = Blob(500_000)

    async def test(proxy: FlakyProxy, sink: ImageSink) -> None:
        await sink.upload(blob.descriptor, blob.read, lambda sent: None)

    with_sink(registry, script, test)
    assert blob.begun == [0, 0]
    assert stored(registry, blob.descriptor.digest)


@pytest.mark.usefixtures("anonymous")
@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault(status=403), Unauthorized, "push access denied for"),
        (Fault(status=507, body=b"disk full"), Unavailable, "answered 507"),
        (Fault(status=202), Unavailable, "does not say where the upload is to go"),
        (Fault(status=503), Unavailable, "answered 503"),
    ],
)
def test_a_registry_that_takes_nothing(registry: Registry, fault: Fault, error: type[Exception], sentence: str) -> None:
    blob = Blob(1000)

    async def test(proxy: FlakyProxy, sink: ImageSink) -> None:
        with pytest.raises(error, match=sentence):
            await sink.upload(blob.descriptor, blob.read, lambda sent: None)

    with_sink(registry, lambda request: fault if request.method == "POST" else None, test)
    assert not stored(registry, blob.descriptor.digest)

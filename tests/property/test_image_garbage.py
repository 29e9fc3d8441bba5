"""Random lives of images on the real engine, several requests at once, on a disk that is small enough for collections.

Whatever interleaves: what a record names is there, down to the last blob and layer; and once all is pruned nothing is
left on the disk, as many bytes as the prune has told being free again.
"""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import docker
import pytest
from docker.errors import APIError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.integration.faults.conftest import Disk
from tests.support.daemon import NO_NETWORK, Daemon
from tests.support.oci_layout import OciLayout, digest_of, make_layer

LAYER_BYTES = 2_000_000
# All images and the store of the engine take about as much: some pulls set off a collection, and some do not.
MARKS = '[images]\nhigh_watermark = "14MB"\nlow_watermark = "11MB"\nmin_age = 0.0\n'
# Which layers the images have: they share bases, and the last is the first with another config.
IMAGES = {"a": "0", "b": "01", "c": "012", "d": "013", "e": "4", "f": "0"}
NAMES = [f"ck-{letter}" for letter in "xyz"]

Operation = tuple[str, str, str]
"""A verb, an image of the layout, and a further name."""

# As often as they stand here: what brings images and what takes them away about as much.
VERBS = (
    *("pull", "pull", "pull", "create", "create", "create", "force", "force", "remove", "tag", "untag", "save"),
    *("commit", "discard", "prune", "prune all"),
)
OPERATIONS = st.tuples(st.sampled_from(VERBS), st.sampled_from(sorted(IMAGES)), st.sampled_from(NAMES))


class ImageMachine(RuleBasedStateMachine):
    daemon: ClassVar[Daemon]
    disk: ClassVar[Disk]
    layout: ClassVar[Path]
    layers: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.api = self.connect()

    def connect(self) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.daemon.socket}", version="1.44", timeout=60)

    @initialize(names=st.permutations(sorted(IMAGES)))
    def pull_all(self, names: list[str]) -> None:
        for name in names:
            self.attempt("pull", name, "")

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=4))
    def at_once(self, operations: list[Operation]) -> None:
        with ThreadPoolExecutor(len(operations)) as pool:
            for done in [pool.submit(self.attempt, *each) for each in operations]:
                done.result()

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=3))
    def one_after_another(self, operations: list[Operation]) -> None:
        for each in operations:
            self.attempt(*each)

    def attempt(self, verb: str, image: str, name: str) -> None:
        """Do it, or be told in one sentence that it cannot be done now."""
        client = self.connect()
        try:
            self.verb(verb)(client, f"oci:{self.layout}:{image}", name)
        except APIError as error:
            assert error.response is not None and error.response.status_code in (400, 404, 409), (
                verb,
                image,
                name,
                error,
            )
        finally:
            client.close()

    def verb(self, verb: str) -> Callable[[docker.APIClient, str, str], object]:
        verbs: dict[str, Callable[[docker.APIClient, str, str], object]] = {
            "pull": self.pull,
            "create": lambda client, image, name: client.create_container(image, "none"),
            "remove": lambda client, image, name: client.remove_image(image),
            "force": lambda client, image, name: client.remove_image(client.inspect_image(image)["Id"], force=True),
            "save": lambda client, image, name: b"".join(client.get_image(image)),
            "tag": lambda client, image, name: client.tag(image, name),
            "untag": lambda client, image, name: client.remove_image(name),
            "prune": lambda client, image, name: client.prune_images(),
            "prune all": lambda client, image, name: client.prune_images({"dangling": False}),
            "commit": self.commit,
            "discard": self.discard,
        }
        return verbs[verb]

    def pull(self, client: docker.APIClient, image: str, name: str) -> None:
        for step in client._stream_helper(
            client._post(client._url("/images/create"), params={"fromImage": image}, stream=True), decode=True
        ):
            assert "error" not in step, step

    def commit(self, client: docker.APIClient, image: str, name: str) -> None:
        for container in client.containers(all=True, quiet=True)[:1]:
            client.commit(container["Id"], "ck-committed")

    def discard(self, client: docker.APIClient, image: str, name: str) -> None:
        for container in client.containers(all=True, quiet=True)[:2]:
            client.remove_container(container["Id"])

    @invariant()
    def nothing_that_a_record_needs_is_missing(self) -> None:
        for image in self.api.images(all=True):
            try:
                config = self.api.inspect_image(image["Id"])
                layers = config["RootFS"]["Layers"]
                missing = [path for path in self.layer_paths(layers) if not path.is_file()]
                archive = b"".join(self.api.get_image(image["Id"]))
            except APIError as error:
                missing, archive = [str(error)], b""  # type: ignore[list-item]
            if missing or not archive:
                # A collection may have taken it between the looks: then its record is gone as well.
                assert image["Id"] not in {each["Id"] for each in self.api.images(all=True)}, missing
        for container in self.api.containers(all=True):
            [name] = [
                variable.removeprefix("NAME=")
                for variable in self.api.inspect_container(container["Id"])["Config"]["Env"]
                if variable.startswith("NAME=")
            ]
            stream, _ = self.api.get_archive(container["Id"], "/marks")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
                found = sorted(member.name for member in tar if member.isfile())
            assert found == [f"marks/{place}" for place in IMAGES[name]]

    def layer_paths(self, diff_ids: Sequence[str]) -> list[Path]:
        paths, below = [], ""
        for diff_id in diff_ids:
            below = digest_of(f"{below} {diff_id}".encode()) if below else diff_id
            paths.append(self.layers / below.partition(":")[2] / "record.json")
        return paths

    def teardown(self) -> None:
        for container in self.api.containers(all=True, quiet=True):
            self.api.remove_container(container["Id"])
        before = self.du()
        told = self.api.prune_images({"dangling": False})["SpaceReclaimed"]
        after = self.du()
        assert self.api.images(all=True) == []
        assert abs(told - (before - after)) <= 0.01 * (before - after), (told, before, after)
        self.api.close()
        assert self.unaccounted() == []

    def du(self) -> int:
        """Bytes of images on the disk. Removed roots of containers are freed after their removal is told, so only what
        images have counts."""
        paths = [self.disk.mount_point / "content", self.layers]
        told = subprocess.run(["du", "-sc", "-B1", *paths], capture_output=True, check=True, text=True).stdout
        return int(told.splitlines()[-1].split()[0])

    def unaccounted(self) -> list[Path]:
        data = self.disk.mount_point
        places = ("content/blobs/*/*", "content/ingest/*", "storage/*/layers/*", "storage/*/tmp/*", "storage/*/l/*")
        return [path for place in places for path in data.glob(place)]


def images(directory: Path) -> Path:
    """A layout of images that share layers."""
    layout = OciLayout(directory)
    layers = [make_layer({f"marks/{n}": bytes([n]) * 10, f"bulk/{n}": noise(n)}, "gzip") for n in range(5)]
    for name, places in IMAGES.items():
        layout.add_image(name, [layers[int(place)] for place in places], Env=[f"NAME={name}"])
    return layout.directory


def noise(seed: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    import random

    return random.Random(seed).randbytes(LAYER_BYTES)


@pytest.mark.root
@pytest.mark.timeout(600)
def test_random_lives_of_images(tmp_path: Path) -> None:
    daemon = Daemon(config=NO_NETWORK + MARKS)
    disk = Disk(daemon, tmp_path)
    disk.mount()
    try:
        with daemon:
            ImageMachine.daemon, ImageMachine.disk, ImageMachine.layout = daemon, disk, images(tmp_path / "layout")
            ImageMachine.layers = disk.mount_point / "storage" / daemon.storage.name / "layers"
            case = ImageMachine.TestCase
            case.settings = settings(
                max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
            )
            case().runTest()
            log = daemon.log.read_text()
            assert "has made way" in log and "Traceback" not in log
    finally:
        disk.unmount()
        shutil.rmtree(daemon.data_root)

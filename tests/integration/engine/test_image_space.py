"""What images take on the disk, who stands on whom, and what goes when they are removed."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled
from tests.support.registry import Registry


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("ck-space")) as running:
        yield running


@contextmanager
def api(lab: Lab) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        yield client
    finally:
        client.close()


def usage(lab: Lab) -> dict[str, Any]:
    with api(lab) as client:
        found: dict[str, Any] = client.df()
    return found


def du(paths: list[Path]) -> int:
    """Bytes on the disk, by the judge."""
    if not paths:
        return 0
    told = subprocess.run(["du", "-sc", "-B1", *paths], capture_output=True, check=True, text=True).stdout
    return int(told.splitlines()[-1].split()[0])


def stored(lab: Lab) -> list[Path]:
    """All layers and blobs."""
    data = lab.daemon.data_root / "data"
    return [*data.glob("storage/*/layers/*"), *data.glob("content/blobs/*/*")]


def copies(lab: Lab) -> int:
    """How often the disk has the files of an image: a storage driver that unpacks has them beside their blob."""
    return 1 if lab.ck("info", "--format", "{{.Driver}}").strip() == "erofs" else 2


def commit(lab: Lab, base: str, script: str, target: str) -> str:
    name = lab.new_name()
    lab.ck("run", "--name", name, base, "sh", "-c", script)
    image_id = lab.ck("commit", name, target).strip()
    lab.ck("rm", name)
    return image_id


def test_the_disk_is_counted_and_what_is_shared_once(own_lab: Lab) -> None:
    lab = own_lab
    base = lab.inspect(lab.image, "{{.Id}}")
    one = commit(lab, lab.image, "head -c 3000000 /dev/urandom >/one", "ck-one")
    two = commit(lab, one, "head -c 1000000 /dev/urandom >/two; mkdir -p /a/b/c; ln /two /also", "ck-two")
    told = usage(lab)
    assert told["LayersSize"] == du(stored(lab))
    images = {image["Id"]: image for image in told["Images"]}
    assert (
        told["LayersSize"]
        == sum(image["Size"] - image["SharedSize"] for image in images.values())
        + (
            images[one]["SharedSize"]  # of it and the third, the first's within it
        )
    )
    assert images[base]["Size"] < images[one]["Size"] < images[two]["Size"]
    assert images[two]["Size"] - images[two]["SharedSize"] >= copies(lab) * 1000000
    lab.ck("create", "--name", lab.new_name(), one, "true")
    row = lab.ck("system", "df", "--format", "{{.Type}}/{{.TotalCount}}/{{.Active}}/{{.Reclaimable}}").splitlines()[0]
    assert row.startswith(f"Images/3/1/{copies(lab)}.") and "MB (" in row
    verbose = lab.ck("system", "df", "-v")
    assert "Images space usage:" in verbose and "ck-two" in verbose
    before = du(stored(lab))
    free = usage(lab)["ck"]["ImagesReclaimable"]
    with api(lab) as client:
        pruned = client.prune_images({"dangling": False})
    assert pruned["SpaceReclaimed"] == before - du(stored(lab)) == free
    assert [image["Id"] for image in usage(lab)["Images"]] == [one]


def test_a_broken_download_is_counted_and_pruned(own_lab: Lab) -> None:
    lab = own_lab
    lab.daemon.stop()
    partial = lab.daemon.data_root / "data/content/ingest" / f"sha256-{'0' * 64}"
    partial.write_bytes(os.urandom(500000))
    lab.daemon.start()
    free = usage(lab)["ck"]["ImagesReclaimable"]
    assert free >= 500000
    with api(lab) as client:
        assert client.prune_images()["SpaceReclaimed"] >= 500000
    assert not partial.exists() and usage(lab)["ck"]["ImagesReclaimable"] <= free - 500000


def test_a_tree(own_lab: Lab) -> None:
    lab = own_lab
    lab.ck("tag", lab.image, "ck-base:1")
    one = commit(lab, "ck-base:1", "echo 1 >/one", "ck-one")
    commit(lab, one, "echo 2 >/two", "ck-two")
    commit(lab, "ck-base:1", "echo 3 >/three", "ck-three")
    lines = [re.sub(r"(?<=[^ │]) {2,}.*", "", line) for line in lab.ck("images", "--tree").splitlines()]
    assert lines[2:] == ["├─ ck-one:latest", "│  └─ ck-two:latest", "└─ ck-three:latest"]
    assert lines[0] == "IMAGE" and "ck-base:1" in lines[1]
    assert "--tree shows a table of its own" in lab.fails("images", "--tree", "-q")
    alone = lab.ck("images", "--tree", "--filter", "reference=ck-two").splitlines()
    assert len(alone) == 2 and alone[1].startswith("ck-two:latest ")


def test_digests_and_filters(own_lab: Lab, registry: Registry) -> None:
    lab = own_lab
    name = f"{registry.address}/x"
    lab.ck("tag", lab.image, f"{name}:1")
    digest = lab.ck("push", f"{name}:1").split("digest: ")[1].split()[0]
    shown = lab.ck("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}", name)
    assert shown == f"{name} 1 {digest}\n"
    by_digest = ("images", "--format", "{{.ID}} {{.Tag}}", "--no-trunc", "--filter", f"reference={name}@{digest}")
    assert lab.ck(*by_digest) == f"{lab.inspect(lab.image, '{{.Id}}')} <none>\n"
    assert lab.ck("images", "-q", "--filter", "label=none") == ""
    made = lab.make()
    new = lab.ck("commit", "-c", "LABEL ck=yes", made, "ck-new").strip()
    lab.ck("commit", "-c", "LABEL ck=yes", "-c", "ENV A=b", made)  # one without a name
    assert len(lab.ck("images", "-q", "--filter", "label=ck=yes").split()) == 2
    assert lab.ck("images", "-q", "--no-trunc", "--filter", "dangling=false", "--filter", "label=ck").strip() == new
    lab.ck("rm", made)
    # The age does not fit; then the label does, of the one without a name; then of the other.
    assert "deleted" not in lab.ck("image", "prune", "-af", "--filter", "label=ck", "--filter", "until=1h")
    assert lab.ck("image", "prune", "-f", "--filter", "label=ck").count("deleted: sha256:") == 1
    assert "untagged: ck-new:latest" in lab.ck("image", "prune", "-af", "--filter", "label=ck")
    assert "invalid filter" in lab.fails("image", "prune", "-f", "--filter", "colour=red")


def test_names_and_what_goes_with_them(own_lab: Lab, registry: Registry) -> None:
    lab = own_lab
    one, two = f"{registry.address}/one", f"{registry.address}/two"
    image_id = commit(lab, lab.image, "echo mine >/f", f"{one}:1")
    for tag in (f"{one}:2", f"{two}:1"):
        lab.ck("tag", image_id, tag)
    digest = lab.ck("push", f"{one}:1").split("digest: ")[1].split()[0]
    lab.ck("push", "-q", f"{two}:1")
    assert lab.ck("rmi", f"{one}:1") == f"Untagged: {one}:1\n"
    assert lab.ck("rmi", f"{one}:2") == f"Untagged: {one}:2\nUntagged: {one}@{digest}\n"
    assert lab.ck("rmi", f"{two}@{digest}") == f"Untagged: {two}@{digest}\n"
    assert json.loads(lab.inspect(image_id, "{{json .RepoTags}}")) == [f"{two}:1"]
    # By its digest alone, from two repositories: more than one name, though no tag.
    lab.ck("rmi", image_id)
    for name in (one, two):
        lab.ck("pull", "-q", f"{name}@{digest}")
    assert "image is referenced in multiple repositories" in lab.fails("rmi", image_id)
    assert lab.ck("rmi", f"{one}@{digest}") == f"Untagged: {one}@{digest}\n"
    gone = lab.ck("rmi", image_id[7:19]).splitlines()
    assert gone[:2] == [f"Untagged: {two}@{digest}", f"Deleted: {image_id}"] and len(gone) == 3
    # With several names -f takes them all; below a stopped container too, which goes on having its files.
    image_id = commit(lab, lab.image, "echo mine >/f", f"{one}:1")
    lab.ck("tag", image_id, f"{two}:1")
    name = lab.new_name()
    lab.ck("create", "--name", name, image_id, "cat", "/f")
    assert "must be forced" in lab.fails("rmi", image_id)
    assert f"Deleted: {image_id}" in lab.ck("rmi", "-f", image_id)
    assert lab.ck("start", "-a", name) == "mine\n"
    assert "No such image" in lab.daemon.ck("rmi", "-f", image_id).err


def test_everything_unused_goes_at_once(own_lab: Lab) -> None:
    lab = own_lab
    kept = lab.up("-v kept:/v")
    lab.make("-v /anonymous")
    lab.ck("commit", kept)
    one = commit(lab, lab.image, "head -c 2000000 /dev/urandom >/one", "ck-one")
    asked = lab.daemon.ck("system", "prune", stdin=b"n\n")
    assert "- all dangling images\n" in asked.out and "volumes" not in asked.out and "Total" not in asked.out
    told = lab.ck("system", "prune", "-f")
    assert "Deleted Containers:" in told and "Deleted Volumes:" not in told
    assert told.count("deleted: sha256:") >= 1 and "Total reclaimed space: " in told
    assert lab.ck("images", "-q", "ck-one").strip() == one[7:19] and len(lab.ck("volume", "ls", "-q").split()) == 2
    told = lab.ck("system", "prune", "-af", "--volumes")
    assert "untagged: ck-one:latest" in told and "Deleted Volumes:" in told
    space = told.rpartition("Total reclaimed space: ")[2]
    assert space.endswith("MB\n") and float(space[:-3]) >= 2.0 * copies(lab)
    assert lab.ck("volume", "ls", "-q") == "kept\n" and lab.ck("ps", "--format", "{{.Names}}") == f"{kept}\n"
    assert "not supported" in lab.fails("system", "prune", "-f", "--volumes", "--filter", "until=1h")


def test_what_a_removed_image_took_up_is_free_soon(own_lab: Lab) -> None:
    lab = own_lab
    trash = next((lab.daemon.data_root / "data/storage").glob("*/trash"))
    image = commit(lab, lab.image, "head -c 50000000 /dev/zero | tr '\\0' x > /large", "ck-large")
    before = du(stored(lab))
    assert f"Deleted: {image}" in lab.ck("rmi", "ck-large")
    assert du(stored(lab)) < before - 50_000_000
    assert settled(lambda: any(trash.iterdir()), False) is False


def test_names_that_are_given_and_taken_at_once(own_lab: Lab) -> None:
    lab = own_lab
    names = [f"ck-{number}:1" for number in range(24)]

    def on_all(call: Callable[[docker.APIClient, str], object]) -> None:
        def one(name: str) -> None:
            with api(lab) as client:
                call(client, name)

        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(one, names))

    on_all(lambda client, name: client.tag(lab.image, *name.split(":")))
    assert set(json.loads(lab.inspect(lab.image, "{{json .RepoTags}}"))) == {lab.image, *names}
    on_all(lambda client, name: client.remove_image(name))
    assert json.loads(lab.inspect(lab.image, "{{json .RepoTags}}")) == [lab.image]

"""`commit`, `import`, `save` and `load`: what becomes an image here, and how it leaves and comes back."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.engine.lab import Lab
from tests.support.file_server import file_server

_CHANGES = """
echo new >/new; ln /new /hard; mkdir -p /d/e; rm /bin/cat; chown 33:34 /etc/passwd
rm -r /var; mkdir /var; echo other >/var/other
"""


@pytest.fixture
def images(lab: Lab) -> Iterator[str]:
    """A repository name of the test's own, whose images are removed at the end."""
    repository = f"{lab.name.lower()}-image"
    yield repository
    lab.clean()
    if mine := lab.ck("images", "-q", "--filter", f"reference={repository}*").split():
        lab.ck("rmi", "-f", *dict.fromkeys(mine))


def blobs(lab: Lab) -> set[str]:
    return {path.name for path in (lab.daemon.data_root / "data/content/blobs/sha256").iterdir()}


def layers(lab: Lab) -> set[str]:
    return {path.name for path in (lab.daemon.storage / "layers").iterdir()}


def shown(lab: Lab, image: str) -> dict[str, Any]:
    [document] = json.loads(lab.ck("image", "inspect", image))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("users", ["auto", "host"])
@pytest.mark.parametrize("running", [True, False])
def test_a_commit_has_what_the_container_changed(lab: Lab, images: str, users: str, running: bool) -> None:
    options = f"--userns {users} -e A=b -w /d -l kind=test --entrypoint env -v {lab.new_name()}:/v"
    name = lab.up(options, "sh", "-c", f"{_CHANGES}echo no >/v/no; touch /ready; sleep 1000")
    while lab.daemon.ck("exec", name, "test", "-e", "/ready", check=False).code:
        continue
    if not running:
        lab.ck("kill", name)
        lab.ck("wait", name)
    image_id = lab.ck("commit", "-m", "what changed", "-a", "me", name, f"{images}:1").strip()
    assert lab.status(name) == ("running 0" if running else "exited 137")
    found = shown(lab, f"{images}:1")
    assert (found["Id"], found["Author"], found["Comment"]) == (image_id, "me", "")
    config = found["Config"]
    assert (config["WorkingDir"], config["Entrypoint"], config["Labels"]) == ("/d", ["env"], {"kind": "test"})
    assert "A=b" in config["Env"] and config["Cmd"][:2] == ["sh", "-c"] and config["Volumes"] is None
    base = shown(lab, lab.image)["RootFS"]["Layers"]
    assert found["RootFS"]["Layers"][:-1] == base
    result = lab.daemon.ck(
        "run", "--rm", "--userns", users, "--entrypoint", "/bin/busybox", f"{images}:1", "sh", "-c",
        "busybox cat /new /var/other; stat -c '%h %u %g' /new /etc/passwd; ls /bin/cat /v /d",
        check=False,
    )  # fmt: skip
    assert result.out == "new\nother\n2 0 0\n1 33 34\n/d:\ne\n\n/v:\n", result
    assert "/bin/cat" in result.err
    history = lab.ck("history", "--format", "{{.Comment}}|{{.Size}}", f"{images}:1").splitlines()
    assert history[0].startswith("what changed|") and len(history) == 1 + len(base)


def test_a_commit_without_a_name_and_over_a_name(lab: Lab, images: str) -> None:
    name = lab.make()
    first = lab.ck("commit", name, images).strip()
    lab.ck("run", "--name", lab.new_name(), lab.image, "touch", "/f")
    second = lab.ck("commit", f"{lab.name}-2", images).strip()
    assert shown(lab, images)["Id"] == second
    assert shown(lab, first)["RepoTags"] == []
    nameless = lab.ck("commit", f"{lab.name}-2").strip()
    assert shown(lab, nameless)["RepoTags"] == []
    lab.ck("rmi", first, nameless)
    events = lab.ck("events", "--since", "1h", "--until", "0s", "-f", f"container={lab.name}-2", "-f", "event=commit")
    assert f"imageID={second}" in events and f"imageRef={images}" in events


def test_a_commit_of_the_same_content_is_the_same_layer(lab: Lab, images: str) -> None:
    before = layers(lab)
    name = lab.make("", "true")
    lab.ck("start", "-a", name)
    for tag in ("1", "2"):
        lab.ck("commit", name, f"{images}:{tag}")
    assert shown(lab, f"{images}:1")["RootFS"] == shown(lab, f"{images}:2")["RootFS"]
    assert len(layers(lab) - before) == 1
    lab.ck("rmi", f"{images}:1")
    assert lab.daemon.ck("run", "--rm", f"{images}:2").out == ""
    lab.ck("rmi", f"{images}:2")
    assert layers(lab) == before


def test_instructions_of_a_commit_and_of_an_import(lab: Lab, images: str, tmp_path: Path) -> None:
    name = lab.make("-e A=b")
    lab.ck("commit", "-c", 'CMD ["echo", "changed"]', "-c", "ENV C=$A", "-c", "USER 33", name, f"{images}:1")
    config = shown(lab, f"{images}:1")["Config"]
    assert (config["Cmd"], config["User"]) == (["echo", "changed"], "33") and "C=b" in config["Env"]
    assert lab.daemon.ck("run", "--rm", f"{images}:1").out == "changed\n"
    lab.ck("export", "-o", str(tmp_path / "root"), name)
    lab.ck("import", "-c", "ENTRYPOINT echo imported", str(tmp_path / "root"), f"{images}:2")
    assert lab.daemon.ck("run", "--rm", f"{images}:2").out == "imported\n"
    assert "COPY is not a valid change command" in lab.fails("commit", "-c", "COPY a b", name, f"{images}:3")
    assert "unknown instruction: NOPE" in lab.fails("import", "-c", "NOPE", str(tmp_path / "root"))


def test_docker_py_commits_with_another_config(lab: Lab, images: str) -> None:
    name = lab.make("-e A=b", "sleep", "1")
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        answer = client.commit(name, images, "api", message="by API", conf={"Cmd": ["echo", "other"], "Env": ["C=d"]})
    finally:
        client.close()
    found = shown(lab, f"{images}:api")
    assert found["Id"] == answer["Id"]
    assert found["Config"]["Cmd"] == ["echo", "other"] and {"A=b", "C=d"} <= set(found["Config"]["Env"])
    assert lab.daemon.ck("run", "--rm", f"{images}:api").out == "other\n"


def test_everything_leaves_and_comes_back(lab: Lab, images: str, tmp_path: Path) -> None:
    name = lab.make("", "sh", "-c", "echo saved >/f")
    lab.ck("start", "-a", name)
    image_id = lab.ck("commit", name, f"{images}:1").strip()
    lab.ck("tag", f"{images}:1", f"{images}:2")
    archive = tmp_path / "archive"
    lab.ck("save", "-o", str(archive), images, lab.image)  # all tags of the repository
    with tarfile.open(archive) as tar:
        documents = {each: json.load(tar.extractfile(each)) for each in ("manifest.json", "index.json")}  # type: ignore[arg-type]
        for member in tar:
            if member.isfile() and member.name.startswith("blobs/"):
                content = tar.extractfile(member)
                assert content is not None
                assert hashlib.file_digest(content, "sha256").hexdigest() == os.path.basename(member.name)  # type: ignore[arg-type]
    mine = next(each for each in documents["manifest.json"] if f"{images}:1" in each["RepoTags"])
    assert mine["RepoTags"] == [f"{images}:1", f"{images}:2"]
    assert mine["Config"] == f"blobs/sha256/{image_id.removeprefix('sha256:')}"
    lab.ck("rm", name)
    lab.ck("rmi", f"{images}:1", f"{images}:2")
    before = blobs(lab), layers(lab)
    compressed = tmp_path / "compressed"
    subprocess.run(f"gzip -c {archive} > {compressed}", shell=True, check=True)
    for source in (archive, compressed):
        assert f"Loaded image: {images}:1\nLoaded image: {images}:2\n" in lab.ck("load", "-i", str(source))
        assert shown(lab, images + ":2")["Id"] == image_id
        assert lab.daemon.ck("run", "--rm", f"{images}:1", "cat", "/f").out == "saved\n"
        lab.ck("rmi", f"{images}:1", f"{images}:2")
        assert (blobs(lab), layers(lab)) == before
    quiet = lab.ck("load", "-q", stdin=archive.read_bytes())
    assert quiet.splitlines()[:2] == [f"Loaded image: {images}:1", f"Loaded image: {images}:2"]


def test_others_read_what_is_saved(lab: Lab, images: str, tmp_path: Path) -> None:
    name = lab.make("", "sh", "-c", "echo saved >/f")
    lab.ck("start", "-a", name)
    image_id = lab.ck("commit", name, f"{images}:1").strip()
    lab.ck("save", "-o", str(tmp_path / "archive"), f"{images}:1")
    (tmp_path / "layout").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "archive", "-C", tmp_path / "layout"], check=True)
    sources = (f"docker-archive:{tmp_path}/archive", f"oci:{tmp_path}/layout:1", f"oci-archive:{tmp_path}/archive:1")
    for number, source in enumerate(sources):
        target = tmp_path / f"copy{number}"
        subprocess.run(["skopeo", "copy", "-q", source, f"dir:{target}"], check=True)
        manifest = json.loads((target / "manifest.json").read_bytes())
        assert manifest["config"]["digest"] == image_id
        assert len(manifest["layers"]) == len(shown(lab, image_id)["RootFS"]["Layers"])
    # And what skopeo writes is loaded: a Docker archive, and an OCI one with a full name and without any.
    for number, (kind, name) in enumerate(
        [("docker-archive", f":{images}:back"), ("oci-archive", f":{images}:other"), ("oci-archive", "")]
    ):
        back = tmp_path / f"back{number}"
        # From one of its own kind: between kinds skopeo writes the config anew.
        source = next(each for each in sources if each.startswith(kind))
        subprocess.run(["skopeo", "copy", "-q", source, f"{kind}:{back}{name}"], check=True)
        told = lab.ck("load", "-q", "-i", str(back))
        assert told == (f"Loaded image: {name[1:]}\n" if name else f"Loaded image ID: {image_id}\n")
        assert shown(lab, name[1:] or image_id)["Id"] == image_id


def test_an_image_without_a_name_is_saved_without_one(lab: Lab, images: str, tmp_path: Path) -> None:
    image_id = lab.ck("commit", lab.make(), f"{images}:1").strip()
    lab.ck("save", "-o", str(tmp_path / "archive"), image_id[7:19])
    lab.ck("rmi", f"{images}:1")
    assert lab.ck("load", "-q", "-i", str(tmp_path / "archive")) == f"Loaded image ID: {image_id}\n"
    lab.ck("rmi", image_id)


def test_an_archive_of_files_becomes_an_image(lab: Lab, images: str, tmp_path: Path) -> None:
    name = lab.make("", "sh", "-c", "echo exported >/f")
    lab.ck("start", "-a", name)
    lab.ck("export", "-o", str(tmp_path / "root"), name)
    subprocess.run(["xz", "-k", "-T1", "-0", str(tmp_path / "root")], check=True)
    first = lab.ck("import", "-m", "flat", str(tmp_path / "root"), f"{images}:1").strip()
    second = lab.ck("import", "-", f"{images}:2", stdin=(tmp_path / "root.xz").read_bytes()).strip()
    for image_id, comment in ((first, "flat"), (second, "Imported from -")):
        found = shown(lab, image_id)
        assert len(found["RootFS"]["Layers"]) == 1 and found["Config"]["Cmd"] is None
        assert comment in lab.ck("history", image_id)
        assert lab.daemon.ck("run", "--rm", image_id, "cat", "/f").out == "exported\n"
    assert shown(lab, first)["RootFS"] == shown(lab, second)["RootFS"]
    with file_server(tmp_path) as port:
        server = f"http://127.0.0.1:{port}"
        fetched = lab.ck("import", f"{server}/root.xz", f"{images}:4").strip()
        told = lab.fails("import", f"{server}/none")
        assert told == f"ck: cannot fetch {server}/none: the server answered 404 File not found\n"
    assert shown(lab, fetched)["RootFS"] == shown(lab, first)["RootFS"]
    assert f"Imported from {server}/root.xz" in lab.ck("history", fetched)
    foreign = lab.ck("import", "--platform", "linux/arm64/v8", str(tmp_path / "root"), f"{images}:3").strip()
    assert (shown(lab, foreign)["Architecture"], shown(lab, foreign)["Variant"]) == ("arm64", "v8")


def hostile(**members: bytes) -> bytes:
    """A tar with *members*, whose names have "_" for "."."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no tar at all", "ck: what was sent is no tar archive"),
        (hostile(other=b""), "the archive holds no images"),
        (hostile(manifest_json=b"{"), "manifest.json of the archive is not a JSON list"),
        (hostile(manifest_json=b'[{"Config": "../../etc/passwd", "Layers": []}]'), "no file '../../etc/passwd'"),
        (hostile(index_json=b"[]", oci_layout=b""), "is not a JSON object"),
    ],
)
def test_what_is_no_archive_of_images_leaves_nothing(lab: Lab, content: bytes, sentence: str) -> None:
    before = blobs(lab), layers(lab), lab.ck("images", "-aq")
    result = lab.daemon.ck("load", stdin=content, check=False)
    assert result.code == 1 and sentence in result.err and result.err.count("\n") == 1, result
    assert (blobs(lab), layers(lab), lab.ck("images", "-aq")) == before
    assert os.listdir(lab.daemon.data_root / "data/content/ingest") == []


def test_bad_input(lab: Lab, images: str, tmp_path: Path) -> None:
    name = lab.make()
    before = blobs(lab), layers(lab)
    assert lab.fails("commit", "ck-nosuch") == "ck: No such container: ck-nosuch\n"
    assert "invalid reference format" in lab.fails("commit", name, "Bad Name")
    assert "digest reference" in lab.fails("commit", name, f"{images}@sha256:{'0' * 64}")
    assert lab.fails("save", "-o", str(tmp_path / "f"), "ck-nosuch") == "ck: No such image: ck-nosuch\n"
    assert "requires at least 1 argument" in lab.fails("save")
    assert (
        lab.fails("load", "-i", str(tmp_path / "no")) == f"ck: cannot read {tmp_path}/no: No such file or directory\n"
    )
    assert lab.fails("import", str(tmp_path)) == f"ck: cannot read {tmp_path}: Is a directory\n"
    assert "cannot fetch http://127.0.0.1:1/x: Connection refused" in lab.fails("import", "http://127.0.0.1:1/x")
    assert "is not a tar archive" in lab.fails("import", "/bin/sh")
    odd = lab.make("", "touch", "/.wh.odd")
    lab.ck("start", "-a", odd)
    assert "'.wh.odd' cannot be in an image" in lab.fails("commit", odd, images)
    assert (blobs(lab), layers(lab)) == before
    assert not (tmp_path / "f").exists()

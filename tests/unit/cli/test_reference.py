"""Image references, as far as a client looks into them."""

from pathlib import Path

import pytest

from ck.cli.reference import DOCKER_HUB, absolute, full, has_tags, registry, split


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("alpine", ("alpine", "")),
        ("alpine:3.20", ("alpine", "3.20")),
        ("host:5000/a/b", ("host:5000/a/b", "")),
        ("host:5000/a/b:c", ("host:5000/a/b", "c")),
        ("a@sha256:00", ("a", "sha256:00")),
        ("a:", ("a:", "")),
    ],
)
def test_split(reference: str, parts: tuple[str, str]) -> None:
    assert split(reference) == parts


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("alpine", DOCKER_HUB),
        ("user/image", DOCKER_HUB),
        ("docker.io/library/alpine", DOCKER_HUB),
        ("quay.io/a/b", "quay.io"),
        ("localhost/a", "localhost"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000"),
    ],
)
def test_registry(reference: str, key: str) -> None:
    assert registry(reference) == key


def test_layouts_are_files_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("oci:images/a:b") == f"oci:{tmp_path}/images/a:b"
    assert absolute("docker-archive:/x.tar") == "docker-archive:/x.tar"
    assert absolute("alpine") == "alpine"
    assert has_tags("alpine") and not has_tags("host/sh") and not has_tags("oci:x")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("user/image:1", "docker.io/user/image:1"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine:latest"),
        ("host:5000/a", "host:5000/a:latest"),
        ("quay.io/a@sha256:00", "quay.io/a@sha256:00"),
        ("host/sh", "host/sh"),
    ],
)
def test_full_names(reference: str, name: str) -> None:
    assert full(reference) == name

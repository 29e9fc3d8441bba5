"""`ck manifest`: indexes of several images, put together at a real registry and read by others."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ck.kernel.drivers.digest import sha256_digest
from tests.integration.engine.conftest import lab, pulled_image
from tests.integration.engine.lab import Lab
from tests.support.oci_layout import AMD64, OciLayout, make_layer
from tests.support.registry import Registry

__all__ = ["lab", "pulled_image"]


@pytest.fixture
def mine(lab: Lab, registry: Registry) -> Iterator[str]:
    """A repository in the registry, of the test's own, with an image each for amd64 (:amd64) and arm/v7 (:arm). Images
    of that name here are removed at the end."""
    repository = f"{registry.address}/{lab.name.lower()}/image"
    names = []
    for architecture, platform in (("amd64", "linux/amd64"), ("arm", "linux/arm/v7")):
        layer = make_layer({"etc/arch": architecture.encode()})
        names.append(f"{repository}:{architecture}")
        lab.ck("import", "--platform", platform, "-", names[-1], stdin=layer.tar)
        lab.ck("push", "-q", names[-1])
    lab.ck("rmi", *names)
    yield repository
    lab.clean()
    if found := lab.ck("images", "-q", "--filter", f"reference={repository}*").split():
        lab.ck("rmi", "-f", *dict.fromkeys(found))


def skopeo(image: str, *arguments: str) -> Any:
    options = [each for each in arguments if each.startswith("--override")]
    rest = [each for each in arguments if each not in options]
    command = ["skopeo", *options, "inspect", "--tls-verify=false", *rest, f"docker://{image}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def docker_manifest(lab: Lab, *arguments: str) -> bytes:
    """Docker's own client, whose lists are where ours are."""
    command = ["docker", "manifest", *arguments]
    return subprocess.run(command, env=lab.daemon.environment, capture_output=True, check=True).stdout


def shown(lab: Lab, *arguments: str) -> Any:
    return json.loads(lab.ck("manifest", "inspect", *arguments))


def test_an_index_is_made_pushed_and_pulled_for_each_platform(lab: Lab, mine: str) -> None:
    target = f"{mine}-all:1"
    assert lab.ck("manifest", "create", target, f"{mine}:amd64", f"{mine}:arm").endswith(f"list {target}\n")
    told = lab.ck("manifest", "push", target)
    raw = skopeo(target, "--raw")
    assert told.endswith(f"1: digest: {sha256_digest(raw)} size: {len(raw)}\n")
    assert f"Mounted from {mine.partition('/')[2]}" in told and "Copied" not in told
    index = json.loads(raw)
    assert index == shown(lab, target)
    platforms = {each["digest"]: each["platform"] for each in index["manifests"]}
    assert sorted(each["architecture"] for each in platforms.values()) == ["amd64", "arm"]
    for platform, architecture in (("linux/amd64", "amd64"), ("linux/arm/v7", "arm")):
        wanted = skopeo(f"{mine}:{architecture}", "--raw")
        assert platforms[sha256_digest(wanted)]["architecture"] == architecture
        lab.ck("pull", "-q", "--platform", platform, target)
        image_id = json.loads(wanted)["config"]["digest"]
        assert lab.inspect(target, "{{.Architecture}} {{.Id}}") == f"{architecture} {image_id}"
        assert lab.inspect(target, "{{json .RepoDigests}}") == json.dumps([f"{mine}-all@{sha256_digest(raw)}"])
        # As skopeo chooses, from what is at the new name alone.
        words = zip(("os", "arch", "variant"), platform.split("/"), strict=False)
        config = json.loads(skopeo(target, "--config", *(f"--override-{key}={word}" for key, word in words)))
        assert config["architecture"] == architecture
    assert lab.fails("pull", "--platform", "linux/s390x", target).endswith(
        f"no matching manifest for linux/s390x in the manifest list of {target}\n"
    )


def test_annotations_and_what_is_kept(lab: Lab, mine: str) -> None:
    target = f"{mine}:all"
    lab.ck("manifest", "create", target, f"{mine}:amd64")
    assert "exists already" in lab.fails("manifest", "create", target, f"{mine}:arm")
    lab.ck("manifest", "create", "-a", target, f"{mine}:arm")
    lab.ck("manifest", "annotate", target, f"{mine}:arm", "--arch", "arm64", "--variant", "v8")
    assert shown(lab, "-v", target, f"{mine}:arm")["Descriptor"]["platform"] == {
        "os": "linux",
        "architecture": "arm64",
        "variant": "v8",
    }
    lab.ck("manifest", "push", "-p", target)
    assert [each["platform"] for each in json.loads(skopeo(target, "--raw"))["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ]
    assert "no such manifest list" in lab.fails("manifest", "rm", target)
    lab.ck("manifest", "create", target, f"{mine}:arm")
    assert lab.ck("manifest", "rm", target) == f"{target}\n"


def test_docker_reads_our_lists_and_we_read_its(lab: Lab, mine: str) -> None:
    target = f"{mine}:all"
    lab.ck("manifest", "create", target, f"{mine}:amd64", f"{mine}:arm")
    seen = json.loads(docker_manifest(lab, "inspect", target))
    # Docker lists the fields of a descriptor in an order of its own; the content is the same.
    assert seen["manifests"] == shown(lab, target)["manifests"]
    lab.ck("manifest", "rm", target)
    docker_manifest(lab, "create", "--insecure", target, f"{mine}:arm", f"{mine}:amd64")
    assert [each["platform"]["architecture"] for each in shown(lab, target)["manifests"]] == ["amd64", "arm"]
    assert "digest: sha256:" in lab.ck("manifest", "push", target)


def test_blobs_come_from_another_registry_too(lab: Lab, mine: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Registry(tmp_path_factory.mktemp("ck-other")) as other:
        target = f"{other.address}/x:1"
        lab.ck("manifest", "create", target, f"{mine}:amd64", f"{mine}:arm")
        told = lab.ck("manifest", "push", target)
        assert told.count(f"Copied from {mine}") == 4  # two configs, two layers
        assert json.loads(skopeo(target, "--config"))["architecture"] == "amd64"
        assert told.splitlines()[-1] == lab.ck("manifest", "push", target).splitlines()[-1]


def test_what_a_registry_has(lab: Lab, mine: str, registry: Registry, tmp_path: Path) -> None:
    raw = skopeo(f"{mine}:arm", "--raw")
    document = json.loads(raw)
    assert shown(lab, f"{mine}:arm") == document
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        told = client.inspect_distribution(f"{mine}:arm")
    finally:
        client.close()
    descriptor = {"mediaType": document["mediaType"], "digest": sha256_digest(raw), "size": len(raw)}
    assert told == {
        "Descriptor": descriptor,
        "Platforms": [{"architecture": "arm", "os": "linux", "variant": "v7"}],
    }
    verbose = shown(lab, "-v", f"{mine}:arm")
    assert verbose["Ref"] == f"{mine}:arm" and verbose["Descriptor"]["digest"] == sha256_digest(raw)
    layout = OciLayout(tmp_path / "layout")
    image = layout.add_image(None, [make_layer({"a": b"1"})])
    index = layout.add_index("t", {AMD64: image})
    registry.push(layout.directory, "t", f"{mine.partition('/')[2]}:pushed", "--all", "--preserve-digests")
    [entry] = shown(lab, "-v", f"{mine}:pushed")
    assert entry["Ref"] == f"{mine}@{image.digest}" and entry["OCIManifest"] == json.loads(image.manifest)
    assert sha256_digest(skopeo(f"{mine}:pushed", "--raw")) == index
    # An image that no registry has is told of by the engine.
    lab.ck("commit", lab.make(), f"{mine}:here")
    assert shown(lab, f"{mine}:here")["config"]["digest"] == lab.inspect(f"{mine}:here", "{{.Id}}")
    lab.ck("rmi", f"{mine}:here")


def test_bad_input(lab: Lab, mine: str) -> None:
    target = f"{mine}:all"
    assert f"manifest for {mine}:no not found" in lab.fails("manifest", "create", target, f"{mine}:no")
    assert f"no such manifest list: {target}" in lab.fails("manifest", "push", target)
    assert f"manifest for {target} not found" in lab.fails("manifest", "inspect", target)
    lab.ck("manifest", "create", target, f"{mine}:amd64")
    annotate = ("manifest", "annotate", target)
    assert f"manifest {mine}:arm is not in the list" in lab.fails(*annotate, f"{mine}:arm", "--os", "linux")
    assert "nothing to annotate" in lab.fails(*annotate, f"{mine}:amd64")
    assert '"amd46"' in lab.fails(*annotate, f"{mine}:amd64", "--arch", "amd46", code=125)
    lab.ck("manifest", "push", target)
    assert "is a manifest list itself" in lab.fails("manifest", "create", f"{mine}:two", target)
    assert lab.fails("manifest", "rm", target, f"{mine}:two").count("no such manifest list") == 1


def test_a_login_counts_for_lists_too(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Registry(tmp_path_factory.mktemp("ck-closed"), users={"me": "secret"}) as closed:
        one, target = f"{closed.address}/one:1", f"{closed.address}/all:1"
        lab.ck("tag", lab.image, one)
        try:
            assert "asks for a user name and password" in lab.fails("manifest", "inspect", f"{closed.address}/one:2")
            lab.ck("login", "-u", "me", "--password-stdin", closed.address, stdin=b"secret")
            lab.ck("push", "-q", one)
            lab.ck("manifest", "create", target, one)
            lab.ck("manifest", "push", target)
            lab.ck("logout", closed.address)
            assert "asks for a user name and password" in lab.fails("manifest", "push", target)
        finally:
            lab.ck("rmi", one)

"""What builds have of each other: the cache of one engine, and one that comes with an image."""

import json
import tarfile
import threading
from pathlib import Path

import pytest

from tests.integration.build.workbench import Workbench
from tests.integration.engine.lab import Lab
from tests.support.registry import Registry

TEXT = "FROM BASE\nCOPY a.txt /a\nRUN cat /proc/sys/kernel/random/uuid > /when\nWORKDIR /w\n"


def test_equal_builds_at_once_do_the_work_once(bench: Workbench) -> None:
    bench.write(a_txt="a")
    bench.build(TEXT.replace("BASE", bench.base))  # writes the Dockerfile
    bench.lab.ck("builder", "prune", "-af")
    bench.lab.ck("rmi", "-f", bench.image)
    results: list[str] = []
    builds = [
        threading.Thread(target=lambda: results.append(bench.lab.ck("build", "-q", str(bench.directory)).strip()))
        for _ in range(4)
    ]
    for build in builds:
        build.start()
    for build in builds:
        build.join()
    assert len(results) == 4 and len(set(results)) == 1, "the RUN, whose result is random, was run more than once"
    bench.lab.ck("tag", results[0], bench.image)


def test_the_same_digest_with_the_cache_in_it(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    bench.write(a_txt="a")
    found = set()
    for _ in range(2):
        bench.build("FROM BASE\nCOPY a.txt /a\nWORKDIR /w\n", "--cache-to=type=inline", "--no-cache")
        found.add(bench.shown()["Id"])
    assert len(found) == 1


def test_a_cache_that_does_not_fit_is_not_used(bench: Workbench, tmp_path: Path) -> None:
    """An image whose config names the key of a step for a layer that stands on other layers than here."""
    bench.write(a_txt="a")
    text = "FROM BASE\nWORKDIR /one\nRUN echo true > /what\n"
    bench.build(text, "--cache-to=type=inline")
    honest = bench.shown()["RootFS"]["Layers"]
    lab, archive, forged = bench.lab, tmp_path / "saved.tar", tmp_path / "forged"
    lab.ck("save", bench.image, "-o", str(archive))
    forged.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(forged)
    [manifest] = json.loads((forged / "manifest.json").read_text())
    config = json.loads((forged / manifest["Config"]).read_text())
    # The RUN is said to be the layer of WORKDIR, and the other way round.
    one, two = config["ck.build.cache"]
    one["layer"], two["layer"] = two["layer"], one["layer"]
    (forged / manifest["Config"]).write_text(json.dumps(config))
    for path in ("index.json", "oci-layout"):
        (forged / path).unlink()
    (forged / "manifest.json").write_text(json.dumps([{**manifest, "RepoTags": ["ck-forged:1"]}]))
    with tarfile.open(archive, "w") as tar:
        tar.add(forged, "")
    lab.ck("load", "-i", str(archive))
    lab.ck("rmi", "-f", bench.image)
    lab.ck("builder", "prune", "-af")
    assert "Using cache" not in bench.build(text, "--cache-from", "ck-forged:1").out
    assert bench.run("cat", "/what") == "true\n"
    assert len(bench.shown()["RootFS"]["Layers"]) == len(honest)
    lab.ck("rmi", "-f", "ck-forged:1")


def test_a_step_that_fails_leaves_its_turn_to_the_next(bench: Workbench) -> None:
    bench.fails("FROM BASE\nRUN exit 3\n")
    assert "returned a non-zero code: 3" in bench.fails("FROM BASE\nRUN exit 3\n")


@pytest.mark.parametrize("option", ["--cache-to=type=inline", "--build-arg=BUILDKIT_INLINE_CACHE=1"])
def test_the_cache_comes_with_the_image(bench: Workbench, own_lab: Lab, tmp_path: Path, option: str) -> None:
    """To an engine that has never built it."""
    with Registry(tmp_path) as registry:
        base, name = (f"{registry.address}/{each}" for each in ("base:1", "app:1"))
        bench.write(a_txt="a")
        bench.lab.ck("tag", bench.base, base)
        text = TEXT.replace("BASE", base)
        built = bench.build(text, option)
        assert "Warning" not in built.out
        image, when = bench.shown()["Id"], bench.run("cat", "/when")
        bench.lab.ck("tag", bench.image, name)
        for each in (base, name):
            bench.lab.ck("push", each)
            bench.lab.ck("rmi", each)

        def build(*options: str) -> str:
            return own_lab.ck("build", "-t", "again", *options, str(bench.directory))

        other = build(option, f"--cache-from=type=registry,ref={name}")
        assert other.count("Using cache") == 3
        assert own_lab.ck("inspect", "-f", "{{.Id}}", "again").strip() == image
        # Only for the build that was told to trust in the image.
        assert "Using cache" not in build("-q")
        assert own_lab.ck("run", "--rm", "--network", "none", "again", "cat", "/when") != when
        assert build(option, "--no-cache", "--cache-from", name).count("Using cache") == 0
        assert own_lab.ck("run", "--rm", "--network", "none", name, "cat", "/when") == when
        told = build("--cache-from", f"{registry.address}/none:1")
        assert f"[Warning] no cache comes from {registry.address}/none:1: " in told
        assert "Successfully built" in told

"""What builds have of each other: the cache of one engine, and one that comes with an image."""

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

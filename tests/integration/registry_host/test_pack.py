"""`ck pack`: several programs of this machine as one image, which leaves and comes back."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.registry import Registry


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("ck-pack")) as running:
        yield running


def test_a_packed_image_is_pushed_and_runs_elsewhere(daemon: Daemon, fresh_daemon: Daemon, registry: Registry) -> None:
    tag = f"{registry.address}/tools:1"
    options = ("--env", "GREETING=hello", "--label", "made=here", "-t", tag, "-t", "ck-packed:2")
    image_id = daemon.ck("pack", "sh", "awk", *options).out.strip()
    try:
        assert daemon.ck("inspect", "-f", "{{.Id}}", "ck-packed:2").out.strip() == image_id
        digest = daemon.ck("push", tag).out.split("digest: ")[1].split()[0]
        # Another engine of the same machine makes the very same image.
        assert fresh_daemon.ck("pack", "sh", "awk", *options[:4]).out.strip() == image_id
        fresh_daemon.ck("rmi", image_id)
        fresh_daemon.ck("pull", "-q", f"{registry.address}/tools@{digest}")
        assert fresh_daemon.ck("images", "-q", "--no-trunc").out.strip() == image_id
        script = 'echo "$GREETING"; awk "BEGIN { print 6 * 7 }"'
        assert fresh_daemon.ck("run", "--rm", image_id, "sh", "-c", script).out == "hello\n42\n"
        assert fresh_daemon.ck("run", "--rm", "-i", image_id, stdin=b"echo command\n").out == "command\n"
        seen = subprocess.run(
            ["skopeo", "inspect", "--tls-verify=false", "--config", f"docker://{tag}"], capture_output=True, check=True
        )
        assert json.loads(seen.stdout)["config"]["Labels"] == {"made": "here"}
        assert "pack" in daemon.ck("events", "--since", "1h", "--until", "0s", "-f", f"image={image_id}").out
    finally:
        daemon.ck("rmi", "-f", image_id)


def test_the_entrypoint(daemon: Daemon) -> None:
    try:
        daemon.ck("pack", "sh", "awk", "-t", "ck-packed:entry", "--entrypoint", '["awk", "BEGIN { print ARGV[1] }"]')
        assert daemon.ck("run", "--rm", "ck-packed:entry", "word").out == "word\n"
        # The name goes to the newer image, whose layer is the same.
        daemon.ck("pack", "sh", "awk", "-t", "ck-packed:entry", "--entrypoint", "sh")
        assert daemon.ck("run", "--rm", "ck-packed:entry", "-c", "echo $0").out == "sh\n"
    finally:
        daemon.ck("rmi", "-f", "ck-packed:entry")
        daemon.ck("image", "prune", "-f")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("sh", "ck-no-such"), 1, 'no program "ck-no-such" in $PATH of this machine'),
        (("/bin/sh",), 1, '"host//bin/sh" names no program'),
        (("sh", "-t", "Bad Name"), 1, "invalid reference format"),
        (("sh", "-t", "host/sh"), 1, "names something of this machine's"),
        (("sh", "--env", "=x"), 125, "invalid environment variable: =x"),
        (("sh", "--env", "CK_NOT_SET"), 1, "invalid environment variable 'CK_NOT_SET'"),
        (("sh", "--entrypoint", "[1]"), 125, "a JSON list of strings is wanted"),
        ((), 1, "requires at least 1 argument"),
    ],
)
def test_bad_input(daemon: Daemon, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    before = daemon.ck("images", "-aq").out
    result = daemon.ck("pack", *arguments, check=False)
    assert (result.code, result.out) == (code, "") and sentence in result.err, result
    assert daemon.ck("images", "-aq").out == before


def test_what_changed_makes_another_image(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\necho 1\n")
    (tmp_path / "mine").chmod(0o755)
    with Daemon(env={"PATH": f"{tmp_path}:/usr/bin:/bin"}) as daemon:
        first = daemon.ck("pack", "mine", "-t", "m").out.strip()
        assert daemon.ck("run", "--rm", "m").out == "1\n"
        (tmp_path / "mine").write_text("#!/bin/sh\necho 22\n")
        assert daemon.ck("pack", "mine", "-t", "m").out.strip() != first
        assert daemon.ck("run", "--rm", "m").out == "22\n"

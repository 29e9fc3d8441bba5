"""How fast bytes go through: logs and layers."""

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.bench.engines import IMAGE, Engine, run
from tests.bench.figures import Figure, in_turns, timed
from tests.support.oci_layout import OciLayout, make_layer
from tests.support.registry import Registry

LINE = "x" * 95  # and the newline
MILLION = 1_000_000
FILES, FILE_BYTES = 2000, 85_000  # 170 MB, of which a third cannot be compressed


def log_lines(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """A million lines from a container to an attached client, through each engine's default log."""

    def once(engine: Engine) -> float:
        name = f"ck-bench-{uuid.uuid4().hex[:8]}"
        command = [
            "run",
            "--network",
            "none",
            "--name",
            name,
            *_default_log(engine),
            IMAGE,
            "sh",
            "-c",
            _lines(MILLION),
        ]
        try:
            return timed(lambda: run(engine, *command, stdout=subprocess.DEVNULL))
        finally:
            run(engine, "rm", "-f", name)

    return in_turns("1 M log lines, attached", engines, max(1, rounds // 3), once)


def logs_tail(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`logs --tail 10` of three million lines."""
    name = f"ck-bench-{uuid.uuid4().hex[:8]}"
    try:
        for engine in engines:
            command = ["run", "-d", "--network", "none", "--name", name, *_default_log(engine), IMAGE]
            run(engine, *command, "sh", "-c", _lines(3 * MILLION))
            run(engine, "wait", name)
        return in_turns(
            "logs --tail 10 of 3 M lines",
            engines,
            rounds,
            lambda engine: timed(lambda: run(engine, "logs", "--tail", "10", name)),
        )
    finally:
        for engine in engines:
            run(engine, "rm", "-f", name, check=False)


def _lines(count: int) -> str:
    return f"yes {LINE} | head -n {count}"


def _default_log(engine: Engine) -> list[str]:
    # Podman's default is the journal, which a machine without systemd does not have.
    return ["--log-driver", "k8s-file"] if engine.name == "podman" else []


def pull(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Pull of an image of one 60 MB gzip layer from a registry on loopback."""
    with (
        tempfile.TemporaryDirectory(prefix="ck-bench-") as directory,
        _registries(engines, Path(directory)) as addresses,
    ):

        def once(engine: Engine) -> float:
            reference = f"{addresses[engine.name]}/big:latest"
            insecure = ["--tls-verify=false"] if engine.name == "podman" else []
            try:
                return timed(lambda: run(engine, "pull", "-q", *insecure, reference))
            finally:
                run(engine, "rmi", reference)

        return in_turns("pull of a 60 MB gzip image", engines, max(1, rounds // 3), once)


@contextmanager
def _registries(engines: Sequence[Engine], directory: Path) -> Iterator[dict[str, str]]:
    """The address of a registry for each engine: the same one, served again in the network namespace of an engine
    that has its own."""
    layout = OciLayout(directory / "layout")
    layout.add_image("latest", [make_layer(_big_tar())])
    (directory / "registry").mkdir()
    with Registry(directory / "registry") as registry:
        subprocess.run(
            [
                *("skopeo", "copy", "--quiet", "--dest-tls-verify=false"),
                *(f"oci:{layout.directory}:latest", f"docker://{registry.address}/big:latest"),
            ],
            check=True,
        )
        config = directory / "registry" / "config.yml"
        with _served_again([list(engine.registry_prefix()) for engine in engines if engine.registry_prefix()], config):
            yield {engine.name: registry.address for engine in engines}


@contextmanager
def _served_again(prefixes: Sequence[list[str]], config: Path) -> Iterator[None]:
    processes = []
    address = json.loads(config.read_text())["http"]["addr"]
    try:
        for prefix in prefixes:
            command = [*prefix, "docker-registry", "serve", str(config)]
            processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            port = address.rpartition(":")[2]
            probe = [*prefix, shutil.which("bash") or "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
            while subprocess.run(probe, capture_output=True, check=False).returncode:
                assert processes[-1].poll() is None, "the second registry did not start"
                time.sleep(0.05)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _big_tar() -> bytes:
    """Files that compress about as well as those of a distribution; the same each time."""
    random = Random(0)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(FILES):
            noise = random.randbytes(FILE_BYTES // 3)
            content = noise + (b"text that repeats itself\n" * FILE_BYTES)[: FILE_BYTES - len(noise)]
            entry = tarfile.TarInfo(f"usr/share/big/{number // 100}/{number}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()

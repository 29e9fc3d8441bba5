"""How long images take that are fetched from a registry on loopback."""

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from tests.bench.engines import Engine, run
from tests.bench.figures import Figure, in_turns, timed
from tests.bench.processes import peak_resident
from tests.support.busybox import PATH, busybox_tar
from tests.support.debian_image import debian_layout
from tests.support.oci_layout import OciLayout, make_layer
from tests.support.registry import Registry

LAYERS = 12
FILES, FILE_BYTES = 1000, 85_000  # of a layer, a third of which cannot be compressed


def image_first_run(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Pull of a Debian with Python, 176 MB in 8,000 files (59 MB gzip), and a first container of it; then how long its
    removal takes."""
    return _fetched("image of 176 MB", debian_layout("python"), engines, max(1, rounds // 3))


def image_large(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """The same of 12 layers, 1 GB; and the most memory that the daemons have had."""
    layers = [busybox_tar(), *(_big_tar(number, FILES) for number in range(LAYERS - 1))]
    with tempfile.TemporaryDirectory(prefix="ck-bench-") as directory:
        layout = OciLayout(Path(directory))
        layout.add_image("latest", [make_layer(layer) for layer in layers], Env=[f"PATH={PATH}"])
        figures = _fetched("image of 12 layers, 1 GB", layout.directory, engines, max(1, rounds // 5))
    return figures + [
        Figure(work="daemons, most resident", engine=engine.name, unit="MB", values=(peak_resident(pids),))
        for engine in engines
        if (pids := engine.daemons())
    ]


def _fetched(what: str, layout: Path, engines: Sequence[Engine], rounds: int) -> list[Figure]:
    removals: dict[str, list[float]] = {engine.name: [] for engine in engines}
    with (
        tempfile.TemporaryDirectory(prefix="ck-bench-") as directory,
        _registries(engines, layout, Path(directory)) as addresses,
    ):

        def once(engine: Engine) -> float:
            reference = f"{addresses[engine.name]}/big:latest"
            insecure = ["--tls-verify=false"] if engine.name == "podman" else []

            def fetch_and_run() -> None:
                run(engine, "pull", "-q", *insecure, reference)
                run(engine, "run", "--rm", "--network", "none", reference, "true")

            try:
                return timed(fetch_and_run)
            finally:
                removals[engine.name].append(timed(partial(run, engine, "rmi", reference)))

        figures = in_turns(f"pull and first run, {what}", engines, rounds, once)
    return figures + [
        Figure(work=f"removal, {what}", engine=name, unit="ms", values=tuple(values[1:]))
        for name, values in removals.items()
    ]


@contextmanager
def _registries(engines: Sequence[Engine], layout: Path, directory: Path) -> Iterator[dict[str, str]]:
    """The address of a registry with the image of *layout* for each engine: the same one, served again in the network
    namespace of an engine that has its own."""
    (directory / "registry").mkdir()
    with Registry(directory / "registry") as registry:
        subprocess.run(
            [
                *("skopeo", "copy", "--quiet", "--dest-tls-verify=false"),
                *(f"oci:{layout}:latest", f"docker://{registry.address}/big:latest"),
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


def _big_tar(seed: int, files: int) -> bytes:
    """Files that compress about as well as those of a distribution; the same each time."""
    random = Random(seed)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(files):
            noise = random.randbytes(FILE_BYTES // 3)
            content = noise + (b"text that repeats itself\n" * FILE_BYTES)[: FILE_BYTES - len(noise)]
            entry = tarfile.TarInfo(f"usr/share/big/{seed}/{number // 100}/{number}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()

"""The engines that are measured: ck, and Docker and Podman where they are installed. Each on directories of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from ck.kernel.linux.netns import inside, new_network_namespace
from tests.support.busybox import busybox_layout, busybox_tar
from tests.support.census import command_name, processes, settle
from tests.support.daemon import CK, Daemon

IMAGE = "ck-bench"
START_SECONDS = 60.0
STOP_SECONDS = 30


class Engine(Protocol):
    """One engine with a client that has Docker's commands."""

    name: str
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        """The client's command line."""

    def start(self) -> None:
        """Get ready, with the busybox image as IMAGE."""

    def daemons(self) -> list[int]:
        """The processes that are there without any container."""

    def registry_prefix(self) -> Sequence[str]:
        """What to put before a command so that its loopback is the engine's."""

    def stop(self) -> None:
        """Remove everything."""


class Mortal(Engine, Protocol):
    """An engine with a daemon that can be killed."""

    def kill9(self) -> None:
        """As the kernel does when memory is short."""

    def revive(self) -> None:
        """Start it again on what is there; return when it answers."""

    def possessions(self) -> dict[str, int]:
        """What it has on the machine, by kind: what is there without any container is what it needs itself."""


def run(
    engine: Engine,
    *arguments: str,
    check: bool = True,
    stdout: int = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run the client to its end; return what it printed. Raises: AssertionError with its errors."""
    result = subprocess.run(
        engine.command(*arguments),
        env=environment or engine.environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if check and result.returncode:
        raise AssertionError(f"{engine.name} {' '.join(arguments)}: exit code {result.returncode}: {result.stderr}")
    return (result.stdout or "").strip()


def available(wanted: Sequence[str]) -> list[Engine]:
    """The engines of *wanted* that are installed here."""
    kinds: dict[str, tuple[Callable[[], Engine], str]] = {
        "ck": (Ck, "python3"),
        "docker": (Docker, "dockerd"),
        "podman": (Podman, "podman"),
        "buildah": (Buildah, "buildah"),
    }
    return [make() for name, (make, program) in kinds.items() if name in wanted and shutil.which(program)]


class Ck:
    """ck, by the script that installing the package makes where there is one, in a network namespace of its own."""

    name = "ck"

    def __init__(self) -> None:
        self._netns = new_network_namespace()
        self._daemon = Daemon(config="", netns=self._netns)
        self._images = tempfile.TemporaryDirectory(prefix="ck-bench-")
        self._client = [script] if (script := shutil.which("ck")) else list(CK)
        self.environment = self._daemon.environment

    def command(self, *arguments: str) -> list[str]:
        return [*self._client, *arguments]

    def start(self) -> None:
        self._daemon.__enter__()
        reference = busybox_layout(Path(self._images.name))
        self._daemon.ck("pull", "-q", reference)
        self._daemon.ck("tag", reference, IMAGE)

    def daemons(self) -> list[int]:
        return tree(self._daemon.pid)

    @property
    def roots(self) -> tuple[Path, Path]:
        return self._daemon.run_root, self._daemon.data_root

    def everything(self) -> list[int]:
        """The daemons, and what runs in containers or stands over them."""
        return processes([str(self._daemon.run_root)], of=())

    def registry_prefix(self) -> Sequence[str]:
        return ("nsenter", f"--net=/proc/{self._daemon.pid}/ns/net")

    def kill9(self) -> None:
        self._daemon.kill9()

    def revive(self) -> None:
        self._daemon.start()

    def possessions(self) -> dict[str, int]:
        run_root, data_root = self.roots
        return {
            "shims": sum(command_name(pid) == "ck-shim" for pid in self.everything()),
            "network links": links_in(self._netns),
            "control groups": groups_below("ck"),
            "mounts": mounts_below(run_root, data_root),
            "directories of containers": entries(data_root / "data/containers"),
            "directories of roots": sum(entries(path) for path in (data_root / "data/storage").glob("*/containers")),
        }

    def stop(self) -> None:
        try:
            self._daemon.__exit__()
        finally:
            self._images.cleanup()
            os.close(self._netns)


class Docker:
    """dockerd in a network namespace of its own, where its iptables rules and bridges disturb nobody."""

    name = "docker"

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="ck-bench-docker-"))
        self._cgroups = CgroupsOf("docker")
        self._process: subprocess.Popen[bytes] | None = None
        self._containerd: subprocess.Popen[bytes] | None = None
        self._netns = new_network_namespace()
        self._host = f"unix://{self._root}/s"
        self.environment = {**os.environ, "DOCKER_CONFIG": str(self._root / "config")}

    def command(self, *arguments: str) -> list[str]:
        return ["docker", "-H", self._host, *arguments]

    def start(self) -> None:
        self.revive()
        subprocess.run(self.command("import", "-", IMAGE), input=busybox_tar(), capture_output=True, check=True)

    def kill9(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def revive(self) -> None:
        options = ["--data-root", "D", "--exec-root", "R", "--pidfile", "P", "--containerd", "C/sock"]
        if self._containerd is None:
            # Apart, as Debian has it: one that dockerd starts is in the way of the next dockerd.
            state = ("--root", "C/root", "--state", "C/state", "--address", "C/sock")
            self._containerd = self._spawn("containerd", *state)
        further = os.environ.get("CK_BENCH_DOCKER", "").split()  # "--live-restore"
        self._process = self._spawn("dockerd", *options, *further, "-H", self._host)
        self._await_api()

    def _spawn(self, program: str, *options: str) -> "subprocess.Popen[bytes]":
        """In the engine's namespace. Words that begin with one capital are paths below the root. Not `ip netns exec`:
        it mounts a new /sys, which hides the cgroups."""
        words = [str(self._root / word) if word[:1].isupper() else word for word in options]
        with (self._root / "log").open("ab") as log:
            return subprocess.Popen(
                ["nsenter", f"--net=/proc/self/fd/{self._netns}", program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._netns,),
            )

    def possessions(self) -> dict[str, int]:
        shims = processes([str(self._root)], of=())
        return {
            "shims": sum(command_name(pid).startswith("containerd-shim") for pid in shims),
            "network links": links_in(self._netns),
            "control groups": groups_below("docker"),
            "mounts": mounts_below(self._root),
            "directories of containers": entries(self._root / "D/containers"),
            "directories of roots": entries(self._root / "D/image/overlay2/layerdb/mounts"),
        }

    def _await_api(self) -> None:
        """dockerd says nothing when it is ready: ask until it answers."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(self.command("version"), capture_output=True, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"dockerd did not start:\n{(self._root / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def daemons(self) -> list[int]:
        assert self._process is not None and self._containerd is not None
        found = [*tree(self._process.pid), *tree(self._containerd.pid)]
        return [pid for pid in found if "shim" not in command_name(pid)]

    def registry_prefix(self) -> Sequence[str]:
        assert self._process is not None
        return ("nsenter", f"--net=/proc/{self._process.pid}/ns/net")

    def stop(self) -> None:
        if self._process is not None and (names := run(self, "ps", "-aq", check=False).split()):
            run(self, "rm", "-f", *names, check=False)
        for process in (self._process, self._containerd):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_SECONDS)
        for pid in processes([str(self._root)], of=()):  # shims of what it has lost sight of
            os.kill(pid, signal.SIGKILL)
        unmount_below(self._root)
        self._cgroups.remove_new()
        shutil.rmtree(self._root)
        os.close(self._netns)


class Daemonless:
    """An engine that is nothing but its commands, in the network namespace of whoever runs them."""

    def daemons(self) -> list[int]:
        return []

    def registry_prefix(self) -> Sequence[str]:
        return ()


class Podman(Daemonless):
    """Podman on roots of its own. runc is for machines with hybrid cgroups, limits for those that can raise none."""

    name = "podman"

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="ck-bench-podman-"))
        self._cgroups = CgroupsOf("libpod_parent")
        settings = self._root / "containers.conf"
        settings.write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=10000:10000"]\n[engine]\nruntime = "runc"\n'
        )
        self.environment = {**os.environ, "CONTAINERS_CONF": str(settings)}

    def command(self, *arguments: str) -> list[str]:
        roots = [
            "--root",
            str(self._root / "root"),
            "--runroot",
            str(self._root / "run"),
            "--tmpdir",
            str(self._root / "tmp"),
        ]
        return ["podman", *roots, "--cgroup-manager", "cgroupfs", "--events-backend", "file", *arguments]

    def start(self) -> None:
        subprocess.run(
            self.command("import", "-", IMAGE),
            env=self.environment,
            input=busybox_tar(),
            capture_output=True,
            check=True,
        )

    def stop(self) -> None:
        run(self, "rm", "-f", "-a", "-t", "0", check=False)
        unmount_below(self._root)
        self._cgroups.remove_new()
        shutil.rmtree(self._root)


class Buildah(Daemonless):
    """Only builds, and calls that as Docker does; of its own roots."""

    name = "buildah"

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="ck-bench-buildah-"))
        self._cgroups = CgroupsOf("buildah")
        self.environment = dict(os.environ)

    def command(self, *arguments: str) -> list[str]:
        # Without a file of default limits, of which some may not be raised.
        isolation = ["--isolation", "chroot"] if arguments[0] == "build" else []
        roots = ["--root", str(self._root / "root"), "--runroot", str(self._root / "run")]
        cached = ["--layers"] if arguments[0] == "build" and "--no-cache" not in arguments else []
        return ["buildah", *roots, arguments[0], *isolation, *cached, *arguments[1:]]

    def start(self) -> None:
        context = self._root / "context"
        context.mkdir()
        (context / "busybox.tar").write_bytes(busybox_tar())
        (context / "Dockerfile").write_text("FROM scratch\nADD busybox.tar /\n")
        run(self, "build", "-t", IMAGE, str(context))

    def stop(self) -> None:
        unmount_below(self._root)
        self._cgroups.remove_new()
        shutil.rmtree(self._root)


def started(engines: Sequence[Engine], stack: ExitStack) -> None:
    """Start all; *stack* stops them."""
    for engine in engines:
        stack.callback(engine.stop)
        engine.start()


def inspect(engine: Engine, container: str) -> dict[str, object]:
    """The `State` of a container."""
    state: dict[str, object] = json.loads(run(engine, "inspect", container))[0]["State"]
    return state


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    children = Path(f"/proc/{pid}/task")
    found = [pid]
    for task in children.iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


def links_in(netns: int) -> int:
    """How many network links there are in the namespace *netns* (an fd)."""
    with inside(netns):
        return len(socket.if_nameindex())


def groups_below(parent: str) -> int:
    """Control groups of containers, over all hierarchies."""
    return sum(1 for path in Path("/sys/fs/cgroup").glob(f"*/{parent}/*") if path.is_dir())


def mounts_below(*roots: Path) -> int:
    """Mounts on this machine at paths below *roots*."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sum(any(point.startswith(f"{root}/") for root in roots) for point in points)


def entries(directory: Path) -> int:
    return len(list(directory.iterdir())) if directory.exists() else 0


class CgroupsOf:
    """The groups named *name* of every hierarchy: an engine makes them and leaves them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = set(self._all())

    def _all(self) -> list[Path]:
        root = Path("/sys/fs/cgroup")
        return [path for path in (root / self._name, *root.glob(f"*/{self._name}")) if path.is_dir()]

    def remove_new(self) -> None:
        """Remove those that were not there when this object was made, with what an engine that failed left running."""
        for top in set(self._all()) - self._before:
            for directory, _, _ in os.walk(top, topdown=False):
                left = [int(pid) for pid in Path(directory, "cgroup.procs").read_text().split()]
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                settle(left)
                os.rmdir(directory)


def unmount_below(root: Path) -> None:
    """Take down what an engine left mounted, the last first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if mount.startswith(f"{root}/")]):
        subprocess.run(["umount", "-l", mount], check=True)

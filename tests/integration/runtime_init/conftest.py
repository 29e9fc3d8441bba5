"""A busybox root, a spec like the engine's, and a stand-in for the shim that runs it."""

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.runtime import Bundle, ExecRequest, TerminalSize
from ck.kernel.drivers.storage import RootMount
from ck.kernel.linux.cgroup import detect, with_unified
from ck.plugins.builtin.runtime_native._host import HostFacts, read_host_facts
from ck.plugins.builtin.runtime_native._plan import compile_exec_plan, compile_plan
from ck.plugins.builtin.runtime_native._seccomp_cache import FilterCache
from tests.integration.runtime_init.outcome import Outcome, Runner, Spec, SpecOf
from tests.support.busybox import static_busybox

_SHIM = Path(__file__).with_name("stand_in_shim.py")
_SOURCES = Path(__file__).parents[3] / "src"
_APPLETS = (
    "cat env false head hostname id kill ls mkdir mknod ps "
    "pwd readlink rm sh sleep stat stty test touch true tty unshare"
)

CAPABILITIES = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> HostFacts:
    return read_host_facts(with_unified(detect(), str(tmp_path_factory.mktemp("ck-cgroup2"))))


@pytest.fixture(scope="session")
def filters(tmp_path_factory: pytest.TempPathFactory) -> FilterCache:
    return FilterCache(tmp_path_factory.mktemp("ck-filters"))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of busybox, a few users and some traps."""
    root = tmp_path_factory.mktemp("ck-image")
    for name in ("bin", "etc", "proc", "tmp", "root", "home/alice", "escape"):
        (root / name).mkdir(parents=True)
    shutil.copy(static_busybox(), root / "bin/busybox")
    for applet in _APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nalice:x:1000:\naudio:x:29:alice\nvideo:x:44:alice,root\n")
    (root / "bad-script").write_text("#!/bin/nosuch -x\n")
    (root / "no-format").write_text("plain text\n")
    for name in ("bad-script", "no-format"):
        (root / name).chmod(0o755)
    return root


def _spec_of(*argv: str) -> Spec:
    """What the engine asks for a plain container."""
    secure = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.2.0",
        "process": {
            "args": list(argv),
            "env": ["PATH=/usr/local/bin:/bin"],
            "cwd": "/",
            "user": {"uid": 0, "gid": 0},
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES),
        },
        "root": {"path": "rootfs"},
        "hostname": "ck-test",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": secure},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            },
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*secure, "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [*secure, "ro"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": secure},
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": [*secure, "mode=1777", "size=67108864"],
            },
        ],
        "annotations": {"ck.seccomp": "default"},
        "linux": {
            "namespaces": [{"type": name} for name in ("mount", "pid", "uts", "ipc", "network", "cgroup")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "access": "m"}]},
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware", "/proc/timer_list"],
            "readonlyPaths": ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


@pytest.fixture
def spec_of() -> SpecOf:
    """A spec like the engine's, for the given arguments."""
    return _spec_of


_NO_SIZE = TerminalSize()


@pytest.fixture
def run(tmp_path: Path, image: Path, host: HostFacts, filters: FilterCache) -> Runner:
    """Run a spec in a fresh overlay of the image."""

    def run(
        spec: Spec,
        *,
        user: str = "",
        groups: Sequence[str] = (),
        size: TerminalSize = _NO_SIZE,
        execs: Sequence[ExecRequest] = (),
        signals: Sequence[int] = (),
        overlay: bool = True,
    ) -> Outcome:
        for name in ("upper", "work", "rootfs"):
            (tmp_path / name).mkdir(exist_ok=True)
        root = (
            RootMount(
                type="overlay",
                source="overlay",
                options=(f"lowerdir={image.name}", f"upperdir={tmp_path}/upper", f"workdir={tmp_path}/work"),
                cwd=str(image.parent),
            )
            if overlay
            else RootMount(type="bind", source=str(image))
        )
        bundle = Bundle(
            container_id=f"ck-test-{uuid.uuid4().hex}",
            spec=spec,
            root=(root,),
            log=LogSink(format="none", max_size=0, max_files=0),
            log_directory=tmp_path,
            user=user,
            groups=tuple(groups),
            size=size,
        )
        plan = compile_plan(bundle, rootfs=str(tmp_path / "rootfs"), host=host, seccomp=filters.filter_of(spec))
        request = {
            "plan": plan,
            "execs": [compile_exec_plan(entry, plan, host=host) for entry in execs],
            "signals": list(signals),
        }
        shim = subprocess.run(
            [sys.executable, "-I", "-S", str(_SHIM), str(_SOURCES)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert shim.returncode == 0, shim.stderr
        assert not shim.stderr
        outcome = json.loads(shim.stdout)
        return Outcome(**{**outcome, "execs": tuple(Outcome(**session) for session in outcome["execs"])})

    return run

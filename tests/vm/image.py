"""Build the machine: Debian with systemd and Python on a disk, its kernel ready to start, an initrd of our own."""

import os
import platform
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

SUITE: Final = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
"""This machine's own, so that the tests' environment fits that one's Python."""

KERNEL: Final = "linux-image-cloud-amd64"  # Debian stable's: older than that of most machines that run these tests
DISK_BYTES: Final = 8 << 30
_GUEST: Final = Path(__file__).parent / "guest"
_PACKAGES: Final = (
    "systemd-sysv,udev,kmod,dbus,iproute2,procps,python3,python3-venv,nftables,busybox-static,libseccomp2,"
    "ca-certificates,util-linux"
)
_DRIVERS: Final = ("virtio_pci", "virtio_blk", "virtio_console", "ext4")

# Units that cost boot time and do nothing for a machine that lives for minutes.
_MASKED: Final = (
    "apt-daily.timer apt-daily-upgrade.timer console-getty.service dpkg-db-backup.timer e2scrub_all.timer "
    "e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-binfmt.service "
    "systemd-firstboot.service systemd-hwdb-update.service systemd-journal-flush.service systemd-pstore.service "
    "systemd-random-seed.service systemd-timesyncd.service systemd-tmpfiles-clean.timer systemd-udev-trigger.service "
    "systemd-update-utmp.service"
).split()

# Offset in a bzImage: Documentation/arch/x86/boot.rst.
_SETUP_SECTORS, _PAYLOAD = 0x1F1, 0x248
_UNPACKERS: Final = {b"\x28\xb5": "zstd", b"\x02\x21": "lz4", b"\x1f\x8b": "gzip", b"\xfd7": "xz"}


def ensure_image(directory: Path) -> None:
    """Have `disk`, `kernel` and `initrd` in *directory*, built anew where what they are made of has changed."""
    recipe = "\n".join(path.read_text() for path in (Path(__file__), *sorted(_GUEST.iterdir())))
    made = directory / "recipe"
    if made.exists() and made.read_text() == recipe:
        return
    shutil.rmtree(directory, ignore_errors=True)
    tree = directory / "tree"
    directory.mkdir(parents=True)
    _bootstrap(tree)
    (kernel,) = sorted((tree / "boot").glob("vmlinuz-*"))[-1:]
    (directory / "kernel").write_bytes(_unpacked(kernel.read_bytes()))
    (directory / "initrd").write_bytes(_initrd(tree, kernel.name.removeprefix("vmlinuz-"), directory / "initrd.tree"))
    _prepare(tree)
    with (directory / "disk").open("wb") as disk:
        disk.truncate(DISK_BYTES)
    _run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", str(tree), str(directory / "disk"))
    shutil.rmtree(tree)
    made.write_text(recipe)


def _bootstrap(tree: Path) -> None:
    # A kernel's own scripts would make an initrd that nobody needs, and take minutes: it is only unpacked.
    hook = (
        'chroot "$1" sh -ec "cd /tmp; apt-get -qq -o APT::Sandbox::User=root download '
        f"\\$(apt-cache depends {KERNEL} | sed -n 's/.*Depends: \\(linux-image-[0-9]\\)/\\1/p' | head -n1); "
        "for deb in *.deb; do dpkg-deb -x \\$deb /tmp/kernel; done; cp -a kernel/boot/. /boot/; "
        'mkdir -p /usr/lib/modules; cp -a kernel/lib/modules/. /usr/lib/modules/; rm -r kernel *.deb"'
    )
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={_PACKAGES}"]
    _run(*command, f"--customize-hook={hook}", SUITE, str(tree))
    (version,) = [each.name for each in (tree / "usr/lib/modules").iterdir()]
    packed = [str(path) for path in (tree / "usr/lib/modules").rglob("*.ko.xz")]
    if packed:
        subprocess.run(["xargs", "-0", "-n50", "xz", "-d"], input="\0".join(packed).encode(), check=True)
    _run("chroot", str(tree), "depmod", "-a", version)


def _unpacked(image: bytes) -> bytes:
    """A kernel as an ELF file, which qemu starts by itself: emulation would take long to unpack it."""
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    payload = image[(image[_SETUP_SECTORS] + 1) * 512 + offset :][: length - 4]
    tool = _UNPACKERS[payload[:2]]
    return subprocess.run([tool, "-dc"], input=payload, stdout=subprocess.PIPE, check=True).stdout


def _initrd(tree: Path, version: str, work: Path) -> bytes:
    for name in ("bin", "modules", "dev", "proc", "sys", "root"):
        (work / name).mkdir(parents=True)
    shutil.copy(tree / "usr/bin/busybox", work / "bin/busybox")
    shutil.copy(_GUEST / "init", work / "init")
    names: list[str] = []
    for driver in _DRIVERS:
        command = ["chroot", str(tree), "modprobe", "-S", version, "--show-depends", driver]
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            words = line.split()
            if words[0] == "insmod" and Path(words[1]).name not in names:
                shutil.copy(tree / words[1].lstrip("/"), work / "modules")
                names.append(Path(words[1]).name)
    (work / "modules/list").write_text("".join(f"{name}\n" for name in names))
    files = "\n".join(str(path.relative_to(work)) for path in sorted(work.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
        input=files.encode(),
        stdout=subprocess.PIPE,
        cwd=work,
        check=True,
    )
    shutil.rmtree(work)
    return packed.stdout


def _prepare(tree: Path) -> None:
    (tree / "vm").mkdir()
    for name in ("agent", "tiny"):
        shutil.copy(_GUEST / name, tree / "vm" / name)
    units = tree / "etc/systemd/system"
    shutil.copy(_GUEST / "vm-agent.service", units)
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "vm-agent.service").symlink_to("../vm-agent.service")
    for unit in _MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (tree / "etc/hostname").write_text("ck-vm\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost ck-vm\n::1 localhost\n")
    (tree / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr.strip()[-2000:]}")

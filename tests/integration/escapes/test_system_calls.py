"""System calls by which programs have got out, or in."""

import json

import pytest

from tests.integration.engine.lab import Lab

# Tried with arguments that would work, or would fail otherwise than by EPERM, were the call let through.
PROBE = r"""
import ctypes, errno, json, os, platform
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
numbers = {
    "bpf": 321 if x86 else 280, "userfaultfd": 323 if x86 else 282, "io_uring_setup": 425,
    "kexec_load": 246 if x86 else 104, "init_module": 175 if x86 else 105, "finit_module": 313 if x86 else 273,
    "delete_module": 176 if x86 else 106, "keyctl": 250 if x86 else 219, "add_key": 248 if x86 else 217,
    "request_key": 249 if x86 else 218, "perf_event_open": 298 if x86 else 241,
    "open_by_handle_at": 304 if x86 else 265,
    "mount": 165 if x86 else 40, "umount2": 166 if x86 else 39, "pivot_root": 155 if x86 else 41,
    "unshare": 272 if x86 else 97, "setns": 308 if x86 else 268, "swapon": 167 if x86 else 224,
    "reboot": 169 if x86 else 142, "settimeofday": 164 if x86 else 170, "clock_settime": 227 if x86 else 112,
    "acct": 163 if x86 else 89, "quotactl": 179 if x86 else 60, "lookup_dcookie": 212 if x86 else 18,
    "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsmount": 432, "mount_setattr": 442,
    "kcmp": 312 if x86 else 272, "vhangup": 153 if x86 else 58,
}
buffer = ctypes.create_string_buffer(256)
arguments = {
    "keyctl": (0, -3, 1), "unshare": (0x04000000,), "reboot": (0xfee1dead, 672274793, 0, 0), "kexec_load": (0, 0, 0, 0),
    "bpf": (0, buffer, 128), "userfaultfd": (0,), "io_uring_setup": (8, buffer),
    "perf_event_open": (buffer, 0, -1, -1, 0),
    "mount": (b"none", b"/tmp", b"tmpfs", 0, 0), "umount2": (b"/proc", 0), "open_tree": (-100, b"/", 1),
    "fsopen": (b"tmpfs", 0), "add_key": (b"user", b"ck", b"x", 1, -3), "request_key": (b"user", b"ck", 0, 0),
    "setns": (0, 0), "delete_module": (b"none", 0), "settimeofday": (0, 0), "clock_settime": (0, buffer),
    "swapon": (b"/x", 0), "acct": (0,), "vhangup": (),
}
found = {}
for name, number in numbers.items():
    if name in ("settimeofday", "clock_settime", "vhangup", "acct") and os.geteuid() != 0: continue
    ctypes.set_errno(0)
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments.get(name, (0, 0, 0, 0))]
    result = libc.syscall(ctypes.c_long(number), *given)
    found[name] = errno.errorcode.get(ctypes.get_errno(), "?") if result == -1 else "done"
print(json.dumps(found))
"""
REFUSED = ("EPERM", "ENOSYS")


def answers(lab: Lab, python: str, *options: str) -> dict[str, str]:
    out = lab.daemon.ck("run", "--rm", *options, python, "python3", "-c", PROBE).out
    found: dict[str, str] = json.loads(out)
    return found


@pytest.mark.parametrize("user", ["0", "1000"])
def test_calls_that_nobody_in_a_container_needs(lab: Lab, python: str, users: str, user: str) -> None:
    found = answers(lab, python, *users.split(), "--user", user)
    allowed = {name: answer for name, answer in found.items() if answer not in REFUSED}
    assert not allowed, allowed


def test_the_same_with_every_capability(lab: Lab, python: str) -> None:
    """The probe is not one that can only fail."""
    found = answers(lab, python, "--userns", "host", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined")
    assert [found[name] for name in ("mount", "unshare", "fsopen", "open_tree")] == ["done"] * 4


def test_a_new_user_namespace_gives_nothing(lab: Lab, users: str) -> None:
    assert lab.run(users, "unshare", "-Ur", "true").code != 0
    assert lab.run(f"{users} -u www-data", "unshare", "-Ur", "mount", "-t", "tmpfs", "none", "/tmp").code != 0


@pytest.mark.parametrize("user", ["root", "www-data"])
def test_no_new_privileges(lab: Lab, users: str, user: str) -> None:
    """A set-user-ID program is a program like any other."""
    name = lab.up(
        f"{users} --security-opt no-new-privileges", "sh", "-c", "cp /bin/busybox /id; chmod 6755 /id; sleep 1000"
    )
    lab.ck("exec", name, "sh", "-c", "until [ -u /id ]; do :; done")
    uid = lab.ck("exec", "-u", user, name, "/id", "-u")
    assert uid == ("0\n" if user == "root" else "33\n")
    assert lab.ck("exec", "-u", user, name, "grep", "NoNewPrivs", "/proc/self/status").split()[1] == "1"


def test_characters_cannot_be_typed_into_the_caller_s_terminal(lab: Lab, python: str, users: str) -> None:
    """TIOCSTI: what a container types is for its own terminal, which is not that of who started it."""
    script = (
        "import fcntl, os\n"
        "for fd in (0, 1, 2):\n"
        "    try: fcntl.ioctl(fd, 0x5412, b'x'); print('typed')\n"
        "    except OSError as e: print(e.errno)\n"
        "print(os.ttyname(0), os.stat(0).st_rdev >> 8)\n"
    )
    out = lab.daemon.ck("run", "--rm", "-t", *users.split(), python, "python3", "-c", script).out
    # Its own is a devpts of its own, whose first terminal is number 0.
    assert "/dev/pts/0" in out or "/dev/console" in out


def test_the_session_keyring_is_a_new_one(lab: Lab, python: str) -> None:
    script = (
        "import ctypes; libc = ctypes.CDLL(None)\n"
        "buffer = ctypes.create_string_buffer(200)\n"
        "number = libc.syscall(250, 6, -3, buffer, 200); print(buffer.value.decode(), number)\n"
    )
    options = ("--security-opt", "seccomp=unconfined", "--userns", "host")
    first = lab.daemon.ck("run", "--rm", *options, python, "python3", "-c", script).out
    assert "ck." in first or first.endswith("-1\n"), first  # a kernel without keyrings has none to leave

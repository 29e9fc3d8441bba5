"""Profiles, and what their programs decide: run in a little interpreter of classic BPF."""

import struct
from pathlib import Path

import pytest

from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.runtime_native import _seccomp_profile as profile
from ck.plugins.builtin.runtime_native._libseccomp import compile_filter
from ck.plugins.builtin.runtime_native._seccomp import default_profile, filter_flags, seccomp_of
from ck.plugins.builtin.runtime_native._seccomp_cache import FilterCache

X86_64, I386 = 0xC000003E, 0x40000003
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026


def decide(program: bytes, number: int, *arguments: int, architecture: int = X86_64) -> int:
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    code: list[tuple[int, int, int, int]] = [
        struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)
    ]
    accumulator, place = 0, 0
    while True:
        opcode, when_true, when_false, value = code[place]
        place += 1
        match opcode:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                place += value
            case 0x15:
                place += when_true if accumulator == value else when_false
            case 0x25:
                place += when_true if accumulator > value else when_false
            case 0x35:
                place += when_true if accumulator >= value else when_false
            case 0x06:
                return value
            case _:
                raise AssertionError(f"opcode {opcode:#x}")


@pytest.fixture(scope="module")
def plain() -> bytes:
    return compile_filter(default_profile(["CAP_CHOWN"], "x86_64"))


@pytest.fixture(scope="module")
def admin() -> bytes:
    return compile_filter(default_profile(["CAP_SYS_ADMIN", "CAP_SYS_TIME"], "x86_64"))


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (0, (), ALLOW),  # read
        (59, (), ALLOW),  # execve
        (101, (), ALLOW),  # ptrace
        (165, (), EPERM),  # mount
        (175, (), EPERM),  # init_module
        (227, (), EPERM),  # clock_settime
        (272, (), EPERM),  # unshare
        (425, (), EPERM),  # io_uring_setup
        (435, (), ENOSYS),  # clone3
        (56, (0x11,), ALLOW),  # clone as fork does
        (56, (0x10000011,), EPERM),  # with CLONE_NEWUSER
        (41, (1,), ALLOW),  # socket AF_UNIX
        (41, (16,), ALLOW),  # AF_NETLINK
        (41, (40,), EPERM),  # AF_VSOCK
        (41, (38,), EPERM),  # AF_ALG
        (135, (0,), ALLOW),  # personality
        (135, (0x40000,), EPERM),  # ADDR_NO_RANDOMIZE
        (4000, (), ENOSYS),  # newer than anything known
    ],
)
def test_the_default_on_x86_64(plain: bytes, number: int, arguments: tuple[int, ...], expected: int) -> None:
    assert decide(plain, number, *arguments) == expected


def test_another_architecture_of_the_machine(plain: bytes) -> None:
    assert decide(plain, 3, architecture=I386) == ALLOW  # read
    assert decide(plain, 21, architecture=I386) == EPERM  # mount
    assert decide(plain, 4000, architecture=I386) == ENOSYS


def test_x32_numbers_are_not_taken_for_new_calls(plain: bytes) -> None:
    assert decide(plain, 0x40000000) == ALLOW  # read
    assert decide(plain, 0x40000000 + 165) == EPERM


def test_a_foreign_architecture_ends_the_process(plain: bytes) -> None:
    assert decide(plain, 0, architecture=0xC00000B7) in (0x80000000, 0)


@pytest.mark.parametrize(("number", "arguments"), [(165, ()), (272, ()), (435, ()), (56, (0x10000011,)), (227, ())])
def test_capabilities_open_their_calls(admin: bytes, number: int, arguments: tuple[int, ...]) -> None:
    assert decide(admin, number, *arguments) == ALLOW


def test_every_call_is_named_once() -> None:
    names = [name for names in profile.ALWAYS.values() for name in names.split()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("machine", sorted(profile.ARCHITECTURES))
def test_every_machine_has_its_own_architecture_first(machine: str) -> None:
    assert default_profile([], machine)["architectures"][0].endswith(machine.upper())


def test_a_profile_with_two_conditions_and_actions() -> None:
    program = compile_filter(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                {"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
                {
                    "names": ["kill"],
                    "action": "SCMP_ACT_KILL_PROCESS",
                    "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}],
                },
            ],
        }
    )
    assert decide(program, 83) == 0x0005000D
    assert decide(program, 62, 1, 9) == 0x80000000
    assert decide(program, 62, 1, 15) == decide(program, 4000) == ALLOW


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"listenerPath": "/x"}, Unsupported),
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, Unsupported),
        ({"architectures": ["SCMP_ARCH_PDP11"]}, Unsupported),
        ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["X"]}}]}, Unsupported),
        ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 9}]}]}, InvalidArgument),
        ({"syscalls": "all"}, InvalidArgument),
    ],
)
def test_what_cannot_be_done_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_filter({"defaultAction": "SCMP_ACT_ERRNO", **change})


def test_which_filter_a_spec_asks_for() -> None:
    own = {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}
    default = {"annotations": {"ck.seccomp": "default"}}
    assert seccomp_of({}, "x86_64") is None
    assert seccomp_of({"linux": {"seccomp": own}}, "x86_64") == own
    assert filter_flags({"linux": {"seccomp": own}}) == 2
    assert seccomp_of(default, "x86_64") == default_profile([], "x86_64")
    for wrong in ({"annotations": {"ck.seccomp": "strict"}}, {**default, "linux": {"seccomp": own}}):
        with pytest.raises(InvalidArgument):
            seccomp_of(wrong, "x86_64")
    with pytest.raises(InvalidArgument):
        filter_flags({"linux": {"seccomp": {"flags": ["SECCOMP_FILTER_FLAG_NEW"]}}})


def test_the_cache_keeps_programs_by_their_rules(tmp_path: Path) -> None:
    cache = FilterCache(tmp_path / "filters")
    spec = {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}}
    program = cache.filter_of(spec)
    (path,) = (tmp_path / "filters").iterdir()
    assert path.read_bytes() == program
    path.write_bytes(b"kept")
    assert cache.filter_of(spec) == b"kept"
    assert cache.filter_of({}) is None

"""Which devices a group may use: rules compiled to a BPF program of type cgroup_device (bpf(2), linux/bpf.h).

The unified hierarchy has no devices controller; a program attached to a group decides each mknod(2) and open(2) below
it. As the unified hierarchy is there on v1 hosts too, one way serves all.
"""

import ctypes
import functools
import os
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from ck.kernel.linux.libc import syscall

_BPF_PROG_LOAD: Final = 5
_BPF_PROG_ATTACH: Final = 8
_BPF_PROG_TYPE_CGROUP_DEVICE: Final = 15
_BPF_CGROUP_DEVICE: Final = 6
# Lets programs of groups below run too, so that an init system in the container may restrict its services.
_BPF_F_ALLOW_MULTI: Final = 2

TYPES: Final = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_*
ACCESS: Final = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_*
_ALL_ACCESS: Final = 7

# Opcodes: class | operation | source (Documentation/bpf/standardization/instruction-set.rst).
_LOAD_WORD: Final = 0x61
_MOVE_REG: Final = 0xBC
_MOVE_IMM: Final = 0xB4
_AND_IMM: Final = 0x54
_SHIFT_RIGHT_IMM: Final = 0x74
_JUMP_NOT_EQUAL: Final = 0x56
_JUMP_EQUAL: Final = 0x16
_EXIT: Final = 0x95


class DeviceRule(NamedTuple):
    """Allow or deny. `kind` is "b", "c" or "a" for both; a number of -1 stands for any; `access` is made of "r", "w",
    "m"."""

    allow: bool
    kind: str
    major: int
    minor: int
    access: str


class _LoadAttributes(ctypes.Structure):
    """The part of union bpf_attr that BPF_PROG_LOAD reads."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_char_p),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
    )


class _AttachAttributes(ctypes.Structure):
    """The part of union bpf_attr that BPF_PROG_ATTACH reads."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_bpf_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
    )


_bpf = syscall("bpf", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def compile_rules(rules: Iterable[DeviceRule]) -> bytes | None:
    """The program for *rules*, of which the last that fits an access decides; what none fits is denied.

    Return None where everything is allowed and no program is needed. Pure.
    """
    decisive: list[DeviceRule] = []
    for rule in reversed(_merge(rules)):
        decisive.append(rule)
        if _is_everything(rule):
            break  # nothing gets past it, and the verifier refuses code that cannot be reached
    else:
        decisive.append(DeviceRule(False, "a", -1, -1, "rwm"))
    if all(rule.allow for rule in decisive):
        return None
    code = [
        _instruction(_LOAD_WORD, 2, 1, 0),  # r2 = access << 16 | type
        _instruction(_LOAD_WORD, 4, 1, 4),  # r4 = major
        _instruction(_LOAD_WORD, 5, 1, 8),  # r5 = minor
        _instruction(_MOVE_REG, 3, 2),
        _instruction(_AND_IMM, 3, value=0xFFFF),  # r3 = type
        _instruction(_SHIFT_RIGHT_IMM, 2, value=16),  # r2 = access
    ]
    for rule in decisive:
        code += _rule(rule)
    return b"".join(code)


def attach(program: bytes, group: int) -> None:
    """Load *program* and attach it to the cgroup v2 group whose directory *group* is open on. It goes with the
    group."""
    # Held by a name until it is attached: of two threads that load the same program at once, one gets an object that
    # the cache does not keep.
    loaded = _load(program)
    attributes = _AttachAttributes(
        target_fd=group,
        attach_bpf_fd=loaded.fd,
        attach_type=_BPF_CGROUP_DEVICE,
        attach_flags=_BPF_F_ALLOW_MULTI,
    )
    _bpf(_BPF_PROG_ATTACH, ctypes.byref(attributes), ctypes.sizeof(attributes))


class _Loaded:
    """A program in the kernel, for as long as this object lives or a group has it."""

    def __init__(self, attributes: _LoadAttributes) -> None:
        while True:
            try:
                self.fd = _bpf(_BPF_PROG_LOAD, ctypes.byref(attributes), ctypes.sizeof(attributes))
                return
            except BlockingIOError:
                # EAGAIN: the verifier, which may take long, gives way to a pending signal (kernel/bpf/verifier.c).
                continue

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


# Most containers have the same rules, and the verifier takes half of the time of making a group.
@functools.lru_cache(maxsize=8)
def _load(program: bytes) -> _Loaded:
    return _Loaded(
        _LoadAttributes(
            prog_type=_BPF_PROG_TYPE_CGROUP_DEVICE,
            insn_cnt=len(program) // 8,
            insns=program,
            license=b"Apache-2.0",
            prog_name=b"ck_devices",
        )
    )


def _merge(rules: Iterable[DeviceRule]) -> list[DeviceRule]:
    """Rules of the same device and verdict that follow one another grant their accesses together: "r" and then "w"
    allow an open for both."""
    merged: list[DeviceRule] = []
    for rule in rules:
        if merged and merged[-1]._replace(access="") == rule._replace(access=""):
            rule = rule._replace(access=merged.pop().access + rule.access)
        merged.append(rule)
    return merged


def _is_everything(rule: DeviceRule) -> bool:
    return rule.kind == "a" and rule.major < 0 and rule.minor < 0 and _access(rule) == _ALL_ACCESS


def _access(rule: DeviceRule) -> int:
    mask = 0
    for letter in rule.access:
        mask |= ACCESS[letter]
    return mask


def _rule(rule: DeviceRule) -> list[bytes]:
    """Jump past the verdict unless type, numbers and access fit."""
    checks: list[tuple[int, int, int]] = []  # (opcode, register, value) of jumps
    prelude: list[bytes] = []
    if rule.kind != "a":
        checks.append((_JUMP_NOT_EQUAL, 3, TYPES[rule.kind]))
    if rule.major >= 0:
        checks.append((_JUMP_NOT_EQUAL, 4, rule.major))
    if rule.minor >= 0:
        checks.append((_JUMP_NOT_EQUAL, 5, rule.minor))
    access = _access(rule)
    if access != _ALL_ACCESS:
        # An allowing rule must cover all that is asked, a denying one need only meet a part of it.
        mask = _ALL_ACCESS & ~access if rule.allow else access
        prelude = [_instruction(_MOVE_REG, 1, 2), _instruction(_AND_IMM, 1, value=mask)]
        checks.append((_JUMP_NOT_EQUAL if rule.allow else _JUMP_EQUAL, 1, 0))
    verdict = _verdict(allow=rule.allow)
    jumps = [
        _instruction(opcode, register, 0, len(checks) - 1 - place + len(verdict), value)
        for place, (opcode, register, value) in enumerate(checks)
    ]
    return prelude + jumps + verdict


def _verdict(*, allow: bool) -> list[bytes]:
    return [_instruction(_MOVE_IMM, 0, value=int(allow)), _instruction(_EXIT)]


def _instruction(opcode: int, destination: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """One struct bpf_insn."""
    return struct.pack("<BBhi", opcode, destination | source << 4, offset, value)

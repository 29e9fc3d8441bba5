"""Compile a seccomp profile to a BPF program, by libseccomp (seccomp_init(3) and the pages it names)."""

import ctypes
import functools
import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.runtime_native._section import Section

_ERRNO: Final = "SCMP_ACT_ERRNO"
_TRACE: Final = "SCMP_ACT_TRACE"
_ACTIONS: Final = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    _ERRNO: 0x00050000,
    _TRACE: 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_COMPARISONS: Final = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_ATTRIBUTE_OPTIMIZE: Final = 8
_BINARY_TREE: Final = 2
_EPERM, _ENOSYS, _EEXIST = 1, 38, 17
_X32_BIT: Final = 0x40000000
_X86_64: Final = 0xC000003E  # AUDIT_ARCH_X86_64

# Classic BPF (linux/filter.h) over struct seccomp_data.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@attrs.frozen
class _Rule:
    names: list[str]
    action: int
    comparisons: list[_Comparison]


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as exc:
        raise Unsupported(
            "seccomp filters need the library libseccomp, which is not installed (Debian: apt install libseccomp2)"
        ) from exc
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_native.restype = ctypes.c_uint32
    library.seccomp_version.restype = ctypes.POINTER(ctypes.c_uint * 3)  # struct scmp_version
    for name, argtypes in {
        "seccomp_arch_resolve_name": (ctypes.c_char_p,),
        "seccomp_syscall_resolve_name_arch": (ctypes.c_uint32, ctypes.c_char_p),
        "seccomp_arch_add": (ctypes.c_void_p, ctypes.c_uint32),
        "seccomp_attr_set": (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32),
        "seccomp_export_bpf": (ctypes.c_void_p, ctypes.c_int),
        "seccomp_release": (ctypes.c_void_p,),
        "seccomp_rule_add_array": (
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.POINTER(_Comparison),
        ),
    }.items():
        getattr(library, name).argtypes = argtypes
    return library


def library_version() -> tuple[int, int, int]:
    """Of libseccomp. Raises: Unsupported."""
    version: list[int] = _library().seccomp_version().contents
    return version[0], version[1], version[2]


def compile_filter(profile: Mapping[str, Any]) -> bytes:
    """The program (struct sock_filter each) for *profile*, an OCI `linux.seccomp` object.

    A system call that this libseccomp does not know gets the default action. Where that is an errno, calls newer than
    all that the profile names fail with ENOSYS instead, because that is what programs take for "use the older call".
    Raises: InvalidArgument, Unsupported.
    """
    library = _library()
    with Section(profile, "linux.seccomp") as section:
        default_name = section.text("defaultAction")
        default = _action(default_name, section.integer("defaultErrnoRet"))
        architectures = [_architecture(library, name) for name in section.texts("architectures")]
        section.texts("flags")  # those of seccomp(2), for whoever loads the program
        rules = [_rule(entry) for entry in section.sections("syscalls")]
    native = library.seccomp_arch_native()
    context = library.seccomp_init(default)
    if not context:
        raise InvalidArgument(f"libseccomp does not take the default action {default_name!r}")
    try:
        for architecture in architectures:
            _check(library.seccomp_arch_add(context, architecture), "architectures", allowed=(0, -_EEXIST))
        for rule in rules:
            if rule.action != default:  # libseccomp takes no rule that changes nothing
                _add(library, context, native, rule)
        library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)
        program = _export(library, context)
    finally:
        library.seccomp_release(context)
    if default_name != _ERRNO:
        return program
    names = [name for rule in rules for name in rule.names]
    return b"".join(_unknown_calls(library, dict.fromkeys((native, *architectures)), names)) + program


def _rule(entry: Section) -> _Rule:
    with entry:
        names = entry.texts("names")
        action = _action(entry.text("action"), entry.integer("errnoRet"))
        entry.text("comment")
        comparisons = [_comparison(argument) for argument in entry.sections("args")]
    return _Rule(names, action, comparisons)


def _comparison(entry: Section) -> _Comparison:
    with entry:
        index, value, second = entry.integer("index"), entry.integer("value") or 0, entry.integer("valueTwo") or 0
        name = entry.text("op")
    if name not in _COMPARISONS or index is None or not 0 <= index <= 5:
        raise InvalidArgument(f"linux.seccomp.syscalls: there is no comparison {name!r} of argument {index!r}")
    return _Comparison(index, _COMPARISONS[name], value, second)


def _action(name: str, number: int | None) -> int:
    if name not in _ACTIONS:
        raise Unsupported(f"the native runtime does not support the seccomp action {name!r}")
    if name in (_ERRNO, _TRACE):
        return _ACTIONS[name] | (_EPERM if number is None else number) & 0xFFFF
    return _ACTIONS[name]


def _architecture(library: ctypes.CDLL, name: str) -> int:
    token: int = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
    if not token:
        raise Unsupported(f"libseccomp does not know the architecture {name!r}")
    return token


def _add(library: ctypes.CDLL, context: int, native: int, rule: _Rule) -> None:
    for name in rule.names:
        number = library.seccomp_syscall_resolve_name_arch(native, name.encode())
        if number == -1:
            continue
        for comparisons in _sets(rule.comparisons):
            array = (_Comparison * len(comparisons))(*comparisons)
            result = library.seccomp_rule_add_array(context, rule.action, number, len(comparisons), array)
            # The same rule twice is no harm.
            _check(result, f"syscalls: {name}", allowed=(0, -_EEXIST))


def _sets(comparisons: list[_Comparison]) -> Iterable[list[_Comparison]]:
    """All comparisons together, unless two are about one argument: then any of them is enough, as runc and crun have
    it."""
    if len({comparison.arg for comparison in comparisons}) < len(comparisons):
        return [[comparison] for comparison in comparisons]
    return [comparisons]


def _export(library: ctypes.CDLL, context: int) -> bytes:
    fd = os.memfd_create("ck-seccomp", os.MFD_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        _check(library.seccomp_export_bpf(context, fd), "export", allowed=(0,))
        file.seek(0)
        return file.read()


def _unknown_calls(library: ctypes.CDLL, architectures: Iterable[int], names: list[str]) -> Iterable[bytes]:
    """Instructions to put first: a number above all that the profile names on that architecture is ENOSYS."""
    yield _instruction(_LOAD, value=_ARCHITECTURE_OFFSET)
    for architecture in architectures:
        newest = max(
            (library.seccomp_syscall_resolve_name_arch(architecture, name.encode()) for name in names), default=-1
        )
        if newest < 0 or newest & _X32_BIT:
            continue  # x32 has x86-64's architecture, and its bit tells its numbers apart
        check = [_instruction(_LOAD, value=_NUMBER_OFFSET)]
        if architecture == _X86_64:
            check.append(_instruction(_JUMP_AT_LEAST, when_true=2, value=_X32_BIT))
        check += [
            _instruction(_JUMP_GREATER, when_false=1, value=newest),
            _instruction(_RETURN, value=_ACTIONS[_ERRNO] | _ENOSYS),
            _instruction(_LOAD, value=_ARCHITECTURE_OFFSET),
        ]
        yield _instruction(_JUMP_EQUAL, when_false=len(check), value=architecture)
        yield from check


def _instruction(code: int, *, when_true: int = 0, when_false: int = 0, value: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("=HBBI", code, when_true, when_false, value)


def _check(result: int, what: str, *, allowed: tuple[int, ...]) -> None:
    if result not in allowed:
        raise InvalidArgument(f"libseccomp does not take the profile: {what}: {os.strerror(-result)}")

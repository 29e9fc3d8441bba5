"""The compiled rules against a model, in a little interpreter of the instructions that they use."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.linux.cgroup import DeviceRule
from ck.kernel.linux.cgroup.devices import ACCESS, TYPES, compile_rules

numbers = st.integers(-1, 3)
rules = st.builds(
    DeviceRule,
    st.booleans(),
    st.sampled_from("abc"),
    numbers,
    numbers,
    st.sets(st.sampled_from("rwm"), min_size=1).map("".join),
)


def execute(program: bytes, kind: str, major: int, minor: int, access: str) -> bool:
    code = [struct.unpack_from("<BBhi", program, place) for place in range(0, len(program), 8)]
    mask = sum(ACCESS[letter] for letter in access)
    context = {0: mask << 16 | TYPES[kind], 4: major, 8: minor}
    registers, place = {}, 0
    while True:
        opcode, operands, offset, value = code[place]
        destination, source = operands & 15, operands >> 4
        place += 1
        match opcode:
            case 0x61:
                registers[destination] = context[offset]
            case 0xBC:
                registers[destination] = registers[source]
            case 0xB4:
                registers[destination] = value
            case 0x54:
                registers[destination] &= value
            case 0x74:
                registers[destination] >>= value
            case 0x56:
                place += offset if registers[destination] != value else 0
            case 0x16:
                place += offset if registers[destination] == value else 0
            case 0x95:
                return bool(registers[0])
            case _:
                raise AssertionError(f"opcode {opcode:#x}")


def fits(rule: DeviceRule, kind: str, major: int, minor: int, access: str) -> bool:
    same = rule.kind in ("a", kind) and rule.major in (-1, major) and rule.minor in (-1, minor)
    return same and (set(access) <= set(rule.access) if rule.allow else bool(set(access) & set(rule.access)))


@given(
    st.lists(rules, max_size=8),
    st.sampled_from("bc"),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sets(st.sampled_from("rwm"), min_size=1).map("".join),
)
def test_the_last_rule_that_fits_decides(
    rules: list[DeviceRule], kind: str, major: int, minor: int, access: str
) -> None:
    program = compile_rules(rules)
    allowed = True if program is None else execute(program, kind, major, minor, access)
    merged: list[DeviceRule] = []
    for rule in rules:
        if merged and merged[-1]._replace(access="") == rule._replace(access=""):
            rule = rule._replace(access=merged.pop().access + rule.access)
        merged.append(rule)
    verdicts = [rule.allow for rule in merged if fits(rule, kind, major, minor, access)]
    assert allowed == (verdicts[-1] if verdicts else False)


def test_everything_allowed_needs_no_program() -> None:
    assert compile_rules([DeviceRule(True, "c", 1, 3, "r"), DeviceRule(True, "a", -1, -1, "rwm")]) is None


def test_nothing_is_allowed_by_no_rules() -> None:
    program = compile_rules([])
    assert program is not None
    assert not execute(program, "c", 1, 3, "r")

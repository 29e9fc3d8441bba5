"""The syntax tree of a template. Only `--format` imports this, so that NamedTuple may be paid for."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    text: str


class Literal(NamedTuple):
    value: object


class Field(NamedTuple):
    """`.A.B` of the value of *base* (None: of the dot)."""

    base: object
    names: tuple[str, ...]


class Variable(NamedTuple):
    name: str


class Function(NamedTuple):
    name: str


class Call(NamedTuple):
    """One command of a pipeline: a function or method with arguments, or one operand alone."""

    operands: tuple[object, ...]


class Pipeline(NamedTuple):
    """*declare* are variables that take the value; *assign*: they exist already."""

    calls: tuple[Call, ...]
    declare: tuple[str, ...] = ()
    assign: bool = False


class Action(NamedTuple):
    pipeline: Pipeline


class Branch(NamedTuple):
    """`if`, `with` and `range`."""

    keyword: str
    pipeline: Pipeline
    body: tuple[object, ...]
    otherwise: tuple[object, ...]


class Jump(NamedTuple):
    """`break` and `continue`."""

    keyword: str

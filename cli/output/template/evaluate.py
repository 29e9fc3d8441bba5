"""Running a template on a value: JSON data, or a Row of a table."""

from __future__ import annotations

from ck.cli.output.template.functions import FUNCTIONS, MISSING, Missing, show
from ck.cli.output.template.lexer import TemplateError
from ck.cli.output.template.nodes import (
    Action,
    Branch,
    Call,
    Field,
    Function,
    Jump,
    Literal,
    Pipeline,
    Text,
    Variable,
)
from ck.cli.output.template.parser import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONAL = frozenset(
    "Annotations ArgsEscaped Health Healthcheck Init MacAddress Mounts NetworkDisabled OnBuild Runtime Shell SizeRootFs"
    " SizeRw StopSignal StopTimeout StorageOpt Sysctls Tmpfs UsageData Variant".split()
)
"""Fields that the API leaves out where they are empty. Any other unknown field that is written like one is a typing
mistake."""

NO_PIPE = object()


class _Jumped(Exception):
    """`break` or `continue` on its way to the loop."""


class Template:
    """A parsed template. *escapes*: `\\t` and `\\n` outside of actions mean tab and newline, as lists want it."""

    def __init__(self, text: str, *, escapes: bool = False) -> None:
        """Raises: TemplateError."""
        self._nodes = parse(text.replace("\\t", "\t").replace("\\n", "\n") if escapes else text)

    def run(self, data: object) -> str:
        """The text for *data*. Raises: TemplateError."""
        return _Run(data).block(self._nodes, data)


class _Run:
    def __init__(self, data: object) -> None:
        self._variables: list[tuple[str, object]] = [("$", data)]

    def block(self, nodes: tuple[object, ...], dot: object) -> str:
        depth = len(self._variables)
        try:
            return "".join([self._node(node, dot) for node in nodes])
        finally:
            del self._variables[depth:]

    def _node(self, node: object, dot: object) -> str:
        if isinstance(node, Text):
            return node.text
        if isinstance(node, Action):
            value = self._pipeline(node.pipeline, dot)
            return "" if node.pipeline.declare else show(value)
        if isinstance(node, Branch):
            return self._range(node, dot) if node.keyword == "range" else self._condition(node, dot)
        assert isinstance(node, Jump)
        raise _Jumped(node.keyword)

    def _condition(self, node: Branch, dot: object) -> str:
        depth = len(self._variables)
        try:
            value = self._pipeline(node.pipeline, dot)
            if value:
                return self.block(node.body, value if node.keyword == "with" else dot)
            return self.block(node.otherwise, dot)
        finally:
            del self._variables[depth:]

    def _range(self, node: Branch, dot: object) -> str:
        value = self._pipeline(node.pipeline._replace(declare=()), dot)
        if isinstance(value, dict):
            pairs = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, list | tuple):
            pairs = list(enumerate(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            pairs = [(number, number) for number in range(value)]
        elif value is None or isinstance(value, Missing):
            pairs = []
        else:
            raise TemplateError(f"template: range can't iterate over {show(value)}")
        if not pairs:
            return self.block(node.otherwise, dot)
        names = node.pipeline.declare
        written = []
        for key, each in pairs:
            depth = len(self._variables)
            self._variables += (
                list(zip(names, (key, each) if len(names) == 2 else (each,), strict=True)) if names else []
            )
            try:
                written.append(self.block(node.body, each))
            except _Jumped as jump:
                if str(jump) == "break":
                    break
            finally:
                del self._variables[depth:]
        return "".join(written)

    def _pipeline(self, pipeline: Pipeline, dot: object) -> object:
        value: object = NO_PIPE
        for call in pipeline.calls:
            value = self._call(call, dot, value)
        for name in pipeline.declare:
            if pipeline.assign:
                self._assign(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _assign(self, name: str, value: object) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        raise TemplateError(f"template: undefined variable {name}")

    def _call(self, call: Call, dot: object, piped: object) -> object:
        first, *rest = call.operands
        if isinstance(first, Function):
            if first.name in {"and", "or"}:
                return self._logic(first.name, rest, dot, piped)
            function = FUNCTIONS.get(first.name)
            if function is None:
                raise TemplateError(f'template: function "{first.name}" not defined')
            name = first.name
        else:
            value = self._value(first, dot)
            if not callable(value):
                if rest or piped is not NO_PIPE:
                    raise TemplateError("template: can't give argument to a value that is no function")
                return value
            function, name = value, "method"
        arguments = [self._value(each, dot) for each in rest]
        if piped is not NO_PIPE:
            arguments.append(piped)
        try:
            return function(*arguments)
        except (TypeError, ValueError) as error:
            raise TemplateError(f"template: error calling {name}: {error}") from None

    def _logic(self, name: str, operands: list[object], dot: object, piped: object) -> object:
        value: object = MISSING
        for operand in operands:
            value = self._value(operand, dot)
            if bool(value) == (name == "or"):
                return value
        return value if piped is NO_PIPE else piped

    def _value(self, operand: object, dot: object) -> object:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Variable):
            for name, value in reversed(self._variables):
                if name == operand.name:
                    return value
            raise TemplateError(f"template: undefined variable {operand.name}")
        if isinstance(operand, Field):
            value = dot if operand.base is None else self._value(operand.base, dot)
            for name in operand.names:
                value = _field(value, name)
            return value
        if isinstance(operand, Pipeline):
            return self._pipeline(operand, dot)
        if isinstance(operand, Function):
            return self._call(Call((operand,)), dot, NO_PIPE)
        raise TemplateError(f"template: unexpected operand {operand!r}")


def _field(value: object, name: str) -> object:
    if isinstance(value, dict):
        found = value.get(name, MISSING)
        if found is MISSING and name[0].isupper() and name not in OPTIONAL:
            raise TemplateError(f'template: map has no entry for key "{name}"')
        return found
    if value is None or isinstance(value, Missing):
        raise TemplateError(f"template: nil pointer evaluating field {name}")
    raise TemplateError(f"template: can't evaluate field {name} in {show(value)}")


def render(text: str, data: Mapping[str, object] | object) -> str:
    """Run template *text* once. Raises: TemplateError."""
    return Template(text).run(data)

"""From tokens to a syntax tree (Go text/template, "Actions" and "Pipelines")."""

from __future__ import annotations

from ck.cli.output.template.lexer import TemplateError, Token, tokens
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

BRANCHES = {"if", "with", "range"}
CONSTANTS = {"true": True, "false": False, "nil": None}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def parse(template: str) -> tuple[object, ...]:
    """The nodes of *template*. Raises: TemplateError."""
    parser = _Parser(tokens(template))
    nodes, end = parser.block()
    if end:
        raise TemplateError(f"template: unexpected {{{{{end}}}}}")
    return nodes


class _Parser:
    def __init__(self, stream: list[Token]) -> None:
        self._tokens = stream
        self._at = 0

    def block(self) -> tuple[tuple[object, ...], str]:
        """Nodes up to `else`, `end` or the end of the template, and which of these it was."""
        nodes: list[object] = []
        while self._at < len(self._tokens):
            token = self._next()
            if token.kind == "text":
                nodes.append(Text(token.value))
                continue
            self._spaces()
            word = self._peek()
            if word.kind == "word" and word.value in {"else", "end"}:
                self._next()
                return tuple(nodes), word.value
            nodes.append(self._action())
        return tuple(nodes), ""

    def _action(self) -> object:
        word = self._peek()
        if word.kind == "word" and word.value in BRANCHES:
            self._next()
            return self._branch(word.value)
        if word.kind == "word" and word.value in {"break", "continue"}:
            self._next()
            self._close()
            return Jump(word.value)
        if word.kind == "word" and word.value in {"define", "template", "block"}:
            raise TemplateError(f"template: {{{{{word.value}}}}} is not supported")
        pipeline = self._pipeline()
        self._close()
        return Action(pipeline)

    def _branch(self, keyword: str) -> Branch:
        pipeline = self._pipeline()
        self._close()
        body, end = self.block()
        otherwise: tuple[object, ...] = ()
        if end == "else":
            self._spaces()
            word = self._peek()
            if word.kind == "word" and word.value in {"if", "with"}:
                # `else if` is an `if` in the `else`, which shares the `end`.
                self._next()
                return Branch(keyword, pipeline, body, (self._branch(word.value),))
            self._close()
            otherwise, end = self.block()
        if end != "end":
            raise TemplateError(f"template: {{{{{keyword}}}}} without {{{{end}}}}")
        self._close()
        return Branch(keyword, pipeline, body, otherwise)

    def _pipeline(self) -> Pipeline:
        declare, assign = self._declarations()
        calls = [self._call()]
        while self._accept("|"):
            calls.append(self._call())
        return Pipeline(tuple(calls), declare, assign)

    def _declarations(self) -> tuple[tuple[str, ...], bool]:
        start = self._at
        names: list[str] = []
        while True:
            self._spaces()
            if self._peek().kind != "variable":
                break
            names.append(self._next().value)
            if self._accept(":="):
                return tuple(names), False
            if self._accept("="):
                return tuple(names), True
            if not self._accept(","):
                break
        self._at = start
        return (), False

    def _call(self) -> Call:
        operands: list[object] = []
        while True:
            self._spaces()
            token = self._peek()
            if token.kind == "close" or (token.kind == "mark" and token.value in {"|", ")"}):
                break
            operands.append(self._operand())
        if not operands:
            raise TemplateError("template: missing value for command")
        return Call(tuple(operands))

    def _operand(self) -> object:
        token = self._next()
        operand: object
        if token.kind == "field":
            self._at -= 1
            operand = Field(None, ())
        elif token.kind == "dot":
            return Field(None, ())
        elif token.kind == "variable":
            operand = Variable(token.value)
        elif token.kind == "word":
            return Literal(CONSTANTS[token.value]) if token.value in CONSTANTS else Function(token.value)
        elif token.kind == "mark" and token.value == "(":
            operand = self._pipeline()
            if not self._accept(")"):
                raise TemplateError("template: unclosed left paren")
        elif token.kind in {"string", "char", "number"}:
            return Literal(_literal(token))
        else:
            raise TemplateError(f"template: unexpected {token.value!r} in an action")
        names = []
        while self._peek().kind == "field":
            names.append(self._next().value[1:])
        if not names:
            return operand
        return Field(None, tuple(names)) if isinstance(operand, Field) else Field(operand, tuple(names))

    def _peek(self) -> Token:
        if self._at >= len(self._tokens):
            raise TemplateError("template: unclosed action")
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _spaces(self) -> None:
        while self._peek().kind == "space":
            self._at += 1

    def _accept(self, mark: str) -> bool:
        self._spaces()
        token = self._peek()
        if token.kind == "mark" and token.value == mark:
            self._at += 1
            return True
        return False

    def _close(self) -> None:
        self._spaces()
        token = self._next()
        if token.kind != "close":
            raise TemplateError(f"template: unexpected {token.value!r} in an action")


def _literal(token: Token) -> object:
    text = token.value
    if token.kind == "number":
        try:
            return int(text, 0) if text.lstrip("+-")[:1] != "0" or text.lower().startswith("0x") else int(text)
        except ValueError:
            return float(text)
    if text.startswith("`"):
        return text[1:-1]
    unquoted = _unquote(text[1:-1])
    return ord(unquoted) if token.kind == "char" and len(unquoted) == 1 else unquoted


def _unquote(text: str) -> str:
    import re

    def replace(match: re.Match[str]) -> str:
        letter = match[1]
        if letter[0] in "xuU":
            return chr(int(letter[1:], 16))
        return ESCAPES.get(letter, letter)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", replace, text)

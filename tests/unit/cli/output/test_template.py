"""Go templates."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.output.listing import Listing
from ck.cli.output.template.evaluate import Template, render
from ck.cli.output.template.lexer import TemplateError

DATA = {
    "Name": "/web",
    "Id": "0123456789abcdef",
    "State": {"Running": True, "ExitCode": 0},
    "Mounts": [{"Source": "/a"}, {"Source": "/b"}],
    "Config": {"Labels": {"com.example.x": "y", "a": "b"}, "Env": ["A=1", "B=2"], "Cmd": None},
    "NetworkSettings": {"Networks": {"none": {"IPAddress": "10.0.0.2"}}, "Ports": {"80/tcp": [{"HostPort": "8080"}]}},
    "Size": 1.5,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Name}} {{ .State.Running }}", "/web true"),
        ('{{index .Config.Labels "com.example.x"}}', "y"),
        ('{{index .Config.Labels "none"}}', "<no value>"),
        ("{{.Config.Labels.a}}", "b"),
        ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{.Config.Labels}}", "map[a:b com.example.x:y]"),
        ("{{json .Config.Env}}", '["A=1","B=2"]'),
        ("{{json .Config.Cmd}}", "null"),
        ("{{.Config.Cmd}}", "<no value>"),
        ("{{range .Mounts}}{{.Source}};{{end}}", "/a;/b;"),
        ("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}} {{end}}", "0=/a 1=/b "),
        ("{{range $k, $v := .NetworkSettings.Networks}}{{$k}}:{{$v.IPAddress}}{{end}}", "none:10.0.0.2"),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{range .Config.Cmd}}x{{else}}none{{end}}", "none"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if eq .State.ExitCode 1}}one{{else if eq .State.ExitCode 0}}zero{{else}}more{{end}}", "zero"),
        ("{{if and .State.Running (not .State.ExitCode)}}ok{{end}}", "ok"),
        ("{{with .State}}{{.ExitCode}}{{end}}", "0"),
        ("{{with .State.Health}}{{.Status}}{{else}}no health{{end}}", "no health"),
        ("{{$x := .Name}}{{range .Mounts}}{{$x}}{{$.Id}} {{end}}", "/web0123456789abcdef /web0123456789abcdef "),
        ('{{$x := ""}}{{range .Config.Env}}{{$x = .}}{{end}}{{$x}}', "B=2"),
        ('{{join .Config.Env ","}}', "A=1,B=2"),
        ('{{index (split "a:b" ":") 1}}', "b"),
        ("{{.Name | upper | printf `%s!`}}", "/WEB!"),
        ('{{printf "%-6s|%5d|%q|%.2f|%v|%%" .Name 42 "a" .Size .Config.Env}}', '/web  |   42|"a"|1.50|[A=1 B=2]|%'),
        ('{{println "a" 1}}', "a 1\n"),
        ("{{truncate .Id 12}} {{slice .Id 0 4}} {{len .Mounts}}", "0123456789ab 0123 2"),
        ("{{- .Name -}}  x", "/webx"),
        ("a  {{- /* comment */ -}}  b", "ab"),
        ("{{lt 1 2}} {{ge 1 2}} {{ne `a` `b`}} {{or 0 `x`}} {{and 1 0}}", "true false true x 0"),
        ("{{range .Config.Env}}{{if eq . `B=2`}}{{break}}{{end}}{{.}}{{end}}", "A=1"),
        ("{{pad .Name 1 2}}|{{title `a b`}}", " /web  |A B"),
        ('{{"\\u00e9\\t\\x41"}}', "é\tA"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert render(template, DATA) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.Nmae}}", 'map has no entry for key "Nmae"'),
        ("{{.Name.X}}", "can't evaluate field X"),
        ("{{.Config.Cmd.X}}", "nil pointer evaluating field X"),
        ("{{foo .Name}}", 'function "foo" not defined'),
        ("{{.Name", "unclosed action"),
        ("{{if .Name}}x", "{{if}} without {{end}}"),
        ("x{{end}}", "unexpected {{end}}"),
        ("{{}}", "missing value for command"),
        ("{{(.Name}}", "unclosed left paren"),
        ("{{$x}}", "undefined variable \\$x"),
        ("{{index .Mounts 7}}", "index out of range: 7"),
        ("{{upper}}", "error calling upper"),
        ("{{range .Name}}{{end}}", "can't iterate over /web"),
        ("{{define `x`}}{{end}}", "{{define}} is not supported"),
        ("{{&}}", "unexpected '&"),
        ('{{lt 1 "a"}}', "incompatible types"),
    ],
)
def test_errors(template: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(template, DATA)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(VALUES)
def test_json_is_json(value: object) -> None:
    assert json.loads(render("{{json .}}", value)) == value


@given(st.text().filter(lambda text: "{{" not in text and not text.endswith("{")))
def test_text_stays_as_it_is(text: str) -> None:
    assert render(text, None) == text
    assert render(f"{text}{{{{.}}}}", 1) == f"{text}1"


@given(st.text(st.sampled_from('{}.$|()"` -abif end range=:,01'), max_size=30))
def test_any_template_runs_or_is_a_template_error(template: str) -> None:
    try:
        Template(template).run(DATA)
    except TemplateError:
        return


def test_listing(capsys: pytest.CaptureFixture[str]) -> None:
    listing = Listing({"ID": "CONTAINER ID", "Names": "NAMES"}, ("ID", "Names"))
    labels = {"a": "b"}
    rows = [{"ID": "1", "Names": "x", "Label": lambda name: labels.get(name, "")}]
    for format_, expected in (
        ("", "CONTAINER ID   NAMES\n1              x\n"),
        ("table {{.Names}}\\t{{.ID}}", "NAMES     CONTAINER ID\nx         1\n"),
        ('table {{.Label "com.a"}}\t{{.Label "a"}}', "a         a\n          b\n"),
        ("{{.ID}}\\t{{.Names}}", "1\tx\n"),
        ('{{.Label "a"}}', "b\n"),
        ("json", '{"ID":"1","Names":"x"}\n'),
    ):
        listing.show(rows, format_)
        assert capsys.readouterr().out == expected
    with pytest.raises(TemplateError, match='no entry for key "Nope"'):
        listing.show(rows, "{{.Nope}}")

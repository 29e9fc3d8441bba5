"""Lists: a table, a template for each row, or JSON (the `--format` of Docker's list commands)."""

from __future__ import annotations

from ck.cli.output.table import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Row = dict[str, str | Callable[[str], str]]

TEMPLATE_HELP = "'json' or 'TEMPLATE', where TEMPLATE is a Go template"
FORMAT_HELP = f"Format output using a custom template: 'table', 'table TEMPLATE', {TEMPLATE_HELP}"
INSPECT_FORMAT_HELP = f"Format output using a custom template: {TEMPLATE_HELP}"


class Listing:
    """The columns of a list command: *headers* for each field that a template may use, *default* for the table."""

    def __init__(self, headers: Mapping[str, str], default: Iterable[str]) -> None:
        self._headers = headers
        self._default = tuple(default)

    def show(self, rows: Iterable[Mapping[str, object]], format_: str) -> None:
        """Print *rows*. *format_* is "" or "table", "table TEMPLATE", "json" or a template. Raises: TemplateError."""
        if format_ in {"", "table"}:
            lines = ["\t".join(self._headers[name] for name in self._default)]
            lines += ["\t".join(str(row[name]) for name in self._default) for row in rows]
            print("\n".join(align(lines)))
            return
        from ck.cli.output.template.evaluate import Template

        if format_ == "json":
            format_ = "{{json .}}"
        if format_.startswith("table "):
            template = Template(format_.removeprefix("table ").strip(), escapes=True)
            headers: Row = {**self._headers, "Label": _label_header}
            lines = [template.run(headers), *(template.run(row) for row in rows)]
            print("\n".join(align([line for text in lines for line in text.splitlines()])))
            return
        template = Template(format_.strip(), escapes=True)
        for row in rows:
            print(template.run(row))


def _label_header(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def labels_text(labels: Mapping[str, str] | None) -> str:
    """`a=b,c=d`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))


def label_of(labels: Mapping[str, str] | None) -> Callable[[str], str]:
    """The method `.Label "name"` of a row."""
    return lambda name: (labels or {}).get(name, "")

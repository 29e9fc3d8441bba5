"""`ck doctor`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "",
    "List what does not belong to any container, image or network, and what is stuck and why",
    (
        switch("fix", "Remove and mend what can be without losing data"),
        text("format", INSPECT_FORMAT_HELP, "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Print the findings; return 1 where some are left."""
    answer = client.post("/ck/doctor") if args.on("fix") else client.get("/ck/doctor")
    findings = answer["Findings"]
    left = [finding for finding in findings if not finding["Fixed"]]
    if format_ := args.text("format"):
        from ck.cli.output.template.evaluate import Template

        template = Template("{{json .}}" if format_ == "json" else format_)
        for finding in findings:
            print(template.run(finding))
    elif findings:
        _print_table(findings)
        if any(finding["Fixable"] for finding in left) and not args.on("fix"):
            print("\n`ck doctor --fix` sets right what is marked so.")
    else:
        print("Nothing is wrong.")
    return 1 if left else 0


def _print_table(findings: list[dict[str, Any]]) -> None:
    from ck.cli.output.table import align

    lines = ["KIND\tNAME\tSINCE\tFIX\tPROBLEM"]
    for finding in findings:
        fix = "done" if finding["Fixed"] else "yes" if finding["Fixable"] else "no"
        holder = f" (held by {finding['Holder']})" if finding["Holder"] else ""
        since = (finding["Since"] or "-")[:19]
        lines.append(f"{finding['Kind']}\t{finding['Name']}\t{since}\t{fix}\t{finding['Problem']}{holder}")
    print(*align(lines), sep="\n")

"""`./dev docs`: links resolve, the examples of README run, docs/cli.md is what `ck --help` says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE), str(TREE / "src")]

from ck.cli import catalog  # noqa: E402
from ck.kernel.config import Config, parse  # noqa: E402
from ck.kernel.errors import InvalidArgument  # noqa: E402
from tests.support.daemon import CK, Daemon  # noqa: E402
from tests.support.restart_table import with_tables  # noqa: E402

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    pages = sorted([*TREE.glob("*.md"), *TREE.glob("docs/**/*.md"), *TREE.glob("tests/*.md")])
    (TREE / "docs" / "cli.md").write_text(command_reference())
    restart = TREE / "docs" / "restart.md"
    restart.write_text(with_tables(restart.read_text()))
    problems = [problem for page in pages for problem in broken_links(page)]
    problems += wrong_settings(TREE / "docs" / "configuration.md")
    if "--no-examples" not in sys.argv[1:]:
        problems += failing_examples(TREE / "README.md")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(pages)} pages, {len(problems)} problems")
    return 1 if problems else 0


def broken_links(page: Path) -> Iterator[str]:
    """Links to files of this tree that are not there, and to headings that no page has."""
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists():
            yield f"{page.relative_to(TREE)}: no {target}"
        elif anchor and anchor not in anchors(file.read_text()):
            yield f"{page.relative_to(TREE)}: {name} has no heading #{anchor}"


def wrong_settings(page: Path) -> Iterator[str]:
    """Settings that the engine does not take, and defaults that are not those of the code: they are the first block."""
    blocks = TOML.findall(page.read_text())
    for number, block in enumerate(blocks):
        try:
            config = parse(block)
        except InvalidArgument as error:
            yield f"{page.name}: {error}"
            continue
        if number == 0 and config != Config():
            yield f"{page.name}: the defaults shown are not those of the code, {Config()}"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def failing_examples(page: Path) -> Iterator[str]:
    """Runs each line `$ ck ...` of the page's console blocks, in order, on an engine of its own."""
    with Daemon() as daemon:
        for block in CONSOLE.findall(page.read_text()):
            for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
                print(f"$ {line}", flush=True)
                result = subprocess.run(["sh", "-c", line], env=daemon.environment, cwd=TREE, check=False)
                if result.returncode:
                    yield f"{page.name}: exit code {result.returncode} of: {line}"


def command_reference() -> str:
    """docs/cli.md: the help of every command as it is printed."""
    parts = ["# Commands\n\nMade by `./dev docs` of what `ck --help` says.\n\n```text\n" + help_of() + "```\n"]
    parts += [f"## ck {name}\n\n```text\n{help_of(*name.split())}```\n" for name in sorted(catalog.COMMANDS)]
    return "\n".join(parts)


def help_of(*command: str) -> str:
    return subprocess.run([*CK, *command, "--help"], capture_output=True, text=True, check=True).stdout.lstrip("\n")


if __name__ == "__main__":
    sys.exit(main())

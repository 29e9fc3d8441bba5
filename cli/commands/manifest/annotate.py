"""`ck manifest annotate`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands.manifest import _lists as lists
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, text

# Go's names (image-spec, image-index.md "platform"): a misspelt one would make an image that nobody can pull.
SYSTEMS = (
    *("aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd"),
    *("plan9", "solaris", "wasip1", "windows"),
)
MACHINES = (
    *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le"),
    *("riscv64", "s390x", "wasm"),
)

COMMAND = Command(
    "MANIFEST_LIST MANIFEST",
    "Say for which platform a manifest of a local list is",
    (
        text("arch", "Set architecture", completes=MACHINES),
        text("os", "Set operating system", completes=SYSTEMS),
        text("variant", "Set architecture variant"),
    ),
    minimum=2,
    maximum=2,
)


def run(args: Args, client: Client) -> int:
    """Change the entry of the list."""
    target, manifest = args.words
    platform: dict[str, str] = {}
    if args.given("arch"):
        platform["architecture"] = args.choice("arch", MACHINES)
    if args.given("os"):
        platform["os"] = args.choice("os", SYSTEMS)
    if args.given("variant"):
        platform["variant"] = args.text("variant")
    if not platform:
        raise UsageError("nothing to annotate: give --arch, --os or --variant", 1)
    entry = lists.find(target, manifest)
    described = entry["Descriptor"]
    described["platform"] = (described.get("platform") or {}) | platform
    lists.write(target, entry)
    return 0

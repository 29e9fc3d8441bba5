"""One test's build context, and what is built of it."""

import json
from pathlib import Path
from typing import Any

from tests.integration.engine.lab import Lab
from tests.support.census import settled
from tests.support.daemon import Result


class Workbench:
    """`directory` is the context; the base image is called `base`, what is built `image`."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        self.image = f"{lab.name.lower()}-image:1"
        self.base = f"{lab.name.lower()}-base:1"
        lab.ck("tag", lab.image, self.base)

    def write(self, **files: str) -> None:
        """Files of the context; "__" in a name is a slash, "_" a dot."""
        for name, content in files.items():
            path = self.directory / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def build(self, dockerfile: str, *options: str, check: bool = True) -> Result:
        """`ck build`, with "BASE" in *dockerfile* for the base image."""
        (self.directory / "Dockerfile").write_text(dockerfile.replace("BASE", self.base))
        return self.lab.daemon.ck("build", "-t", self.image, *options, str(self.directory), check=check)

    def fails(self, dockerfile: str, *options: str) -> str:
        """What a build says that fails; nothing is left of it."""
        before = self.at_rest()
        result = self.build(dockerfile, *options, check=False)
        assert result.code == 1, result
        assert settled(self.state, before) == before  # its client is told before that is cleaned up
        return result.err

    def run(self, *command: str, options: tuple[str, ...] = ()) -> str:
        """The output of a container of what was built."""
        return self.lab.daemon.ck("run", "--rm", "--network", "none", *options, self.image, *command).out

    def shown(self) -> dict[str, Any]:
        [document] = json.loads(self.lab.ck("image", "inspect", self.image))
        assert isinstance(document, dict)
        return document

    def state(self) -> list[object]:
        """Images, containers and layers there are, and what builds use while they run."""
        data = self.lab.daemon.data_root / "data"
        scratch = data / "builds"
        return [
            self.lab.ck("images", "-aq"),
            self.lab.ck("ps", "-aq"),
            sorted(path.name for path in scratch.iterdir()) if scratch.exists() else [],
        ]

    def at_rest(self) -> list[object]:
        """`state` as it is once no build is at work."""
        return [*self.state()[:-1], []]

    def clean(self) -> None:
        self.lab.clean()
        mine = [self.image, self.base]
        known = self.lab.ck("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if found := [name for name in mine if name in known]:
            self.lab.ck("rmi", "-f", *found)
        self.lab.ck("image", "prune", "-f")
        self.lab.ck("builder", "prune", "-af")

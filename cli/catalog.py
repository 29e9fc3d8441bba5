"""Which module holds which command: all that help and completion need before a command is imported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from ck.cli.client.api import Client
    from ck.cli.flags import Args, Command

    class CommandModule(Protocol):
        """A module of ck.cli.commands."""

        COMMAND: Command

        def run(self, args: Args, client: Client) -> int:
            """Do it; return the exit code. Raises: CliError."""


NOUNS = {
    "builder": "Manage builds",
    "container": "Manage containers",
    "engine": "Restart or stop the engine, or have systemd start it",
    "image": "Manage images",
    "manifest": "Put images for several platforms under one name",
    "network": "Manage networks",
    "system": "Manage the engine",
    "volume": "Manage volumes",
}

COMMANDS: dict[str, tuple[str, str]] = {
    # "noun verb" -> (module under ck.cli.commands, what `ck --help` says of it)
    "builder prune": ("builder.prune", "Remove build cache"),
    "container attach": (
        "container.attach",
        "Attach local standard input, output, and error streams to a running container",
    ),
    "container commit": ("container.commit", "Create a new image from a container's changes"),
    "container cp": ("container.cp", "Copy files/folders between a container and the local filesystem"),
    "container create": ("container.create", "Create a new container"),
    "container diff": ("container.diff", "Inspect changes to files or directories on a container's filesystem"),
    "container exec": ("container.exec", "Execute a command in a running container"),
    "container export": ("container.export", "Export a container's filesystem as a tar archive"),
    "container inspect": ("container.inspect", "Display detailed information on one or more containers"),
    "container kill": ("container.kill", "Kill one or more running containers"),
    "container logs": ("container.logs", "Fetch the logs of a container"),
    "container ls": ("container.ls", "List containers"),
    "container pause": ("container.pause", "Pause all processes within one or more containers"),
    "container port": ("container.port", "List port mappings of a container, or explain one"),
    "container prune": ("container.prune", "Remove all stopped containers"),
    "container rename": ("container.rename", "Rename a container"),
    "container restart": ("container.restart", "Restart one or more containers"),
    "container rm": ("container.rm", "Remove one or more containers"),
    "container run": ("container.run", "Create and run a new container from an image"),
    "container start": ("container.start", "Start one or more stopped containers"),
    "container stats": (
        "container.stats",
        "Display a live stream of container resource usage statistics",
    ),
    "container stop": ("container.stop", "Stop one or more running containers"),
    "container top": ("container.top", "Display the running processes of a container"),
    "container unpause": ("container.unpause", "Unpause all processes within one or more containers"),
    "container update": (
        "container.update",
        "Change the limits and the restart policy of one or more containers",
    ),
    "container wait": ("container.wait", "Block until one or more containers stop, then print their exit codes"),
    "container why": (
        "container.why",
        "Tell what ended or restarted a container, who did it, and what happened before",
    ),
    "engine disable": ("engine.disable", "Have systemd start the engine no more; containers run on"),
    "engine enable": ("engine.enable", "Have systemd start the engine at boot, and whenever somebody connects"),
    "engine restart": ("engine.restart", "Put a new engine in the place of the one that runs; containers run on"),
    "engine stop": ("engine.stop", "Stop the engine; containers run on, unless --all stops them too"),
    "image build": ("image.build", "Build an image from a Dockerfile"),
    "image history": ("image.history", "Show the history of an image"),
    "image import": ("image.import_", "Import the contents from a tarball to create a filesystem image"),
    "image inspect": ("image.inspect", "Display detailed information on one or more images"),
    "image load": ("image.load", "Load an image from a tar archive or STDIN"),
    "image ls": ("image.ls", "List images"),
    "image pack": ("image.pack", "Make an image of programs of this machine"),
    "image prune": ("image.prune", "Remove unused images"),
    "image pull": ("image.pull", "Download an image from a registry"),
    "image push": ("image.push", "Upload an image to a registry"),
    "image rm": ("image.rm", "Remove one or more images"),
    "image save": ("image.save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
    "image search": ("image.search", "Search Docker Hub, or another registry, for images"),
    "image tag": ("image.tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
    "manifest annotate": ("manifest.annotate", "Say for which platform a manifest of a local list is"),
    "manifest create": ("manifest.create", "Create a local list of manifests that are in a registry"),
    "manifest inspect": ("manifest.inspect", "Display an image manifest or an index"),
    "manifest push": ("manifest.push", "Push a local list to a registry as one image, its manifests with it"),
    "manifest rm": ("manifest.rm", "Remove local lists of manifests"),
    "network connect": ("network.connect", "Connect a container to a network"),
    "network create": ("network.create", "Create a network"),
    "network disconnect": ("network.disconnect", "Disconnect a container from a network"),
    "network inspect": ("network.inspect", "Display detailed information on one or more networks"),
    "network ls": ("network.ls", "List networks"),
    "network prune": ("network.prune", "Remove all unused networks"),
    "network rm": ("network.rm", "Remove one or more networks"),
    "system df": ("system.df", "Show disk usage"),
    "system doctor": ("system.doctor", "List what does not belong, and what is stuck and why"),
    "system events": ("system.events", "Get real time events from the engine"),
    "system info": ("system.info", "Display system-wide information"),
    "system prune": ("system.prune", "Remove unused data"),
    "volume create": ("volume.create", "Create a volume"),
    "volume inspect": ("volume.inspect", "Display detailed information on one or more volumes"),
    "volume ls": ("volume.ls", "List volumes"),
    "volume prune": ("volume.prune", "Remove unused local volumes"),
    "volume rm": ("volume.rm", "Remove one or more volumes"),
    "completion": ("system.completion", "Print the completion script for a shell"),
    "inspect": ("system.inspect", "Return low-level information on containers, images, volumes and networks"),
    "login": ("system.login", "Authenticate to a registry"),
    "logout": ("system.logout", "Log out from a registry"),
    "version": ("system.version", "Show the version information of client and engine"),
}

ALIASES = {
    # what is typed -> its name in COMMANDS
    **{
        verb: f"container {verb}"
        for verb in (
            "attach commit cp create diff exec export kill logs pause port rename restart rm run start stats stop top "
            "unpause update wait why"
        ).split()
    },
    "ps": "container ls",
    "container list": "container ls",
    "container ps": "container ls",
    "container remove": "container rm",
    "build": "image build",
    "builder build": "image build",
    "history": "image history",
    "import": "image import",
    "load": "image load",
    "save": "image save",
    "images": "image ls",
    "image list": "image ls",
    "image remove": "image rm",
    "pack": "image pack",
    "pull": "image pull",
    "push": "image push",
    "rmi": "image rm",
    "search": "image search",
    "tag": "image tag",
    "network list": "network ls",
    "network remove": "network rm",
    "doctor": "system doctor",
    "events": "system events",
    "info": "system info",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}

COMMON = ("run", "exec", "ps", "pull", "images", "login", "logout", "version", "info")
"""What `ck --help` lists first."""


def resolve(words: list[str]) -> tuple[str, int]:
    """The name in COMMANDS of the command that *words* begin with, and how many of them name it; ("", 0) for none."""
    for count in (2, 1):
        typed = " ".join(words[:count])
        name = ALIASES.get(typed, typed)
        if name in COMMANDS and len(words) >= count:
            return name, count
    return "", 0


def spellings(name: str) -> list[str]:
    """Every way to type the command *name*, the canonical one first."""
    return [name, *(alias for alias, target in ALIASES.items() if target == name)]


def verbs(noun: str) -> Iterator[tuple[str, str]]:
    """Verb and help of each command of *noun*; with "" those that stand alone, sorted."""
    if noun:
        for name, (_, help_) in COMMANDS.items():
            if name.startswith(noun + " "):
                yield name.removeprefix(noun + " "), help_
    else:
        names = {name for name in (*COMMANDS, *ALIASES) if " " not in name}
        for name in sorted(names):
            yield name, COMMANDS[ALIASES.get(name, name)][1]


def load(name: str) -> CommandModule:
    """Import the module of the command *name*."""
    module: CommandModule = __import__(f"ck.cli.commands.{COMMANDS[name][0]}", fromlist=["COMMAND"])
    return module

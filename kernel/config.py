"""The configuration: TOML in, one frozen Config out; an unknown key is an error that names it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs
import cattrs
from cattrs.v import format_exception

from ck.kernel.errors import InvalidArgument
from ck.kernel.linux.user_namespace import MAXIMUM

DEFAULT_PATH: Final = Path("/etc/ck/config.toml")


@attrs.frozen(kw_only=True)
class Defaults:
    """Which driver serves where the user names none.

    `storage` is tried in order; the first that this host supports wins, those first that images or containers are in.
    """

    storage: tuple[str, ...] = ("erofs", "overlay", "vfs")
    content: str = "local"
    volume: str = "local"
    log: str = "local"
    network: str = "bridge"
    resolver: str = "dns"
    runtime: str = "native"
    userns: str = "auto"  # users of its own for each container that can have them; or "host"
    restart: str = "no"
    stop_timeout: int = 10  # seconds
    shutdown_timeout: float = 60.0  # seconds for `ck engine stop --all` to stop all containers
    dependency_timeout: float = 300.0  # seconds that a start waits for what the container depends on


@attrs.frozen(kw_only=True)
class Plugins:
    """What is loaded besides the built-in plugins, and which of those are not."""

    modules: tuple[str, ...] = ()  # import names of further plugin modules
    disable: tuple[str, ...] = ()  # names of built-in or entry-point plugins
    require: tuple[str, ...] = ()  # plugins without which the engine does not start


@attrs.frozen(kw_only=True)
class Journal:
    """How long events are kept: at most so many, and so many seconds."""

    max_events: int = 200_000
    max_age: int = 30 * 24 * 3600


@attrs.frozen(kw_only=True)
class ImageStore:
    """When unused images make way: if the file system of the data root is fuller than `high_watermark`, until it is as
    full as `low_watermark`. Both are percentages ("85%") or sizes ("200GB"), "" for never. An image is safe for
    `min_age` seconds after it was used."""

    high_watermark: str = ""
    low_watermark: str = ""
    min_age: float = 120.0


@attrs.frozen(kw_only=True)
class UserNamespaces:
    """From which IDs of the host, `first` to `last`, each container of `--userns auto` gets `size`. By default the end
    of what systemd leaves to containers (systemd's UIDS-GIDS.md), which user accounts have none of.

    An ID from `size` on, as directory services give them, is in every such container the host's that is higher by
    `others`; 0 for no such IDs."""

    first: int = 0x4000_0000
    last: int = 0x6FFF_FFFF
    size: int = 65536
    others: int = 0x8000_0000

    def __attrs_post_init__(self) -> None:
        if self.others and not self.last < self.others < MAXIMUM - self.size:
            raise InvalidArgument(f"others {self.others} is not between last ({self.last}) and the end of all IDs")


@attrs.frozen(kw_only=True)
class AddressPool:
    """Where new networks get their subnets from: those of length `size` in `base`."""

    base: str
    size: int


@attrs.frozen(kw_only=True)
class Networking:
    """Subnets are chosen clear of the routes that the host has. Where no pool is of IPv6, networks get a subnet of a
    unique local prefix (RFC 4193) that this engine made up for itself."""

    pools: tuple[AddressPool, ...] = (
        AddressPool(base="172.16.0.0/12", size=20),
        AddressPool(base="192.168.0.0/16", size=22),
        AddressPool(base="10.0.0.0/8", size=20),
    )
    ipv6: bool = True  # give networks that do not say otherwise a subnet of IPv6 too


@attrs.frozen(kw_only=True)
class Socket:
    """A further socket, on which less may be done: `[[sockets]]`.

    `group` may connect besides root. `read_only`: nothing may be changed, and of what is in containers only logs are
    seen, with `files` their files too. `label` ("team=ci"): only what has it is seen, and what is made gets it.
    `unprivileged`: no container gets more power over the host than it has by default. `binds` are the directories of
    the host that may be mounted; without it all, or with `unprivileged` none.
    """

    path: Path
    group: str = "ck"
    read_only: bool = False
    files: bool = False
    label: str = ""
    unprivileged: bool = False
    binds: tuple[str, ...] | None = None

    def allowed_binds(self) -> tuple[str, ...] | None:
        """None where every directory may be mounted."""
        return () if self.binds is None and self.unprivileged else self.binds


@attrs.frozen(kw_only=True)
class Config:
    """All settings. `drivers` holds the options of each driver: `[drivers.<kind>.<name>]`."""

    data_root: Path = Path("/var/lib/ck")
    run_root: Path = Path("/run/ck")
    socket: Path | None = None  # None: ck.sock in the run root
    sockets: tuple[Socket, ...] = ()  # further ones, of limited scope
    default: Defaults = Defaults()
    plugins: Plugins = Plugins()
    journal: Journal = Journal()
    networking: Networking = Networking()
    users: UserNamespaces = UserNamespaces()
    images: ImageStore = ImageStore()
    registries: tuple[str, ...] = ("host", "layout", "distribution")  # the order in which they are asked
    driver_deadline: float = 60.0  # seconds for a driver call that should be quick
    cdi_directories: tuple[Path, ...] = (
        Path("/etc/cdi"),
        Path("/var/run/cdi"),
    )  # spec files of --device VENDOR/CLASS=NAME
    labels: tuple[str, ...] = ()  # shown by `ck info`
    drivers: Mapping[str, Mapping[str, Mapping[str, Any]]] = attrs.field(factory=lambda: MappingProxyType({}))

    def socket_path(self) -> Path:
        """Where the API is served."""
        return self.socket or self.run_root / "ck.sock"

    def driver_options(self, kind: str, name: str) -> Mapping[str, Any]:
        """The options table of one driver, empty if the config has none."""
        return self.drivers.get(kind, {}).get(name, {})


_converter = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)
_converter.register_structure_hook(Path, lambda value, _: Path(value))


def parse(text: str, source: str = "the config") -> Config:
    """Read a Config from TOML.

    Raises: InvalidArgument with the offending key or value; *source* names the file in it.
    """
    try:
        return _converter.structure(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"{source} is not valid TOML: {error}") from error
    except cattrs.BaseValidationError as error:
        reasons = cattrs.transform_error(error, path="config", format_exception=_reason)
        raise InvalidArgument(f"{source}: {'; '.join(reasons)}") from error


def _reason(error: BaseException, wanted: type | None) -> str:
    return str(error) if isinstance(error, InvalidArgument) else format_exception(error, wanted)


def load(path: Path | None) -> Config:
    """Read the file at *path*, or the default one, which may be missing. Raises: InvalidArgument."""
    chosen = path or DEFAULT_PATH
    try:
        return parse(chosen.read_text(), str(chosen))
    except FileNotFoundError as error:
        if path is None:
            return Config()
        raise InvalidArgument(f"no config file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"cannot read the config {chosen}: {error}") from error

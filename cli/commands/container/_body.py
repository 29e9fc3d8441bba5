"""From the command line of `run` and `create` to the body of POST /containers/create. What no flag asks for is left
out, so that the engine's own defaults hold; parsers are imported by the flags that need them."""

from __future__ import annotations

import os

from ck.cli.commands.container._limits import limits_of
from ck.cli.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.flags import Args

STREAMS = ("stdin", "stdout", "stderr")

HOST_TEXTS = {
    "cgroup-parent": "CgroupParent",
    "cgroupns": "CgroupnsMode",
    "cidfile": "ContainerIDFile",
    "ipc": "IpcMode",
    "isolation": "Isolation",
    "pid": "PidMode",
    "runtime": "Runtime",
    "userns": "UsernsMode",
    "uts": "UTSMode",
    "volume-driver": "VolumeDriver",
}
HOST_LISTS = {
    "cap-add": "CapAdd",
    "cap-drop": "CapDrop",
    "depends-on": "DependsOn",
    "device-cgroup-rule": "DeviceCgroupRules",
    "dns": "Dns",
    "dns-option": "DnsOptions",
    "dns-search": "DnsSearch",
    "group-add": "GroupAdd",
    "link": "Links",
    "volumes-from": "VolumesFrom",
}
HOST_NUMBERS = {
    "memory-swappiness": "MemorySwappiness",
    "oom-score-adj": "OomScoreAdj",
}
HOST_SWITCHES = {
    "init": "Init",
    "oom-kill-disable": "OomKillDisable",
    "oom-kill-group": "OomKillGroup",
    "privileged": "Privileged",
    "publish-all": "PublishAllPorts",
    "read-only": "ReadonlyRootfs",
    "rm": "AutoRemove",
}
HOST_MAPS = {"annotation": "Annotations", "storage-opt": "StorageOpt", "sysctl": "Sysctls"}
HEALTH_DURATIONS = {
    "health-interval": "Interval",
    "health-timeout": "Timeout",
    "health-start-period": "StartPeriod",
    "health-start-interval": "StartInterval",
}
HEALTH_TESTS = {"health-cmd": "CMD-SHELL", "health-http": "HTTP", "health-tcp": "TCP"}
HEALTH_FLAGS = (*HEALTH_TESTS, "health-retries", *HEALTH_DURATIONS)


def create_body(args: Args) -> dict[str, Any]:
    """The request body. Raises: UsageError, exit code 125."""
    image, *command = args.words
    body: dict[str, Any] = {"Image": image}
    if command:
        body["Cmd"] = command
    if args.given("entrypoint"):
        # An empty one is a list of one empty word: it clears the image's.
        body["Entrypoint"] = [args.text("entrypoint")]
    for flag, key in (
        ("domainname", "Domainname"),
        ("hostname", "Hostname"),
        ("mac-address", "MacAddress"),
        ("stop-signal", "StopSignal"),
        ("user", "User"),
        ("workdir", "WorkingDir"),
    ):
        if value := args.text(flag):
            body[key] = value
    if args.given("stop-timeout"):
        body["StopTimeout"] = args.number("stop-timeout")
    body |= _streams(args)
    body |= _key_values(args)
    if health := _healthcheck(args):
        body["Healthcheck"] = health
    host = _host(args)
    _volumes(args, body, host)
    _ports(args, body, host)
    _networks(args, body, host)
    body["HostConfig"] = host
    return body


def _streams(args: Args) -> dict[str, Any]:
    attach = [stream.lower() for stream in args.texts("attach")]
    for stream in attach:
        if stream not in STREAMS:
            raise args.invalid("attach", stream, "valid streams are STDIN, STDOUT and STDERR")
    interactive = args.on("interactive")
    if not attach:
        attach = [*(["stdin"] if interactive else []), "stdout", "stderr"]
    return {
        "AttachStdin": "stdin" in attach,
        "AttachStdout": "stdout" in attach,
        "AttachStderr": "stderr" in attach,
        "Tty": args.on("tty"),
        "OpenStdin": interactive,
        "StdinOnce": interactive and "stdin" in attach,
    }


def _key_values(args: Args) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if args.given("env") or args.given("env-file"):
        result["Env"] = environment_of(args)
    if args.given("label") or args.given("label-file"):
        from ck.cli.options.environment import pairs, parse_label_file

        labels = []
        for path in args.texts("label-file"):
            labels += args.convert("label-file", path, lambda each: parse_label_file(read_text(each)))
        result["Labels"] = pairs(labels) | _merged(args, "label", pairs)
    return result


def environment_of(args: Args) -> list[str]:
    """`--env-file` and `-e`, in this order, whatever the order on the command line. Raises: UsageError."""
    from ck.cli.options.environment import environment, parse_env_file

    variables = []
    for path in args.texts("env-file"):
        variables += args.convert("env-file", path, lambda each: parse_env_file(read_text(each), os.environ))
    for each in args.texts("env"):
        variables += args.convert("env", each, lambda one: environment([one], os.environ))
    return variables


def read_text(path: str) -> str:
    """The text of a file that an option names; what is not UTF-8 passes through. Raises: ValueError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        raise ValueError(error.strerror) from None


def _merged(args: Args, flag: str, parse: Any) -> dict[str, str]:
    result: dict[str, str] = {}
    for value in args.texts(flag):
        result |= args.convert(flag, value, lambda one: parse([one]))
    return result


def _healthcheck(args: Args) -> dict[str, Any] | None:
    given = [flag for flag in HEALTH_FLAGS if args.given(flag)]
    if args.on("no-healthcheck"):
        if given:
            raise UsageError("--no-healthcheck conflicts with --health-* options", 125)
        return {"Test": ["NONE"]}
    if not given:
        return None
    from ck.cli.options.durations import parse_duration

    health: dict[str, Any] = {}
    if len(tests := [flag for flag in HEALTH_TESTS if args.text(flag)]) > 1:
        raise UsageError(f"conflicting options: --{tests[0]} and --{tests[1]}", 125)
    for flag in tests:
        health["Test"] = [HEALTH_TESTS[flag], args.text(flag)]
    for flag, key in HEALTH_DURATIONS.items():
        if args.given(flag):
            value = args.convert(flag, args.text(flag), parse_duration)
            if value < 0:
                raise UsageError(f"--{flag} cannot be negative", 125)
            health[key] = value
    if args.given("health-retries"):
        if (retries := args.number("health-retries")) < 0:
            raise UsageError("--health-retries cannot be negative", 125)
        health["Retries"] = retries
    return health


def _host(args: Args) -> dict[str, Any]:
    host: dict[str, Any] = {key: args.text(flag) for flag, key in HOST_TEXTS.items() if args.given(flag)}
    host |= {key: args.texts(flag) for flag, key in HOST_LISTS.items() if args.given(flag)}
    host |= {key: args.number(flag) for flag, key in HOST_NUMBERS.items() if args.given(flag)}
    host |= {key: args.on(flag) for flag, key in HOST_SWITCHES.items() if args.given(flag)}
    for flag, key in HOST_MAPS.items():
        if args.given(flag):
            from ck.cli.options.environment import strict_pairs

            host[key] = _merged(args, flag, strict_pairs)
    host |= limits_of(args)
    if args.given("shm-size"):
        from ck.cli.options.sizes import parse_bytes

        host["ShmSize"] = args.convert("shm-size", args.text("shm-size"), parse_bytes)
    if args.given("log-driver") or args.given("log-opt"):
        from ck.cli.options.environment import strict_pairs

        host["LogConfig"] = {"Type": args.text("log-driver"), "Config": _merged(args, "log-opt", strict_pairs)}
    if any(args.given(flag) for flag in ("device", "ulimit", "add-host", "security-opt")):
        _parsed_host_options(args, host)
    if any(args.given(flag) for flag in ("restart", "restart-backoff", "on-unhealthy")):
        host["RestartPolicy"] = _restart(args)
    return host


def _restart(args: Args) -> dict[str, Any]:
    from ck.cli.options.restart import ON_UNHEALTHY, parse_backoff, parse_restart

    policy = args.convert("restart", args.text("restart"), parse_restart)
    if args.given("restart-backoff"):
        policy["Backoff"] = args.convert("restart-backoff", args.text("restart-backoff"), parse_backoff)
    if args.given("on-unhealthy"):
        policy["OnUnhealthy"] = args.choice("on-unhealthy", ON_UNHEALTHY)
    if args.on("rm") and (policy["Name"] not in {"", "no"} or policy.get("OnUnhealthy") == "restart"):
        flag = "restart" if policy["Name"] not in {"", "no"} else "on-unhealthy=restart"
        raise UsageError(f"conflicting options: cannot specify both --{flag} and --rm", 125)
    return policy


def _parsed_host_options(args: Args, host: dict[str, Any]) -> None:
    from ck.cli.options.host import is_cdi, parse_device, parse_host, parse_security, parse_ulimit

    if args.given("device"):
        host["Devices"] = [
            args.convert("device", each, parse_device) for each in args.texts("device") if not is_cdi(each)
        ]
        if cdi := [each for each in args.texts("device") if is_cdi(each)]:
            host["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": cdi}]
    if args.given("ulimit"):
        host["Ulimits"] = args.parsed("ulimit", parse_ulimit)
    if args.given("add-host"):
        host["ExtraHosts"] = args.parsed("add-host", parse_host)
    if security := args.parsed("security-opt", parse_security):
        if "systempaths=unconfined" in security:
            security.remove("systempaths=unconfined")
            host |= {"MaskedPaths": [], "ReadonlyPaths": []}
        host["SecurityOpt"] = security


def _volumes(args: Args, body: dict[str, Any], host: dict[str, Any]) -> None:
    if not any(args.given(flag) for flag in ("volume", "mount", "tmpfs")):
        return
    from ck.cli.options.volumes import parse_mount, parse_tmpfs, parse_volume

    volumes = args.parsed("volume", parse_volume)
    if binds := [bind for bind, _ in volumes if bind]:
        host["Binds"] = binds
    if anonymous := [path for _, path in volumes if path]:
        body["Volumes"] = {path: {} for path in anonymous}
    if mounts := args.parsed("mount", parse_mount):
        host["Mounts"] = mounts
    if tmpfs := args.parsed("tmpfs", parse_tmpfs):
        host["Tmpfs"] = dict(tmpfs)


def _ports(args: Args, body: dict[str, Any], host: dict[str, Any]) -> None:
    if not args.given("publish") and not args.given("expose"):
        return
    from ck.cli.options.ports import parse_expose, parse_publish

    published = [pair for pairs in args.parsed("publish", parse_publish) for pair in pairs]
    exposed = [port for ports in args.parsed("expose", parse_expose) for port in ports]
    body["ExposedPorts"] = {port: {} for port in [*(port for port, _ in published), *exposed]}
    bindings: dict[str, list[dict[str, str]]] = {}
    for port, binding in published:
        bindings.setdefault(port, []).append(binding)
    host["PortBindings"] = bindings


def _networks(args: Args, body: dict[str, Any], host: dict[str, Any]) -> None:
    wanted = [*args.texts("network"), *args.texts("net")]
    single = any(args.given(flag) for flag in ("network-alias", "ip", "ip6", "link-local-ip", "mac-address"))
    if not wanted and not single:
        return
    from ck.cli.options.host import parse_network

    networks = [args.convert("network", each, parse_network) for each in wanted] or [("default", {})]
    mode, first = networks[0]
    host["NetworkMode"] = mode
    if single:
        _endpoint(args, first)
    if len(networks) > 1 or first:
        body["NetworkingConfig"] = {"EndpointsConfig": dict(networks)}


def _endpoint(args: Args, endpoint: dict[str, Any]) -> None:
    """The flags that speak of the first network."""
    if aliases := args.texts("network-alias"):
        endpoint.setdefault("Aliases", []).extend(aliases)
    if mac := args.text("mac-address"):
        endpoint["MacAddress"] = mac
    addresses = {
        "IPv4Address": args.text("ip"),
        "IPv6Address": args.text("ip6"),
        "LinkLocalIPs": args.texts("link-local-ip"),
    }
    if given := {key: value for key, value in addresses.items() if value}:
        endpoint.setdefault("IPAMConfig", {}).update(given)

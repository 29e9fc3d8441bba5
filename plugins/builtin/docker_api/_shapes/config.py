"""ContainerConfig and the API's object of the same name. Pure."""

from typing import Final

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.plugins.builtin.docker_api._shapes.codec import (
    COMMAND,
    FLAG,
    KEYS,
    KEYS_OR_NULL,
    MAYBE_NUMBER,
    NUMBER,
    TEXT,
    TEXT_MAP,
    WORDS,
    WORDS_OR_NULL,
    Codec,
    Field,
    Json,
    Table,
    expect_object,
)

HEALTHCHECK: Final = Table(
    Field("Test", "test", WORDS),
    Field("Interval", "interval", NUMBER),
    Field("Timeout", "timeout", NUMBER),
    Field("StartPeriod", "start_period", NUMBER),
    Field("StartInterval", "start_interval", NUMBER),
    Field("Retries", "retries", NUMBER),
)


def _load_healthcheck(value: object, name: str) -> HealthcheckConfig | None:
    check = HealthcheckConfig(**HEALTHCHECK.load(expect_object(value, name), f"{name}."))
    # One that says nothing inherits all, and that is what none does.
    return check if check != HealthcheckConfig() else None


def _dump_healthcheck(value: HealthcheckConfig | None) -> Json | None:
    if value is None:
        return None
    # Go leaves zeros out of this object.
    return {key: field for key, field in HEALTHCHECK.dump(value).items() if field}


CONFIG: Final = Table(
    Field("Hostname", "hostname", TEXT),
    Field("Domainname", "domainname", TEXT),
    Field("User", "user", TEXT),
    Field("AttachStdin", "attach_stdin", FLAG),
    Field("AttachStdout", "attach_stdout", FLAG),
    Field("AttachStderr", "attach_stderr", FLAG),
    Field("ExposedPorts", "exposed_ports", KEYS),
    Field("Tty", "tty", FLAG),
    Field("OpenStdin", "open_stdin", FLAG),
    Field("StdinOnce", "stdin_once", FLAG),
    Field("Env", "env", WORDS),
    Field("Cmd", "cmd", COMMAND),
    Field("Healthcheck", "healthcheck", Codec(_load_healthcheck, _dump_healthcheck)),
    Field("Image", "image", TEXT),
    Field("Volumes", "volumes", KEYS_OR_NULL),
    Field("WorkingDir", "working_dir", TEXT),
    Field("Entrypoint", "entrypoint", COMMAND),
    Field("OnBuild", "on_build", WORDS_OR_NULL),
    Field("Labels", "labels", TEXT_MAP),
    Field("StopSignal", "stop_signal", TEXT),
    Field("StopTimeout", "stop_timeout", MAYBE_NUMBER),
    Field("Shell", "shell", COMMAND),
    ignored=("ArgsEscaped",),  # Windows: how the image's command was quoted
)

_OMITTED_WHEN_EMPTY: Final = ("ExposedPorts", "Healthcheck", "StopSignal", "StopTimeout", "Shell")


def config_json(config: ContainerConfig) -> Json:
    """As `inspect` shows it."""
    json = CONFIG.dump(config)
    for key in _OMITTED_WHEN_EMPTY:
        if json[key] is None or json[key] in ("", {}):
            del json[key]
    return json

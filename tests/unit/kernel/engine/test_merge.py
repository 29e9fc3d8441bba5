"""What a request and its image make together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.engine.merge import command_line, merge_config, merge_env
from ck.kernel.errors import InvalidArgument

IMAGE = ContainerConfig(
    entrypoint=("/entry",),
    cmd=("serve",),
    env=("PATH=/bin", "A=1"),
    labels={"a": "image", "b": "image"},
    volumes=("/data",),
    user="www",
    working_dir="/srv",
)


@pytest.mark.parametrize(
    ("request_config", "line"),
    [
        (ContainerConfig(), ("/entry", "serve")),
        (ContainerConfig(cmd=("x",)), ("/entry", "x")),
        (ContainerConfig(entrypoint=("/other",)), ("/other",)),
        (ContainerConfig(entrypoint=("/other",), cmd=("y",)), ("/other", "y")),
        (ContainerConfig(entrypoint=("",), cmd=("sh",)), ("sh",)),
    ],
)
def test_entrypoint_and_command(request_config: ContainerConfig, line: tuple[str, ...]) -> None:
    assert command_line(merge_config(request_config, IMAGE)) == line


@pytest.mark.parametrize("config", [ContainerConfig(), ContainerConfig(cmd=("",)), ContainerConfig(cmd=("a\0b",))])
def test_a_command_that_cannot_be_run_is_refused(config: ContainerConfig) -> None:
    with pytest.raises(InvalidArgument):
        command_line(merge_config(config, ContainerConfig()))


def test_the_request_wins() -> None:
    merged = merge_config(ContainerConfig(labels={"a": "mine"}, user="me", volumes=("/x",), env=("A=2", "B=")), IMAGE)
    assert merged.labels == {"a": "mine", "b": "image"}
    assert (merged.user, merged.working_dir) == ("me", "/srv")
    assert merged.volumes == ("/data", "/x")
    assert merged.env == ("PATH=/bin", "A=2", "B=")


def test_health_checks_inherit_field_by_field() -> None:
    image = ContainerConfig(healthcheck=HealthcheckConfig(test=("CMD", "x"), interval=5, retries=2))
    merged = merge_config(ContainerConfig(healthcheck=HealthcheckConfig(retries=7)), image)
    assert merged.healthcheck == HealthcheckConfig(test=("CMD", "x"), interval=5, retries=7)


NAMES = st.sampled_from(["A", "B", "C"])
ENTRIES = st.builds(lambda name, value: f"{name}={value}", NAMES, st.text("xyz=", max_size=3))


@given(st.lists(ENTRIES), st.lists(st.one_of(ENTRIES, NAMES)))
def test_env_is_a_dict_that_keeps_its_order(lower: list[str], upper: list[str]) -> None:
    model: dict[str, str] = {}
    for entry in lower + upper:
        name, assigns, value = entry.partition("=")
        if assigns:
            model[name] = value
        else:
            model.pop(name, None)
    assert merge_env(lower, upper) == tuple(f"{name}={value}" for name, value in model.items())


@pytest.mark.parametrize("entry", ["", "=x", "A=\0"])
def test_env_that_is_none(entry: str) -> None:
    with pytest.raises(InvalidArgument):
        merge_env((), (entry,))

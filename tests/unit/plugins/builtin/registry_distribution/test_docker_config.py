"""Docker's config.json."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_distribution._docker_config import (
    from_helper,
    helper_for,
    hostname,
    read_config,
    server_key,
    stored,
)

ANN = Credentials(username="ann", password="pa:ss")
AUTH = base64.b64encode(b"ann:pa:ss").decode()


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://registry.lan/v2/", "registry.lan"),
        ("registry.lan:5000", "registry.lan:5000"),
    ],
)
def test_stored_under_any_spelling(key: str, registry: str) -> None:
    assert hostname(key) == registry
    assert stored({"auths": {"else.where": {"auth": "!"}, key: {"auth": AUTH}}}, registry) == ANN


def test_the_exact_key_wins() -> None:
    other = base64.b64encode(b"bob:x").decode()
    config = {"auths": {"https://lan/v1/": {"auth": other}, "lan": {"auth": AUTH}}}
    assert stored(config, "lan") == ANN


def test_other_forms() -> None:
    assert stored({"auths": {"lan": {"auth": AUTH, "identitytoken": "t"}}}, "lan") == Credentials(identity_token="t")
    assert stored({"auths": {"lan": {"username": "ann", "password": "pa:ss"}}}, "lan") == ANN
    assert stored({"auths": {"lan": {}}}, "lan") is None
    assert stored({}, "lan") is None
    with pytest.raises(InvalidArgument, match="not base64"):
        stored({"auths": {"lan": {"auth": "%%"}}}, "lan")


def test_helpers() -> None:
    config = {"credsStore": "pass", "credHelpers": {"https://lan/": "ecr-login"}}
    assert helper_for(config, "lan") == "docker-credential-ecr-login"
    assert helper_for(config, "docker.io") == "docker-credential-pass"
    assert helper_for({}, "lan") is None
    with pytest.raises(InvalidArgument, match=r"'\.\./x'"):
        helper_for({"credsStore": "../x"}, "lan")
    assert server_key("docker.io") == "https://index.docker.io/v1/"
    assert from_helper(b'{"Username": "ann", "Secret": "pa:ss"}', "h") == ANN
    assert from_helper(b'{"Username": "<token>", "Secret": "t"}', "h") == Credentials(identity_token="t")
    with pytest.raises(InvalidArgument, match="no user name"):
        from_helper(b"{}", "h")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([AUTH, "lan"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["lan", "auth", "username"]), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["auths", "credsStore", "credHelpers"]), values))
def test_hostile_files_do_not_crash(config: dict[str, object]) -> None:
    for call in (stored, helper_for):
        try:
            call(config, "lan")
        except InvalidArgument as error:
            assert str(error)


@settings(deadline=None)
@given(st.binary(max_size=30))
def test_hostile_bytes_do_not_crash(raw: bytes) -> None:
    try:
        assert isinstance(read_config(raw, "x"), dict)
    except InvalidArgument as error:
        assert "x" in str(error)

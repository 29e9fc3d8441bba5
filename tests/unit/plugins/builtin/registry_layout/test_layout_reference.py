"""References to images in files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_layout._reference import claims, parse


@pytest.mark.parametrize(
    ("typed", "normalized"),
    [
        ("oci:/a/b", "oci:/a/b:latest"),
        ("oci:/a/b:", "oci:/a/b:latest"),
        ("oci:/a/../b/:v1", "oci:/b:v1"),
        ("docker-archive:/x.tar", "docker-archive:/x.tar:latest"),
        ("docker-archive:/x.tar:ubuntu", "docker-archive:/x.tar:ubuntu:latest"),
        ("docker-archive:/x.tar:ubuntu:20.04", "docker-archive:/x.tar:ubuntu:20.04"),
        ("docker-archive:/x.tar:localhost:5000/a/b", "docker-archive:/x.tar:localhost:5000/a/b:latest"),
        ("docker-archive:/x.tar:localhost:5000/a/b:1", "docker-archive:/x.tar:localhost:5000/a/b:1"),
    ],
)
def test_normalized(typed: str, normalized: str) -> None:
    assert str(parse(typed)) == normalized
    assert str(parse(normalized)) == normalized


@pytest.mark.parametrize("typed", ["oci:a", "oci:", "docker-archive:x.tar", "oci:/a:b/c", "oci:/a:b:c", "oci:/a\nb"])
def test_refused(typed: str) -> None:
    assert claims(typed)
    with pytest.raises(InvalidArgument):
        parse(typed)


@pytest.mark.parametrize("typed", ["oci", "ubuntu", "docker.io/oci:1", "host/sh", "OCI:/a"])
def test_left_to_other_drivers(typed: str) -> None:
    assert not claims(typed)


@settings(deadline=None)
@given(st.sampled_from(["oci:/", "docker-archive:/"]), st.text(max_size=30) | st.text("a/:.-", max_size=20))
def test_any_text_is_a_reference_or_a_sentence(start: str, rest: str) -> None:
    try:
        reference = parse(start + rest)
    except InvalidArgument as error:
        assert str(error).isprintable()
    else:
        assert parse(str(reference)) == reference

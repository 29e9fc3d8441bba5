"""References to programs of this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_host._reference import Reference
from ck.plugins.builtin.registry_host.driver import HostRegistry

NAMES = st.text(min_size=1).filter(lambda name: not set(name) & set("/@:\0") and name not in (".", ".."))


DIGESTS = st.just("") | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@given(NAMES, DIGESTS)
def test_every_reference_makes_the_round_trip(name: str, digest: str) -> None:
    reference = Reference(name, digest)
    assert Reference.parse(str(reference)) == Reference.parse(reference.familiar) == reference


@given(NAMES, DIGESTS)
def test_normalize_is_idempotent(name: str, digest: str) -> None:
    driver = HostRegistry()
    once = driver.normalize(str(Reference(name, digest)))
    assert driver.normalize(once) == driver.normalize(driver.familiar(once)) == once
    assert driver.claims(once)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("host/sh:3.1", "has a tag"),
        ("host/sh:", "has a tag"),
        ("host/sh:latest:latest", "has a tag"),
        ("host/sh@sha256:00", "invalid digest"),
        ("host/", "names no program"),
        ("host/usr/bin/sh", "names no program"),
        ("host/..", "names no program"),
        ("host/a\0b", "names no program"),
    ],
)
def test_what_names_no_program_is_refused(reference: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Reference.parse(reference)


@pytest.mark.parametrize("reference", ["sh", "hosts/sh", "docker.io/host/sh", "oci:host/sh"])
def test_other_references_are_for_other_drivers(reference: str) -> None:
    assert not HostRegistry().claims(reference)

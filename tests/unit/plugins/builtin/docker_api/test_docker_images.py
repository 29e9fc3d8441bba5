"""Which image stands on which, what they share, and under which names they are listed."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.image import Image
from ck.plugins.builtin.docker_api._shapes.image import as_referred, parents, shared_sizes


def image(name: str, *chain: str, day: int = 1) -> Image:
    return Image(
        id=name,
        chain_ids=chain,
        layer_sizes=(10,) * len(chain),
        created=datetime(2026, 1, day, tzinfo=UTC),
        tags=(name,),
    )


def test_an_image_stands_on_the_one_with_most_of_its_layers() -> None:
    base, young = image("base", "1", day=2), image("young", "1", day=3)
    middle, top = image("middle", "1", "12"), image("top", "1", "12", "123", "1234")
    assert parents([young, base, middle, top, image("other", "9"), image("empty")]) == {
        "middle": "base",
        "top": "middle",
    }
    assert parents([top, base]) == {"top": "base"}
    assert shared_sizes([base, middle, top]) == {"base": 10, "middle": 20, "top": 20}


CHAINS = st.lists(st.sampled_from("ab"), max_size=4).map(
    lambda letters: tuple("".join(letters[: end + 1]) for end in range(len(letters)))
)


@given(st.lists(CHAINS, max_size=6))
def test_a_parent_has_the_lowest_layers_of_its_child(chains: list[tuple[str, ...]]) -> None:
    images = {f"{number}": image(f"{number}", *chain) for number, chain in enumerate(chains)}
    for child, parent in parents(list(images.values())).items():
        below, above = images[parent].chain_ids, images[child].chain_ids
        assert 0 < len(below) < len(above) and above[: len(below)] == below


def test_only_the_names_that_were_asked_for_are_listed() -> None:
    one = Image(id="x", tags=("a:1", "a:2", "b:1"), digests=("a@sha256:1", "b@sha256:2"))
    assert as_referred(one, {}, str) == one
    found = as_referred(one, {"reference": ["a"]}, str)
    assert (found.tags, found.digests) == (("a:1", "a:2"), ("a@sha256:1",))
    found = as_referred(one, {"reference": ["b:*", "a:2"]}, str)
    assert (found.tags, found.digests) == (("a:2", "b:1"), ())

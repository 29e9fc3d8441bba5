"""The guess at what was meant, and the line that an error gets."""

import pytest

from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean, on_line
from ck.kernel.errors import InvalidArgument

KNOWN = ("RUN", "COPY", "ENTRYPOINT", "ENV")


@pytest.mark.parametrize(
    ("word", "guess"),
    [("RNU", "RUN"), ("copi", "COPY"), ("ENTRYPONT", "ENTRYPOINT"), ("ENVV", "ENV"), ("HEALTH", ""), ("x" * 50, "")],
)
def test_the_nearest_word_is_guessed(word: str, guess: str) -> None:
    assert did_you_mean(word, KNOWN) == (f" (did you mean {guess}?)" if guess else "")
    assert did_you_mean(word, ()) == ""


def test_an_error_keeps_the_line_that_it_has() -> None:
    with pytest.raises(InvalidArgument, match=r"^dockerfile parse error on line 3: x$"), on_line(4), on_line(3):
        raise DockerfileError("x")
    assert str(DockerfileError("x")) == "dockerfile parse error: x"

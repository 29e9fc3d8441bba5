"""Image references: Docker's defaults, Docker's sentences, and the laws between normalize and familiar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_distribution._reference import familiar, parse

DIGEST = "sha256:" + "a" * 64

words = st.from_regex(r"[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}", fullmatch=True)
paths = st.lists(words, min_size=1, max_size=3).map("/".join)
hosts = st.sampled_from(
    ["", "docker.io/", "index.docker.io/", "localhost/", "localhost:5000/", "[::1]:5000/", "ghcr.io/"]
)
hosts |= st.from_regex(r"[a-zA-Z0-9]{1,5}(\.[a-zA-Z0-9]{1,5}){1,2}(:[0-9]{1,5})?/", fullmatch=True)
tags = st.from_regex(r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?", fullmatch=True)
digests = st.sampled_from(["", f"@{DIGEST}", "@sha512:" + "0" * 128])
# Without a host, a first part with a dot would be taken for one, of which it need not have the form.
names = st.tuples(hosts, paths).filter(lambda name: name[0] or "/" not in name[1] or "." not in name[1].split("/")[0])
references = st.tuples(names.map("".join), tags, digests).map("".join)


@pytest.mark.parametrize(
    ("typed", "normalized", "short"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("ubuntu:20.04", "docker.io/library/ubuntu:20.04", "ubuntu:20.04"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("index.docker.io/library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000/a/b:latest"),
        ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
        ("Registry/x", "Registry/x:latest", "Registry/x:latest"),
        ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"),
        (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
        (f"ghcr.io/a/b:1@{DIGEST}", f"ghcr.io/a/b:1@{DIGEST}", f"ghcr.io/a/b:1@{DIGEST}"),
    ],
)
def test_defaults(typed: str, normalized: str, short: str) -> None:
    assert str(parse(typed)) == normalized
    assert familiar(normalized) == short


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("UBUNTU", "invalid reference format: repository name (library/UBUNTU) must be lowercase"),
        ("a/B:C", "invalid reference format: repository name (a/B) must be lowercase"),
        ("a" * 64, f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings"),
        ("", "invalid reference format: ''"),
        ("a b", "invalid reference format: 'a b'"),
        ("ubuntu:", "invalid reference format: 'ubuntu:'"),
        ("ubuntu\n", "invalid reference format: 'ubuntu\\n'"),
        ("../x", "invalid reference format: '../x'"),
        ("a//b", "invalid reference format: 'a//b'"),
        ("x:" + "t" * 129, f"invalid reference format: {'x:' + 't' * 129!r}"),
        ("-x.com/y", "invalid reference format: '-x.com/y'"),
        ("a.b:port/x", "invalid reference format: 'a.b:port/x'"),
        ("x@sha256:0", "invalid digest 'sha256:0': expected sha256:<64 hex digits> or sha512:<128 hex digits>"),
        ("x@", "invalid digest '': expected sha256:<64 hex digits> or sha512:<128 hex digits>"),
        ("a/" * 127 + "b", "invalid reference format: repository name must not be more than 255 characters"),
    ],
)
def test_sentences(typed: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(typed)
    assert str(caught.value) == sentence


@settings(deadline=None)
@given(references)
def test_normalize_is_idempotent_and_familiar_loses_nothing(typed: str) -> None:
    normalized = str(parse(typed))
    assert str(parse(normalized)) == normalized
    assert str(parse(familiar(normalized))) == normalized
    assert len(familiar(normalized)) <= len(normalized)


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="aA.:/@-_[]0\n", max_size=40))
def test_any_text_is_a_reference_or_a_sentence(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidArgument as error:
        assert str(error)
    else:
        assert reference.target
        assert str(parse(str(reference))) == str(reference)

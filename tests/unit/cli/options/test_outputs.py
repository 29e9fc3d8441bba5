"""Where the result of a build goes, as users write it."""

import pytest

from ck.cli.options.outputs import STDOUT, parse_output


@pytest.mark.parametrize(
    ("text", "kind", "path", "names", "push"),
    [
        ("out", "local", "out", [], False),
        ("-", "tar", STDOUT, [], False),
        ("type=local,dest=out", "local", "out", [], False),
        ("type=tar", "tar", STDOUT, [], False),
        ("type=tar,dst=a.tar", "tar", "a.tar", [], False),
        ("type=oci", "oci", STDOUT, [], False),
        ("type=docker", "docker", "", [], False),
        ("type=docker,dest=-,name=a", "docker", STDOUT, ["a"], False),
        ("dest=a.tar,type=docker", "docker", "a.tar", [], False),
        ("type=image", "image", "", [], False),
        ("type=image,name=a,push=true", "image", "", ["a"], True),
        ("type=image,name=a,push=0", "image", "", ["a"], False),
        ('type=image,"name=a,b:5/c:1",push=true', "image", "", ["a", "b:5/c:1"], True),
        ("type=registry,name=a", "registry", "", ["a"], True),
    ],
)
def test_outputs(text: str, kind: str, path: str, names: list[str], push: bool) -> None:
    output = parse_output(text)
    assert (output.kind, output.path, output.names, output.push) == (kind, path, names, push)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("type=cacheonly", "type must be one of local, tar, docker, oci, image, registry"),
        ("dest=a", "type must be one of"),
        ("type=local", "type=local needs dest=DIRECTORY"),
        ("type=local,dest=-", "type=local needs dest=DIRECTORY"),
        ("type=image,name=a,compression=zstd", "type=image takes name and push, not compression"),
        ("type=image,dest=a", "type=image takes name and push, not dest"),
        ("type=tar,dest=a,name=b", "type=tar takes dest, not name"),
        ("type=tar,dest=a,dst=b", "dest is given more than once"),
        ("type=image,name=a,b", "b is not of the form KEY=VALUE"),
        ("type=image,push=perhaps", "push must be true or false, not perhaps"),
        ('type=image,"name=a', "a quote is not closed"),
    ],
)
def test_what_is_no_output(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_output(text)

"""`ck images --tree`: the lines of the table."""

from typing import Any

from ck.cli.commands.image._tree import tree


def image(name: str, parent: str, size: int) -> dict[str, Any]:
    return {
        "Id": f"sha256:{name * 64}",
        "ParentId": parent and f"sha256:{parent * 64}",
        "Size": size,
        "RepoTags": [name],
    }


def test_images_stand_below_what_they_stand_on() -> None:
    images = [image("c", "b", 350), image("b", "a", 300), image("a", "", 100), image("d", "a", 100), image("e", "x", 5)]
    images[3]["RepoTags"] = None
    images[1]["RepoTags"] = ["b:1", "b:2"]
    assert [line.rstrip() for line in tree(images, full=False)] == [
        "IMAGE         IMAGE ID       SIZE      OF ITS OWN",
        "a             aaaaaaaaaaaa   100B      100B",
        "├─ <none>     dddddddddddd   100B      0B",
        "└─ b:1, b:2   bbbbbbbbbbbb   300B      200B",
        "   └─ c       cccccccccccc   350B      50B",
        "e             eeeeeeeeeeee   5B        5B",
    ]


def test_nothing() -> None:
    assert tree([], full=True) == ["IMAGE     IMAGE ID   SIZE      OF ITS OWN"]

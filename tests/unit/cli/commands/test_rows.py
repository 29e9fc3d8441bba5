"""What lists make of the API's records."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.commands.container._row import container_row, ports_text
from ck.cli.commands.image.ls import image_rows
from ck.cli.commands.system.df import summary
from ck.cli.commands.system.events import event_text


def port(private: int, public: int = 0, ip: str = "", kind: str = "tcp") -> dict[str, Any]:
    return {"PrivatePort": private, "Type": kind} | ({"PublicPort": public, "IP": ip} if public else {})


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([], ""),
        ([port(80)], "80/tcp"),
        ([port(80, 8080, "0.0.0.0"), port(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"),
        ([port(81), port(80), port(82)], "80-82/tcp"),
        ([port(80, 8000, "0.0.0.0"), port(81, 8001, "0.0.0.0")], "0.0.0.0:8000-8001->80-81/tcp"),
        ([port(80, 8000, "0.0.0.0"), port(81, 9001, "0.0.0.0")], "0.0.0.0:8000->80/tcp, 0.0.0.0:9001->81/tcp"),
        ([port(53, kind="udp"), port(53)], "53/tcp, 53/udp"),
    ],
)
def test_ports(ports: list[dict[str, Any]], text: str) -> None:
    assert ports_text(ports) == text


@given(st.sets(st.integers(1, 40)))
def test_ranges_cover_exactly_the_ports(numbers: set[int]) -> None:
    text = ports_text([port(number) for number in numbers])
    shown: set[int] = set()
    for part in filter(None, text.split(", ")):
        first, _, last = part.removesuffix("/tcp").partition("-")
        shown |= set(range(int(first), int(last or first) + 1))
    assert shown == numbers


def test_container() -> None:
    row = container_row(
        {
            "Id": "0123456789abcdef" * 4,
            "Names": ["/web", "/other/link"],
            "Image": "sha256:" + "ab" * 32,
            "Command": "sh -c 'sleep 1000; true'",
            "Created": 0,
            "State": "running",
            "Status": "Up 2 minutes",
            "Labels": {"b": "2", "a": "1"},
            "SizeRw": 1000,
            "SizeRootFs": 2_000_000,
            "Mounts": [{"Name": "a-very-long-volume-name", "Driver": "local"}],
            "NetworkSettings": {"Networks": {"none": {}}},
        },
        full=False,
    )
    assert row["ID"] == "0123456789ab" and row["Names"] == "web" and row["Image"] == "ab" * 6
    assert row["Command"] == '"sh -c \'sleep 1000; …"'
    assert row["Labels"] == "a=1,b=2" and row["Size"] == "1kB (virtual 2MB)"
    assert row["Mounts"] == "a-very-long-vo…" and row["LocalVolumes"] == "1" and row["Networks"] == "none"


def test_images() -> None:
    image = {
        "Id": "sha256:" + "ab" * 32,
        "Created": 0,
        "Size": 5_000_000,
        "RepoTags": ["a:1", "reg:5000/b:2"],
        "RepoDigests": ["a@sha256:11"],
    }
    rows = [(row["Repository"], row["Tag"], row["Digest"]) for row in image_rows(image, full=False, digests=True)]
    assert rows == [("a", "1", "sha256:11"), ("reg:5000/b", "2", "<none>")]
    bare = list(image_rows({**image, "RepoTags": None, "RepoDigests": None}, full=False, digests=False))
    assert [(row["Repository"], row["Tag"]) for row in bare] == [("<none>", "<none>")]
    assert bare[0]["ID"] == "ab" * 6 and bare[0]["Size"] == "5MB" and bare[0]["CreatedSince"] == "N/A"
    assert bare[0]["CreatedAt"] == "N/A"


def test_disk_usage() -> None:
    rows = summary(
        {
            "LayersSize": 1000,
            "ck": {"ImagesReclaimable": 400},
            "Images": [
                {"Size": 600, "SharedSize": 0, "Containers": 1},
                {"Size": 400, "SharedSize": 0, "Containers": 0},
            ],
            "Containers": [{"State": "running", "SizeRw": 10}, {"State": "exited", "SizeRw": 30}],
            "Volumes": [{"UsageData": {"Size": 50, "RefCount": 0}}, {"UsageData": {"Size": -1, "RefCount": 1}}],
            "BuildCache": [
                {"Size": 1000, "Shared": True, "InUse": False},
                {"Size": 30, "Shared": False, "InUse": True},
                {"Size": 10, "Shared": False, "InUse": False},
            ],
        }
    )
    assert [(row["TotalCount"], row["Active"], row["Size"], row["Reclaimable"]) for row in rows] == [
        ("2", "1", "1kB", "400B (40%)"),
        ("2", "1", "40B", "30B (75%)"),
        ("2", "1", "50B", "50B (100%)"),
        ("3", "2", "40B", "10B (25%)"),
    ]


def test_event(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "abc", "Attributes": {"name": "x", "exitCode": "0"}},
        "timeNano": 1,
    }
    assert event_text(event).endswith("container die abc (exitCode=0, name=x)")

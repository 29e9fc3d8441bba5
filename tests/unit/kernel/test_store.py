"""The store: mirrors equal the database after any sequence of commits, and events keep their order."""

import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.api.container import Container, ContainerConfig, ContainerState, HostConfig, MountRequest, Ulimit
from ck.kernel.errors import Unavailable
from ck.kernel.events import Event, Noun, Recorded
from ck.kernel.lifecycle import State
from ck.kernel.store import Store
from ck.kernel.store_records import Delete, Put, VolumeRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def make_store(published: list[Recorded] | None = None, max_events: int = 1000) -> Store:
    sink = published if published is not None else []
    return Store(sink.extend, max_events=max_events, max_age=timedelta(days=1))


def container(container_id: str, name: str = "x") -> Container:
    return Container(
        id=container_id,
        name=name,
        created=NOW,
        image_id="sha256:" + "0" * 64,
        image_ref="host/sh",
        path="sh",
        args=("-c", "true"),
        config=ContainerConfig(image="host/sh", cmd=("sh",), labels={"a": "b"}, env=("A=1",)),
        host_config=HostConfig(
            mounts=(MountRequest(type="bind", source="/a", target="/b"),),
            ulimits=(Ulimit(name="core", soft=0, hard=-1),),
        ),
        state=ContainerState(status=State.EXITED, started_at=NOW),
    )


def event(action: str, at: datetime = NOW) -> Event:
    return Event(noun=Noun.CONTAINER, action=action, subject="c", at=at, attributes={"k": "v"})


def test_a_record_comes_back_equal(tmp_path: Path) -> None:
    async def check() -> None:
        store = make_store()
        assert await store.open(tmp_path / "ck.db") == 0
        await store.commit(
            [Put("c1", container("c1")), Put("v", VolumeRecord(name="v", driver="local"))], [event("create")]
        )
        await store.close()
        again = make_store()
        assert await again.open(tmp_path / "ck.db") == 1
        assert again.containers.get("c1") == container("c1")
        assert again.volumes.get("v") == VolumeRecord(name="v", driver="local")
        assert [recorded.event for recorded in await again.journal()] == [event("create")]
        await again.close()

    trio.run(check)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None])), min_size=1, max_size=3),
        max_size=8,
    )
)
def test_replay_equals_the_mirror(batches: list[list[tuple[str, str | None]]]) -> None:
    async def check(path: Path) -> None:
        published: list[Recorded] = []
        store = make_store(published)
        await store.open(path)
        async with trio.open_nursery() as nursery:
            for number, batch in enumerate(batches):
                changes = [Put(key, container(key, name)) if name else Delete("container", key) for key, name in batch]
                nursery.start_soon(store.commit, changes, [event(str(number))])
        mirror = {each.id: each for each in store.containers}
        await store.close()
        again = make_store()
        await again.open(path)
        assert {each.id: each for each in again.containers} == mirror
        assert await again.journal() == published
        assert [recorded.cursor for recorded in published] == list(range(1, len(batches) + 1))
        await again.close()

    with tempfile.TemporaryDirectory(prefix="ck") as directory:
        trio.run(check, Path(directory) / "ck.db")


def test_the_journal_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    async def check() -> None:
        store = make_store(max_events=100)
        await store.open(tmp_path / "ck.db")
        await store.commit([], [event(str(number)) for number in range(1500)])
        kept = await store.journal(limit=2000)
        assert [recorded.event.action for recorded in kept] == [str(number) for number in range(1400, 1500)]
        await store.close()

    trio.run(check)


def test_a_commit_that_fails_changes_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        published: list[Recorded] = []
        store = make_store(published)
        await store.open(tmp_path / "ck.db")
        blocker = sqlite3.connect(tmp_path / "ck.db", isolation_level=None, timeout=0)
        blocker.execute("DROP TABLE events")
        with pytest.raises(Unavailable, match="cannot write the store"):
            await store.commit([Put("c1", container("c1"))], [event("create")])
        blocker.close()
        assert len(store.containers) == 0
        assert published == []
        await store.close()

    trio.run(check)


def test_a_row_that_cannot_be_read_is_told_and_left_alone(tmp_path: Path) -> None:
    async def check() -> None:
        store = make_store()
        await store.open(tmp_path / "ck.db")
        await store.commit([Put("c1", container("c1")), Put("c2", container("c2"))])
        await store.close()
        with sqlite3.connect(tmp_path / "ck.db") as db:
            db.execute("UPDATE records SET json = '{' WHERE id = 'c1'")
        db.close()
        again = make_store()
        await again.open(tmp_path / "ck.db")
        assert again.containers.ids() == ["c2"]
        assert again.unreadable[0][:2] == ("container", "c1") and "c1" in again.unreadable[0][2]
        assert again.unreadable_ids == {"c1"}
        await again.close()

    trio.run(check)


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    noise = b"not a database" * 100
    (tmp_path / "ck.db").write_bytes(noise)

    async def check() -> None:
        store = make_store()
        assert await store.open(tmp_path / "ck.db") == 0
        [aside] = store.damaged
        assert aside.read_bytes() == noise
        await store.commit([Put("c1", container("c1"))], [event("create")])
        await store.close()
        again = make_store()
        assert await again.open(tmp_path / "ck.db") == 1 and again.containers.ids() == ["c1"]
        await again.close()

    trio.run(check)


def test_what_can_be_read_of_a_damaged_store_is_kept(tmp_path: Path) -> None:
    async def check() -> None:
        store = make_store()
        await store.open(tmp_path / "ck.db")
        ids = [f"c{number:03}" for number in range(200)]
        await store.commit([Put(each, container(each, each)) for each in ids])
        await store.close()
        with (tmp_path / "ck.db").open("r+b") as file:
            file.seek(-20 * 4096, 2)
            file.write(b"\xff" * 4096)
        again = make_store()
        await again.open(tmp_path / "ck.db")
        assert again.damaged and set(again.containers.ids()) <= set(ids)
        assert len(again.containers) > 100
        await again.close()

    trio.run(check)


def test_states_survive(tmp_path: Path) -> None:
    async def check() -> None:
        store = make_store()
        await store.open(tmp_path / "ck.db")
        for state in State:
            made = container(state.value)
            await store.commit([Put(made.id, attrs.evolve(made, state=attrs.evolve(made.state, status=state)))])
        await store.close()
        again = make_store()
        await again.open(tmp_path / "ck.db")
        assert {each.id: each.state.status for each in again.containers} == {state.value: state for state in State}
        await again.close()

    trio.run(check)

"""The same files made at other times: one archive."""

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.archive.retime import retimed

NEWEST = 1_000_000_000

names = st.lists(st.sampled_from("abcdef") | st.text("xyz", min_size=90, max_size=130), unique=True, max_size=5)


def archive(members: list[tuple[str, bytes, bool]], times: list[int]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for (name, content, directory), time in zip(members, times, strict=True):
            info = tarfile.TarInfo(name)
            info.mtime, info.mode, info.uid = time, 0o640, 1000
            if directory:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@given(names, st.data())
def test_only_times_change_and_none_is_newer(found: list[str], data: st.DataObject) -> None:
    members = [(name, data.draw(st.binary(max_size=1500)), data.draw(st.booleans())) for name in found]
    newer = [[data.draw(st.integers(NEWEST, 2 * NEWEST)) for _ in found] for _ in range(2)]
    first, second = (b"".join(retimed(io.BytesIO(archive(members, times)), NEWEST * 10**9)) for times in newer)
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        seen = tar.getmembers()
        assert [(each.name, each.isdir(), each.mode, each.uid) for each in seen] == [
            (name, directory, 0o640, 1000) for name, _, directory in members
        ]
        for each, (_, content, directory) in zip(seen, members, strict=True):
            assert each.mtime == NEWEST
            file = tar.extractfile(each)
            assert directory or (file is not None and file.read() == content)


def test_what_is_older_stays() -> None:
    packed = b"".join(retimed(io.BytesIO(archive([("a", b"x", False)], [5])), NEWEST * 10**9))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getmember("a").mtime == 5

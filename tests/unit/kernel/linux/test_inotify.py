import select
from pathlib import Path

from ck.kernel.linux import inotify
from ck.kernel.linux.inotify import Inotify


def test_changes_of_a_directory_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with Inotify() as watcher:
        directory = watcher.watch(tmp_path, inotify.IN_CREATE | inotify.IN_MOVED_TO)
        assert watcher.read() == []
        file.write_text("a")
        assert [(change.watch, change.name) for change in watcher.read()] == [(directory, "log")]
        single = watcher.watch(file, inotify.IN_MODIFY)
        with file.open("a") as stream:
            stream.write("b")
        assert select.select([watcher], [], [], 5)[0]
        assert [(change.watch, change.mask, change.name) for change in watcher.read()] == [
            (single, inotify.IN_MODIFY, "")
        ]
        watcher.unwatch(single)
        assert watcher.read()[-1].mask & inotify.IN_IGNORED

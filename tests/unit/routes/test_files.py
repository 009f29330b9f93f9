"""What is kept over a restart, and that a reader never sees half a file."""

from __future__ import annotations

import pathlib
import threading

import pytest
from vllm_routes import _files

from ._rows import refused, route, table


def test_what_is_kept_comes_back_the_same(tmp_path: pathlib.Path) -> None:
    path, routes = tmp_path / "routes.json", table(route(), refused(revision='q"uote\n'))
    assert _files.save(path, routes)
    assert _files.load(path) == routes


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"environment": "staging", "routes": [{"a": 1}]}'])
def test_a_broken_file_is_as_good_as_none(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "routes.json"
    path.write_text(text)
    assert _files.load(path) is None


def test_the_same_content_is_not_written_again_and_the_mode_stays(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "map"
    assert _files.write(path, "a")
    path.chmod(0o640)
    before = path.stat().st_ino
    assert not _files.write(path, "a")
    assert path.stat().st_ino == before
    assert _files.write(path, "b")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["map"]


def test_a_reader_sees_one_whole_file_or_the_other(tmp_path: pathlib.Path) -> None:
    path, texts = tmp_path / "map", ("a" * 100_000, "b" * 100_000)
    _files.write(path, texts[0])
    writer = threading.Thread(target=lambda: [_files.write(path, texts[turn % 2]) for turn in range(1, 40)])
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(path.read_text())
    writer.join()
    assert seen <= set(texts)
    assert seen

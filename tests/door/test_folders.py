from __future__ import annotations

from pathlib import Path

from runner.door.folders import nearest


def test_the_nearest_is_the_folder_itself_or_what_is_there_above_it(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")

    assert nearest(tmp_path) == tmp_path
    assert nearest(tmp_path / "not" / "yet") == tmp_path
    assert nearest(tmp_path / "nowhere" / "below") == tmp_path / "nowhere"

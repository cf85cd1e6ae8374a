"""Pictures and event files of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reputation.plots import Checked, draw
from reputation.tracking import event_log

CONFUSION = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])


@pytest.mark.parametrize(
    ("ending", "begin"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")], ids=lambda v: str(v)
)
def test_a_plot_is_a_file_of_the_kind_that_its_ending_says(tmp_path: Path, ending: str, begin: bytes) -> None:
    checked = Checked(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]))
    path = tmp_path / f"run{ending}"
    draw(path, CONFUSION, ["no", "yes"], "a run", checked)
    assert path.read_bytes().startswith(begin)
    assert path.stat().st_size > 5000


def test_an_unknown_ending_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.pdf, \.png, \.svg"):
        draw(tmp_path / "run.bmp", CONFUSION, ["no", "yes"], "a run")
    with pytest.raises(ValueError, match="cannot write"):
        draw(tmp_path / "nowhere" / "run.png", CONFUSION, ["no", "yes"], "a run")


def test_event_files_can_be_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with event_log(tmp_path / "runs") as log:
        log.settings({"method": "default"})
        log.trace("hierarchical", [-3.0, -2.0])
        log.figures({"accuracy": 0.75})
    read = EventAccumulator(str(tmp_path / "runs"))
    read.Reload()
    assert [one.value for one in read.Scalars("objective/hierarchical")] == [-3.0, -2.0]
    assert [one.value for one in read.Scalars("accuracy")] == [0.75]
    assert b"default" in read.Tensors("settings/text_summary")[0].tensor_proto.string_val[0]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot write event files"), event_log(tmp_path / "file"):
        pass

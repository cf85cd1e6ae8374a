"""Pictures of an inference: is its confidence right, what is taken for what. Loads matplotlib when used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reputation.gold.calibration import reliability
from reputation.truth.run import Floats
from reputation.votes import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_CLASSES = 12  # more names than these do not fit beside a matrix
_FORMATS = frozenset({".png", ".svg", ".pdf"})


@dataclass(frozen=True, eq=False)
class Checked:
    """Items whose truth is known: their posterior, [N, K], and their class, [N]."""

    posterior: Floats
    truth: Ints


def draw(
    path: Path, confusion: Floats, labels: Sequence[str], title: str, checked: Checked | None = None
) -> None:
    """One picture: the crowd's mean confusion matrix and, where truth is known, the reliability diagram.

    Args:
        path: where to; its ending says the format, .png, .svg or .pdf.
        confusion: [W, K, K], P(answer | true class).
        labels: [K] names of the classes.
    Raises:
        ValueError: another ending, or the file cannot be written.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(f"{path}: a plot is a {', '.join(sorted(_FORMATS))} file")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11 if checked else 6, 5), layout="constrained")
    axes: Any = figure.subplots(1, 2 if checked else 1, squeeze=False)[0]
    figure.suptitle(title)
    _draw_confusion(axes[0], confusion.mean(axis=0), labels)
    if checked is not None:
        _draw_reliability(axes[1], checked)
    try:
        # Without the time of day and the program's version in it, equal runs make equal files.
        figure.savefig(path, metadata=_no_date(path))
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error


def _no_date(path: Path) -> dict[str, None]:
    names = {
        ".png": ("Software",),
        ".svg": ("Date", "Creator"),
        ".pdf": ("CreationDate", "Creator", "Producer"),
    }
    return dict.fromkeys(names[path.suffix.lower()])


def _draw_confusion(axes: Axes, mean: Floats, labels: Sequence[str]) -> None:
    image = axes.imshow(mean, vmin=0, vmax=1, cmap="Blues")
    axes.set(title="the crowd's confusion matrix (mean)", xlabel="answer", ylabel="inferred class")
    axes.figure.colorbar(image, ax=axes, label="probability")
    if len(labels) > _NAMED_CLASSES:
        return
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), share in np.ndenumerate(mean):
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour, fontsize=8)


def _draw_reliability(axes: Axes, checked: Checked) -> None:
    sure, correct, share = reliability(checked.posterior, checked.truth)
    filled = np.flatnonzero(share)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfectly calibrated")
    axes.plot(sure[filled], correct[filled], marker="o", label="this run")
    for bin_ in filled:
        count = round(share[bin_] * checked.truth.size)
        where = (float(sure[bin_]), float(correct[bin_]))
        axes.annotate(f"{count}", where, textcoords="offset points", xytext=(4, -10), fontsize=8)
    axes.set(title="confidence and accuracy (items in each bin)", xlabel="mean confidence", ylabel="accuracy")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="upper left")

"""Pictures of an inference: is its confidence right, what is taken for what. Loads matplotlib when used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
BINS = 10
_NAMED_CLASSES = 12  # more names than these do not fit beside a matrix
_FORMATS = frozenset({".png", ".svg", ".pdf"})


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence beside accuracy, in ten bins of equal width (Niculescu-Mizil & Caruana 2005).

    Attributes:
        confidence, accuracy: [B] means of the items in each bin; bins without items are left out.
        count: [B] items.
    """

    confidence: Floats
    accuracy: Floats
    count: Ints


def reliability(posterior: Floats, truth: Ints, bins: int = BINS) -> Reliability:
    """How often answers of each confidence are right.

    Args:
        posterior: [N, K] of the items whose truth is known.
        truth: [N] class, -1 for one that is none of the K.
    """
    confidence = posterior.max(axis=1)
    right = (posterior.argmax(axis=1) == truth).astype(np.float64)
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    full = count > 0
    mean = [
        np.bincount(bin_of, weights=values, minlength=bins)[full] / count[full]
        for values in (confidence, right)
    ]
    return Reliability(mean[0], mean[1], count[full].astype(np.int64))


def draw(
    path: Path, confusion: Floats, labels: Sequence[str], title: str, known: Reliability | None = None
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

    figure = Figure(figsize=(11 if known else 6, 5), layout="constrained")
    axes: Any = figure.subplots(1, 2 if known else 1, squeeze=False)[0]
    figure.suptitle(title)
    _draw_confusion(axes[0], confusion.mean(axis=0), labels)
    if known is not None:
        _draw_reliability(axes[1], known)
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


def _draw_reliability(axes: Axes, known: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfectly calibrated")
    axes.plot(known.confidence, known.accuracy, marker="o", label="this run")
    for x, y, count in zip(known.confidence, known.accuracy, known.count, strict=True):
        axes.annotate(f"{count}", (x, y), textcoords="offset points", xytext=(4, -10), fontsize=8)
    axes.set(title="confidence and accuracy (items in each bin)", xlabel="mean confidence", ylabel="accuracy")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="upper left")

"""TensorBoard event files of an inference run. Loads tensorboard when used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class EventLog:
    """Writes what a run does as TensorBoard scalars and texts (`tensorboard --logdir DIR` shows them)."""

    writer: SummaryWriter

    def trace(self, method: str, objective: Sequence[float]) -> None:
        """The objective of a model after each iteration, in nats."""
        for step, value in enumerate(objective, start=1):
            self.writer.add_scalar(f"objective/{method}", value, step)

    def figures(self, values: Mapping[str, float]) -> None:
        """Figures of the whole run, by name."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, 0)

    def settings(self, values: Mapping[str, object]) -> None:
        """What the run was made with."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
        self.writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}", 0)


@contextmanager
def event_log(folder: Path) -> Iterator[EventLog]:
    """A log in a folder, which is made where it is missing; complete when the block is left.

    Raises:
        ValueError: the folder cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(str(folder))
    except OSError as error:
        raise ValueError(f"cannot write event files to {folder}: {error.strerror}") from error
    try:
        yield EventLog(writer)
    finally:
        writer.close()

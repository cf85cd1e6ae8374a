"""The GPU of this machine, for whoever measures or asks before it starts."""

from __future__ import annotations


def gpu_name() -> str | None:
    """What torch calls the GPU that it would compute on; None where it finds none."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def wait_for_gpu() -> None:
    """Return when the GPU has done what it was given."""
    import torch

    torch.cuda.synchronize()


def gpu_peak() -> int:
    """The most bytes that torch has held on the GPU at a time."""
    import torch

    return int(torch.cuda.max_memory_allocated())

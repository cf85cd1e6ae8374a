"""What a bench was run with: the machine, and the versions of what decides its figures."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path

import psutil

from scripts.programs import ROOT


def machine() -> dict[str, str | int]:
    """Processor, cores that this process may use, memory in bytes, operating system."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
    }


def versions(*node_packages: str) -> dict[str, str]:
    """Of this project, Python, and the named npm packages in `hardhat_local/`."""
    found = {"crowdledger": importlib.metadata.version("crowdledger"), "python": platform.python_version()}
    for name in node_packages:
        found[name] = node_version(ROOT / "hardhat_local", name)
    return found


def node_version(folder: Path, package: str) -> str:
    """The version of an npm package that is installed in `folder`."""
    text = (folder / "node_modules" / package / "package.json").read_text("utf-8")
    return str(json.loads(text)["version"])


def _processor() -> str:
    """Its name where the system tells it (Linux); else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())

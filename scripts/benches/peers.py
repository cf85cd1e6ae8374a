"""The packages that benches compare with: pinned in `hardhat_local/peers/`, installed when first needed."""

from __future__ import annotations

import hashlib
import json

from ledger_service.chain.abi import Artifact
from scripts.benches.surroundings import node_version
from scripts.programs import ROOT, Stop, install_from_npm, say

FOLDER = ROOT / "hardhat_local" / "peers"
HUMAN = "@human-protocol/core"
EAS = "@ethereum-attestation-service/eas-contracts"


def install() -> None:
    """`npm ci`, unless what the lock file names is there already.

    Raises:
        Stop: it fails; the text says why.
    """
    stamp = FOLDER / "node_modules" / "npm.stamp"
    digest = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text("utf-8") == digest:
        return
    say("installing the peers' packages from npm")
    install_from_npm(FOLDER, log="npm-peers", needs="installing the peers' packages")
    # Crash before the next line: the next run installs them again.
    stamp.write_text(digest, "utf-8")


def artifact(package: str, path: str) -> Artifact:
    """A contract as its package ships it, compiled by its authors; `path` below the package's artifacts."""
    file = FOLDER / "node_modules" / package / "artifacts" / path
    try:
        found = json.loads(file.read_text("utf-8"))
        code = bytes.fromhex(found["bytecode"][2:])
        made = Artifact(found["contractName"], tuple(found["abi"]), code)
    except (OSError, ValueError, KeyError) as error:
        raise Stop(f"{package} has no compiled contract {path}: remove {FOLDER}/node_modules") from error
    return made


def version(package: str, contract: Artifact) -> str:
    """The package's version and the compiler that made this contract of it."""
    return f"{node_version(FOLDER, package)} (solc {_compiler(contract.bytecode)})"


def _compiler(code: bytes) -> str:
    """From the CBOR map at the end of the code: "solc" and three bytes (Solidity, "Contract Metadata")."""
    at = code.rfind(b"\x64solc\x43")
    return ".".join(str(part) for part in code[at + 6 : at + 9]) if at >= 0 else "unknown"

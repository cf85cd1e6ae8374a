"""docs/formats.md says what the code does: its tables, its example, its bundles."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger_service import entries, terms
from ledger_service.entries import Receipt, Statement, Struct
from ledger_service.verify import anchored, label, payment
from ledger_service.verify.command import HOLDS, Options, run
from tests.verify.world import World

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text()
EXAMPLES = ROOT / "docs" / "examples"


@pytest.mark.parametrize("kind", [*entries.ENTRY_TYPES, Receipt, Statement])
def test_every_type_has_its_string_hash_and_fields(kind: type[Struct]) -> None:
    section = PAGE.split(f"### {kind.__name__}\n")[1].split("\n## ")[0].split("\n### ")[0]
    assert f"```\n{entries.type_string(kind)}\n0x{entries.type_hash(kind).hex()}\n```" in section
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| \S.* \|$", section, re.MULTILINE)
    assert rows == [(entries.camel(name), solidity) for name, solidity in entries.layout(kind)]
    assert ("Not signed." in section) == (kind.signer is None)


def test_the_terms_are_those_of_the_code() -> None:
    section = PAGE.split("## 6. ")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)
    assert rows == [(json_name, solidity) for _, json_name, solidity in terms._LAYOUT]


def test_the_event_of_an_anchored_head_is_that_of_the_code() -> None:
    section = PAGE.split("**Anchors.**")[1].split("\n## ")[0]
    (declared, topic) = section.split("```")[1].split("\n")[1:3]
    assert topic == "0x" + anchored.ANCHORED.hex()
    assert declared == "Anchored(uint64 indexed size, bytes32 root, uint64 time)"


def test_the_worked_example_is_what_its_program_prints() -> None:
    program = [sys.executable, str(EXAMPLES / "worked_example.py")]
    done = subprocess.run(
        program, capture_output=True, text=True, check=True, timeout=60, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.startswith("chainId ")
    assert f"```\n{done.stdout}```" in PAGE


def test_the_example_bundles_hold_and_are_those_of_the_tests(world: World) -> None:
    paths = [EXAMPLES / "label.bundle.json", EXAMPLES / "payment.bundle.json"]
    assert paths[0].read_bytes() == world.label_bundle() + b"\n"
    assert paths[1].read_bytes() == world.payment_bundle() + b"\n"
    assert run([str(path) for path in paths], Options(), io.StringIO(), io.StringIO()) == HOLDS


def test_every_step_of_the_verifier_is_on_the_page() -> None:
    text = PAGE.split("### Verification")[1].split("\n### ")[0]
    of_label, of_payment = text.split("\nPayment:\n")
    for part, verify in ((of_label, label.verify_label), (of_payment, payment.verify_payment)):
        numbers = [int(number) for number in re.findall(r"^(\d+)\. ", part, re.MULTILINE)]
        documented = re.findall(r"^ {4,5}(\d+)\. ", verify.__doc__ or "", re.MULTILINE)
        assert [number for number in numbers if number >= 6][:-1] == [int(number) for number in documented]

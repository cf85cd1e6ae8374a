"""Inclusion proofs as text (C2SP tlog-proof)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.errors import VerificationError
from ledger_service.log.tlog_proof import TlogProof, format_proof, parse_proof

HASH = base64.b64encode(bytes(range(32))).decode()
CHECKPOINT = "example.com/log\n5\nroot\n\n— example.com/log signature\n"


@given(st.integers(0, 2**63), st.lists(st.binary(min_size=32, max_size=32), max_size=64))
def test_proofs_round_trip(index: int, path: list[bytes]) -> None:
    text = format_proof(index, path, CHECKPOINT)
    assert parse_proof(text) == TlogProof(index, tuple(path), CHECKPOINT)


def test_a_proof_reads_as_the_specification_draws_it() -> None:
    found = format_proof(73_894, [bytes(range(32))], CHECKPOINT)
    assert found == f"c2sp.org/tlog-proof@v1\nindex 73894\n{HASH}\n\n{CHECKPOINT}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        f"c2sp.org/tlog-proof@v2\nindex 1\n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nextra YQ==\nindex 1\n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 01\n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex -1\n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex ١\n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1 \n{HASH}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH[:-1]}\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH[:-2]}9=\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH} \n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\r\nindex 1\r\n{HASH}\r\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{(HASH + chr(10)) * 65}\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH}\n{CHECKPOINT[:10]}",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_proof(text)

"""Prints the worked example of docs/formats.md: one real Label entry, from the answer to the leaf.

    python docs/examples/worked_example.py

The keys are example keys. A test runs this program and compares its output with the document.
"""

from __future__ import annotations

import sys

from ledger_service import commitments, entries, signing
from ledger_service.entries import Domain, Label
from ledger_service.log.hashing import leaf_hash, node_hash
from ledger_service.signing import Wallet, keccak256

DOMAIN = Domain(31337, "0x5fbdb2315678afecb367f032d93f642f64180aa3")
SESSION_KEY = Wallet(bytes.fromhex("11" * 32))
WORKER = Wallet(bytes.fromhex("22" * 32))
ANSWER = {"label": "3"}
SALT = bytes(range(32))


def show(name: str, value: bytes | str | int) -> str:
    """One line: the name, and the value in hex."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return f"{name:<22} {text}"


def _label() -> Label:
    return Label(
        campaign=keccak256(b"an example campaign"),
        item=commitments.commit({"text": "Which digit is it?"}, bytes(32)),
        worker=WORKER.address,
        answer=commitments.commit(ANSWER, SALT),
        suggestion=entries.ZERO32,
        made_at=1_770_000_000,
    )


def lines() -> list[str]:
    """The example, line by line."""
    label = _label()
    preimage = entries.preimage(label)
    digest = entries.digest(label, DOMAIN)
    entry = entries.encode(label, SESSION_KEY.sign(digest))
    words = [preimage[at : at + 32] for at in range(0, len(preimage), 32)]
    names = ["typeHash", *(entries.camel(name) for name, _ in entries.layout(Label))]
    other = leaf_hash(b"another entry")
    return [
        show("chainId", DOMAIN.chain_id),
        show("verifyingContract", DOMAIN.verifying_contract),
        show("domainSeparator", DOMAIN.separator()),
        "",
        show("answer (JCS)", commitments.canonical(ANSWER).decode()),
        show("answer (JCS, hex)", commitments.canonical(ANSWER)),
        show("salt", SALT),
        show("commitment", label.answer),
        "",
        entries.type_string(Label),
        *(show(name, word) for name, word in zip(names, words, strict=True)),
        show("keccak256 of these", keccak256(preimage)),
        show("digest", digest),
        "",
        show("session key's secret", SESSION_KEY.secret()),
        show("session key's address", SESSION_KEY.address),
        show("signature", entry.signature),
        show("recovered address", signing.recover(digest, entry.signature)),
        "",
        show("entry", entry.raw),
        show("length", len(entry.raw)),
        show("leaf hash", entry.leaf),
        "",
        show("another leaf", other),
        show("root of the two", node_hash(entry.leaf, other)),
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")

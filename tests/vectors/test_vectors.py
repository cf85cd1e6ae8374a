"""docs/vectors is what scripts/vectors writes, and both verifiers say of every vector what it says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ledger_service import commitments, entries, payroll, signing
from ledger_service.entries import ENTRY_TYPES, Receipt, Statement
from ledger_service.errors import BadInput, BadSignature, LedgerError, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.cosignature import CosignerKey, open_exactly
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.policy import parse_policy
from ledger_service.log.proof import verify_consistency, verify_inclusion
from ledger_service.log.tlog_proof import parse_proof
from ledger_service.log.tree import root_of, root_of_data
from ledger_service.verify.verifier import verify_bundle
from tests.vectors.make import FOLDER, differing, files
from tests.vectors.parts import DOMAIN
from tests.web.javascript import ask

Vector = dict[str, Any]
MOST_BYTES = 2 << 20


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def judged(name: str) -> list[tuple[Vector, bool]]:
    """Every vector of a file, and whether it holds."""
    found = load(name)
    return [(one, True) for one in found["holds"]] + [(one, False) for one in found["refused"]]


def holds(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except LedgerError:
        return False
    return True


def test_the_files_are_what_the_script_writes() -> None:
    made = files()
    assert differing(made) == []
    assert sum(len(text.encode()) for text in made.values()) < MOST_BYTES


def test_every_file_is_explained() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in files() if f"`{name}`" not in page] == []


def bundles() -> list[Vector]:
    return [json.loads(line) for line in (FOLDER / "bundles.ndjson").read_text("utf-8").splitlines()]


def bytes_of(vector: Vector) -> bytes:
    given = vector.get("bundle")
    return base64.b64decode(vector["bundleBase64"]) if given is None else str(given).encode()


def test_python_says_of_every_bundle_what_its_vector_says() -> None:
    for vector in bundles():
        ok: bool | None = True
        step = 0
        try:
            verify_bundle(
                bytes_of(vector),
                log_key=vector.get("logKey"),
                log_address=vector.get("logAddress"),
                policy=parse_policy(vector["policy"].encode()) if "policy" in vector else None,
            )
        except VerificationError as error:
            ok, step = False, error.step
        except BadInput:
            ok = None
        assert (ok, step) == (vector["ok"], vector["step"]), vector["name"]


def test_javascript_says_of_every_bundle_what_its_vector_says() -> None:
    vectors = bundles()
    asked = []
    for vector in vectors:
        trusted = {name: vector[name] for name in ("logKey", "logAddress") if name in vector}
        trusted |= {"policy": b64(vector["policy"].encode())} if "policy" in vector else {}
        asked.append({"ask": "bundle", "raw": b64(bytes_of(vector)), **trusted})
    found = [(answer["ok"], answer["step"]) for answer in ask(asked)]
    assert found == [(vector["ok"], vector["step"]) for vector in vectors]


def test_the_bundles_reach_every_step_of_both_kinds() -> None:
    refused = {(vector["step"], '"kind":"payment"' in vector.get("bundle", "")) for vector in bundles()}
    assert set(range(1, 6)) <= {step for step, _ in refused}
    assert {(step, False) for step in range(6, 14)} <= refused
    assert {(step, True) for step in range(6, 12)} <= refused
    names = [vector["name"] for vector in bundles()]
    assert len(names) == len(set(names)) > 220


def entry_of(vector: Vector) -> bytes:
    return raw(vector["entry"]) + bytes(vector.get("zeroes", 0))


def signer_of(entry: entries.Entry) -> str | None:
    try:
        return signing.recover(entries.digest(entry.struct, DOMAIN), entry.signature)
    except BadSignature:
        return None


def test_the_entries_are_read_as_their_vectors_say_in_both() -> None:
    found = load("entries.json")
    assert [one["type"] for one in found["holds"]] == [kind.__name__ for kind in ENTRY_TYPES]
    assert found["domainSeparator"] == "0x" + DOMAIN.separator().hex()
    everything = judged("entries.json")
    domain = {"chainId": DOMAIN.chain_id, "verifyingContract": DOMAIN.verifying_contract}
    asked = [{"ask": "entry", "raw": b64(entry_of(vector)), "domain": domain} for vector, _ in everything]
    for (vector, good), theirs in zip(everything, ask(asked), strict=True):
        ours = None
        if holds(entries.decode, entry_of(vector)):
            ours = entries.decode(entry_of(vector))
        why = (vector["type"], vector.get("why"))
        if good:
            assert ours is not None
            told = {name: vector[name] for name in ("struct", "digest", "signer")}
            expected = {**told, "kind": vector["type"], "leaf": vector["leafHash"]}
            assert theirs == expected, why
            assert entries.preimage(ours.struct) == raw(vector["preimage"])
            assert (signer_of(ours) if ours.signature else None) == vector["signer"]
        elif "signer" in vector:
            assert ours is not None, why
            assert signer_of(ours) != vector["signer"], why
            assert theirs["signer"] != vector["signer"], why
        else:
            assert ours is None, why
            assert theirs is None, why


def test_promises_are_signed_by_the_operator_or_not_as_said_in_both() -> None:
    everything = judged("promises.json")
    assert {vector["type"] for vector, _ in everything} == {Receipt.__name__, Statement.__name__}
    asked = [
        {"ask": "recover", "digest": b64(raw(one["digest"])), "signature": b64(raw(one["signature"]))}
        for one, _ in everything
    ]
    for (vector, good), theirs in zip(everything, ask(asked), strict=True):
        try:
            ours = signing.recover(raw(vector["digest"]), raw(vector["signature"]))
        except BadSignature:
            ours = None
        assert (ours == vector["operator"]) is good, vector
        assert theirs == ours


def test_commitments_and_canonical_json_are_as_said_in_both() -> None:
    found = load("commitments.json")
    good = found["holds"]
    for vector in good:
        assert commitments.canonical(vector["content"]).decode() == vector["canonical"]
        assert commitments.commit(vector["content"], raw(vector["salt"])) == raw(vector["commitment"])
        assert commitments.digest(vector["content"]) == raw(vector["digest"])
    asked = [{"ask": "commitment", "content": one["content"], "salt": one["salt"]} for one in good]
    assert ask(asked) == [vector["commitment"] for vector in good]
    texts = [(vector["canonical"], True) for vector in good] + [
        (one["text"], False) for one in found["refused"]
    ]
    for text, expected in texts:
        assert holds(commitments.parse_canonical, text.encode()) is expected, text
    asked = [{"ask": "canonical", "raw": b64(text.encode())} for text, _ in texts]
    assert ask(asked) == [expected for _, expected in texts]
    items = [raw(item) for item in found["itemsRoot"]["items"]]
    roots = [root_of_data(items[:count]) for count in range(len(items) + 1)]
    assert ["0x" + root.hex() for root in roots] == found["itemsRoot"]["roots"]
    gold = [raw(one["item"]) + raw(one["answer"]) for one in found["goldRoot"]["gold"]]
    assert "0x" + root_of_data(gold).hex() == found["goldRoot"]["root"]


def test_payrolls_owe_what_is_said_in_both() -> None:
    everything = judged("payrolls.json")
    for vector, good in everything:
        path = [raw(value) for value in vector["path"]]
        place = (raw(vector["campaign"]), vector["index"], vector["account"], int(vector["amount"]))
        assert holds(payroll.verify_path, *place, path, raw(vector["root"])) is good, vector
    assert ask({"ask": "payroll", **vector} for vector, _ in everything) == [good for _, good in everything]


@pytest.mark.parametrize("name", ["checkpoints.json", "cosignatures.json"])
def test_notes_hold_or_are_refused_as_said_in_both(name: str) -> None:
    everything = judged(name)
    asked = []
    for vector, good in everything:
        witnesses = vector.get("witnesses", [])
        keys = [CosignerKey.parse(key) for key in witnesses]
        log = VerifierKey.parse(vector["logKey"])
        assert holds(open_exactly, vector["checkpoint"], log, keys) is good, vector
        if good:
            checkpoint, times = open_exactly(vector["checkpoint"], log, keys)
            assert vector.get("times", []) == [str(time) for time in times]
            assert vector.get("size", "8") == str(checkpoint.size)
            assert raw(vector["root"]) == checkpoint.root if "root" in vector else True
        asked.append(
            {"ask": "note", "text": vector["checkpoint"], "logKey": vector["logKey"], "witnesses": witnesses}
        )
    answers = ask(asked)
    assert [answer is not None for answer in answers] == [good for _, good in everything]
    for (vector, good), answer in zip(everything, answers, strict=True):
        if good:
            assert answer["times"] == vector.get("times", [])


def test_policies_decide_as_said_in_both() -> None:
    found = load("policies.json")
    for vector in found["holds"]:
        keys = {CosignerKey.parse(key) for key in vector["cosigned"]}
        assert parse_policy(vector["policy"].encode()).satisfied_by(keys) is vector["satisfied"], vector
    for vector in found["refused"]:
        assert not holds(parse_policy, vector["policy"].encode()), vector
    everything = [*found["holds"], *found["refused"]]
    asked = [
        {"ask": "policy", "raw": b64(one["policy"].encode()), "cosigned": one.get("cosigned", [])}
        for one in everything
    ]
    assert ask(asked) == [vector.get("satisfied") for vector in everything]


def is_included(vector: Vector) -> bool:
    try:
        proof = parse_proof(vector["proof"])
        verify_inclusion(
            raw(vector["leaf"]), proof.index, int(vector["size"]), proof.path, raw(vector["root"])
        )
    except VerificationError:
        return False
    return True


def test_proofs_prove_or_not_as_said_in_both() -> None:
    everything = judged("proofs.json")
    for vector, good in everything:
        assert is_included(vector) is good, vector
    asked = [
        {"ask": "proof", "text": one["proof"], "leaf": one["leaf"], "size": one["size"], "root": one["root"]}
        for one, _ in everything
    ]
    assert ask(asked) == [good for _, good in everything]
    for vector in load("proofs.json")["consistency"]:
        roots = raw(vector["root1"]), raw(vector["root2"])
        proof = [raw(value) for value in vector["proof"]]
        verify_consistency(int(vector["size1"]), int(vector["size2"]), *roots, proof)


def test_tiles_and_entry_bundles_are_as_said() -> None:
    found = load("tiles.json")
    for vector in found["paths"]:
        expected = (vector["level"], int(vector["index"]), vector["width"])
        assert tiles.parse_path(vector["path"]) == expected
    for vector in found["notPaths"]:
        assert not holds(tiles.parse_path, vector["path"]), vector
    for vector in found["tiles"]:
        level, index, width = tiles.parse_path(vector["path"])
        span = 256 ** (level or 0)
        leaves = [leaf_hash(b"entry %d" % leaf) for leaf in range(int(vector["size"]))]
        first = index * 256 * span
        roots = [root_of(leaves[begin : begin + span]) for begin in range(first, first + width * span, span)]
        assert base64.b64decode(vector["hashes"]) == b"".join(roots)
    for vector in found["entryBundles"]:
        parsed = tiles.parse_bundle(base64.b64decode(vector["bundle"]))
        assert [b64(entry) for entry in parsed] == vector["entries"]
    for vector in found["notEntryBundles"]:
        assert not holds(tiles.parse_bundle, base64.b64decode(vector["bundle"])), vector

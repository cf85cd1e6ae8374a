"""The bundle's one form, and steps 1 to 5: log, checkpoint, entries, inclusion."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger_service import commitments
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.tlog_proof import format_proof
from ledger_service.signing import Wallet
from ledger_service.verify import bundle as bundles
from ledger_service.verify.bundle import looks_like_bundle, parse, split_lines
from ledger_service.verify.verifier import KEY_NOTE, verify_bundle
from tests.verify.world import LOG_ADDRESS, World, seeded, show


def edited(raw: bytes, edit: Callable[[Any], object]) -> bytes:
    """The bundle after a change of its JSON, canonical again."""
    value = json.loads(raw)
    edit(value)
    return commitments.canonical(value)


def refused(raw: bytes, step: int, what: str, **options: Any) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_bundle(raw, **options)
    assert caught.value.step == step, str(caught.value)
    assert what in str(caught.value)


def test_a_bundle_is_one_line_of_canonical_json(world: World) -> None:
    raw = world.label_bundle()
    assert b"\n" not in raw
    assert commitments.canonical(json.loads(raw)) == raw
    assert parse(raw).domain == world.domain
    assert parse(raw).judged


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda b: b.update(more=1), "members of the bundle"),
        (lambda b: b.pop("logKey"), "members of the bundle"),
        (lambda b: b.update(format="crowdledger-bundle@v2"), "format"),
        (lambda b: b.update(kind="payments"), "kind"),
        (lambda b: b.update(kind=["label"]), "kind"),
        (lambda b: b.update(kind="payment"), "members of entries"),
        (lambda b: b.update(logKey=1), "logKey"),
        (lambda b: b["domain"].update(chainId="31337"), "chainId"),
        (lambda b: b["domain"].update(chainId=True), "chainId"),
        (lambda b: b["domain"].update(chainId=-1), "chainId"),
        (lambda b: b["domain"].update(chainId=1.5), "chainId"),
        (lambda b: b["domain"].update(verifyingContract="0x" + "AB" * 20), "verifyingContract"),
        (lambda b: b["domain"].update(name="crowdledger"), "members of domain"),
        (lambda b: b["entries"].pop("grant"), "members of entries"),
        (lambda b: b["entries"].pop("review"), "come together"),
        (lambda b: b["entries"].update(payout=b["entries"]["label"]), "members of entries"),
        (lambda b: b["entries"]["label"].pop("proof"), "members of the entry of the label"),
        (lambda b: b["entries"]["label"].update(proof=None), "the proof of the label"),
        (lambda b: b["entries"]["label"].update(entry="0xABCD"), "the entry of the label"),
        (lambda b: b["entries"]["label"].update(entry="abcd"), "the entry of the label"),
        (lambda b: b.update(entries=[]), "entries"),
        (lambda b: b["openings"].update(statement={}), "members of openings"),
        (lambda b: b["openings"].update(item=None), "the opening item"),
        (lambda b: b["openings"].pop("escrow"), "terms needs escrow"),
        (lambda b: b["openings"].pop("terms"), "escrow needs terms"),
    ],
)
def test_another_form_is_no_bundle(world: World, edit: Callable[[Any], object], what: str) -> None:
    refused(edited(world.label_bundle(), edit), 1, what)


def test_payroll_and_signed_statement_need_the_terms(world: World) -> None:
    for name in ("payroll", "signed_statement"):
        with pytest.raises(BadInput, match=f"{name} needs terms"):
            world.payment_bundle({name: world.payment_openings()[name]})


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda raw: raw.replace(b'{"chainId":', b'{ "chainId":'),
        lambda raw: json.dumps(json.loads(raw)).encode(),
        lambda raw: raw.replace(b'"kind":"label"', b'"kind":"label","kind":"label"'),
        lambda raw: raw.replace(b"31337", b"31337.0"),
        lambda raw: raw.replace("∞".encode(), b"\\u221e"),
        lambda raw: raw.replace("∞".encode(), b"\xff"),
        lambda raw: raw.decode().encode("utf-16"),
    ],
)
def test_other_json_of_the_same_meaning_is_refused(world: World, rewrite: Callable[[bytes], bytes]) -> None:
    raw = rewrite(world.label_bundle())
    assert raw != world.label_bundle()
    with pytest.raises((VerificationError, BadInput)):
        verify_bundle(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"\x00", b"not json", b'{"format":"other"}', b"[" * 100_000]
)
def test_what_never_was_a_bundle_is_unusable(raw: bytes) -> None:
    with pytest.raises(BadInput):
        verify_bundle(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"domain":{"chainId":',
        b'{"domain":{"chainId":31337,',
        b'"format":"crowdledger-bundle@v1"',
        b'{"domain":{"chainId":' + b"[" * 100_000,
        b'{"domain":{"chainId":' + b"9" * 10_000 + b"}}",
        b'{"domain":{"chainId":NaN}}',
    ],
)
def test_what_looks_like_a_bundle_and_is_none_is_refused(raw: bytes) -> None:
    assert looks_like_bundle(raw)
    refused(raw, 1, "")


def test_a_bundle_is_not_longer_than_it_may_be() -> None:
    refused(b'{"domain":{"chainId":' + bytes(bundles.MAX_BUNDLE_BYTES), 1, "length of the bundle")


def test_lines_are_bundles_and_the_last_newline_is_optional() -> None:
    assert split_lines(b"a\nb") == split_lines(b"a\nb\n") == [b"a", b"b"]
    assert split_lines(b"a\r\n\n") == [b"a\r", b""]
    for empty in (b"", b"\n"):
        with pytest.raises(BadInput):
            split_lines(empty)


def test_only_what_fits_the_kind_can_be_built(world: World) -> None:
    with pytest.raises(BadInput, match="members of entries"):
        world.bundle("label", ("campaign",), {})
    with pytest.raises(BadInput, match="kind"):
        world.bundle("dataset", ("campaign",), {})
    with pytest.raises(BadInput, match="openings"):
        world.payment_bundle({"item": world.item})
    with pytest.raises(BadInput, match="canonical"):
        world.label_bundle({"specification": {"number": float("nan")}})


def test_openings_that_are_none_are_left_out(world: World) -> None:
    assert world.label_bundle({"item": None}) == world.label_bundle({})


def test_a_pinned_log_key_has_to_be_the_bundles(world: World) -> None:
    verdict = verify_bundle(world.label_bundle(), log_key=str(world.log_key.verifier))
    assert KEY_NOTE not in verdict.notes
    other = str(LogKey(world.log_key.name, seeded("other log key")).verifier)
    refused(world.label_bundle(), 2, "log key", log_key=other)


def test_a_pinned_contract_has_to_be_the_bundles(world: World) -> None:
    verify_bundle(world.label_bundle(), log_address=LOG_ADDRESS)
    refused(world.label_bundle(), 2, "log's contract", log_address="0x" + "12" * 20)


def test_the_log_key_is_a_verifier_key(world: World) -> None:
    refused(edited(world.label_bundle(), lambda b: b.update(logKey="log")), 2, "verifier key")


def test_all_proofs_carry_one_checkpoint(world: World) -> None:
    """The assignment's proof leads to an earlier checkpoint, signed just as well."""
    size = world.indices["truth"] + 1
    earlier = sign_checkpoint(world.log_key.name, size, world.tree.root(size), world.log_key)
    index = world.indices["assignment"]
    proof = format_proof(index, world.tree.inclusion_proof(index, size), earlier)
    changed = edited(world.label_bundle(), lambda b: b["entries"]["assignment"].update(proof=proof))
    refused(changed, 3, "checkpoints in one bundle")


def rebuilt(world: World, checkpoint: str) -> bytes:
    roles = ("campaign", "grant", "matching", "assignment", "label")
    logged = {role: world.logged(role) for role in roles}
    return bundles.build("label", world.domain, str(world.log_key.verifier), checkpoint, logged, {})


def test_the_checkpoint_is_signed_by_the_log(world: World) -> None:
    other = LogKey(world.log_key.name, seeded("other log key"))
    checkpoint = sign_checkpoint(other.name, world.size, world.tree.root(), other)
    refused(rebuilt(world, checkpoint), 3, "not signed by the log")


def test_no_other_signature_stands_on_the_checkpoint(world: World) -> None:
    witness = LogKey("witness.example", seeded("witness"))
    line = sign_checkpoint(witness.name, world.size, world.tree.root(), witness).split("\n")[-2]
    refused(rebuilt(world, world.checkpoint + line + "\n"), 3, "signatures on the checkpoint")


def test_the_checkpoint_has_the_log_as_origin(world: World) -> None:
    renamed = LogKey("example.com/other", world.log_key.seed)
    checkpoint = sign_checkpoint(renamed.name, world.size, world.tree.root(), renamed)
    refused(rebuilt(world, checkpoint), 3, "not signed by the log")


def test_entries_have_the_type_of_their_role(world: World) -> None:
    swapped = edited(world.label_bundle(), lambda b: b["entries"].update(matching=b["entries"]["assignment"]))
    refused(swapped, 4, "type of the matching")


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: b"",
        lambda raw: raw[:31],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\x00",
        lambda raw: bytes(32) + raw[32:],
        lambda raw: raw[:32] + raw[64:],
    ],
)
def test_entries_decode_with_nothing_left_over(world: World, edit: Callable[[bytes], bytes]) -> None:
    raw = edit(world.entries["assignment"].raw)
    entry = {"entry": show(raw), "proof": world_proof(world, "assignment")}
    changed = edited(world.label_bundle(), lambda b: b["entries"].update(assignment=entry))
    refused(changed, 4, "")


def world_proof(world: World, role: str) -> str:
    logged = world.logged(role)
    return format_proof(logged.index, logged.path, world.checkpoint)


def test_entries_are_included_where_their_proof_says(world: World) -> None:
    right = world.logged("label")
    for index, path in (
        (right.index, world.logged("grant").path),
        (right.index + 1, right.path),
        (world.size, right.path),
        (right.index, list(right.path)[:-1]),
        (right.index, [*right.path, bytes(32)]),
    ):
        wrong = {"entry": show(right.raw), "proof": format_proof(index, path, world.checkpoint)}
        changed = edited(world.label_bundle(), lambda b, wrong=wrong: b["entries"].update(label=wrong))
        refused(changed, 5, "")


def test_an_entry_that_was_never_logged_is_refused(world: World) -> None:
    """A second answer of the same worker, properly signed, which the log does not have."""
    other = World({"label": lambda label: replace(label, answer=seeded("other answer"))})
    raw = other.entries["label"].raw
    entry = {"entry": show(raw), "proof": world_proof(world, "label")}
    refused(edited(world.label_bundle({}), lambda b: b["entries"].update(label=entry)), 5, "root")


def test_a_bundle_of_another_chain_does_not_pass_for_this_one(world: World) -> None:
    refused(
        edited(world.label_bundle({}), lambda b: b["domain"].update(chainId=1)), 7, "signer of the campaign"
    )


def test_a_contract_wallets_grant_cannot_be_checked_offline() -> None:
    """ERC-1271 signatures have any length; they are refused, not believed."""
    built = World(signers={"grant": ContractWallet(seeded("worker"))})
    refused(built.label_bundle(), 8, "a signature has 64 bytes")


class ContractWallet(Wallet):
    """Signs with more bytes than a key does."""

    def sign(self, digest: bytes) -> bytes:
        return super().sign(digest) + b"\x01"


def holding(content: Any) -> bytes:
    """A bundle that opens an item with this content, which the campaign and the label commit to."""
    built = World({"opened item": lambda item: item | {"content": content}})
    return built.label_bundle({"item": built.item})


def nested(depth: int) -> Any:
    """An object in an object in an object, `depth` of them."""
    return {} if depth == 1 else {"in": nested(depth - 1)}


def test_the_whole_bundle_is_nested_at_most_64_deep() -> None:
    """The bundle, its openings and the opening of the item are the first three."""
    verify_bundle(holding(nested(61)))
    refused(holding(nested(62)), 1, "nested more than 64 deep")


@pytest.mark.parametrize("number", [0.5, 1e21, -(2**53) + 1, 2**53 - 1])
def test_free_content_has_any_number_with_one_form(number: float) -> None:
    verify_bundle(holding({"number": number}))


@pytest.mark.parametrize("digits", [b"10000000000000000", b"9007199254740992", b"-9007199254740992", b"1e21"])
def test_a_number_of_digits_alone_fits_a_double_exactly(digits: bytes) -> None:
    raw = holding({"number": 12345}).replace(b'"number":12345', b'"number":' + digits)
    assert digits in raw
    refused(raw, 1, "")


ORDER_OF_ED25519 = 2**252 + 27742317777372353535851937790883648493


def test_the_logs_signature_has_one_encoding(world: World) -> None:
    """S + L signs the same under the equation alone; RFC 8032 refuses it."""
    head, encoded = world.checkpoint[:-1].rsplit(" ", 1)
    signature = base64.b64decode(encoded)
    other = int.from_bytes(signature[36:], "little") + ORDER_OF_ED25519
    forged = base64.b64encode(signature[:36] + other.to_bytes(32, "little")).decode()
    verify_bundle(rebuilt(world, world.checkpoint))
    refused(rebuilt(world, f"{head} {forged}\n"), 3, "signature on the checkpoint")


@pytest.mark.parametrize("mark", ["\r", "\f", "\x0b", "\x85", "\u2028"])
def test_lines_of_proofs_end_in_newlines_alone(world: World, mark: str) -> None:
    proof = world_proof(world, "label")
    first = proof.index("\n")
    for changed in (proof.replace("\n", mark), proof[:first] + mark + proof[first + 1 :], mark + proof):
        entry = {"entry": show(world.entries["label"].raw), "proof": changed}
        refused(edited(world.label_bundle({}), lambda b, e=entry: b["entries"].update(label=e)), 3, "")


def test_a_log_key_with_another_keys_id_is_none(world: World) -> None:
    name, key_id, key = str(world.log_key.verifier).split("+", 2)
    other = f"{int(key_id, 16) ^ 1:08x}"
    refused(edited(world.label_bundle(), lambda b: b.update(logKey=f"{name}+{other}+{key}")), 2, "key's id")

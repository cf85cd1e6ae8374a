"""The offline verifier: one bundle in, a verdict or the first step that fails out."""

from __future__ import annotations

from ledger_service.commitments import Json
from ledger_service.errors import VerificationError
from ledger_service.log.policy import Policy
from ledger_service.verify import bundle as bundles
from ledger_service.verify import evidence, shape
from ledger_service.verify import label as labels
from ledger_service.verify import payment as payments
from ledger_service.verify.anchors import check_anchored, check_posted
from ledger_service.verify.bundle import Bundle
from ledger_service.verify.chain import AnchorReader
from ledger_service.verify.evidence import Case
from ledger_service.verify.verdict import Memory, Verdict

COMMON_STEPS = (
    (1, "the file is one bundle in canonical form, and nothing else"),
    (2, "it is of the log and the contract that were asked for"),
    (3, "all proofs carry one checkpoint, signed by the log and its witnesses, enough for the policy"),
    (4, "every entry decodes to the type of its role, nothing left over"),
    (5, "every entry is included under the checkpoint"),
)
LABEL_CHAIN_STEP, PAYMENT_CHAIN_STEP = 14, 12
CHAIN_WORDS = "the chain holds this checkpoint's head, and the payroll"
KEY_NOTE = "log key taken from the bundle; pin it with --log-key"
POLICY_NOTE = "no policy says which witnesses have to have cosigned the checkpoint; give --policy"
CHAIN_NOTE = "not compared with a chain; give --rpc"
UNJUDGED_NOTE = "the label is not judged yet: no review, run and truth in the bundle"


def verify_bundle(
    raw: bytes,
    *,
    log_key: str | None = None,
    log_address: str | None = None,
    policy: Policy | None = None,
    chain: AnchorReader | None = None,
    memory: Memory | None = None,
) -> Verdict:
    """Prove one bundle, from cryptography alone.

     1. The file is one bundle: canonical JSON of a known kind, with its roles and openings and nothing else.
     2. It names the log key and the ProvenanceLog address that the caller trusts, where the caller named any,
        as option or in the policy; its witnesses are different keys.
     3. All its proofs carry one checkpoint, which the log's key and then each of its witnesses signed, and no
        other key. The policy's quorum is reached. (skipped without a policy)
     4. Every entry decodes to the type of its role, with nothing left over.
     5. Every entry is included under the checkpoint (RFC 9162, 2.1.3.2).
     6. and on: `label.verify_label` (to 13) or `payment.verify_payment` (to 11).
    14. (12 for a payment) The chain holds this head, and the escrow the payroll. Skipped without a chain.

    Args:
        raw: the bundle, without a newline.
        log_key: the C2SP vkey that the log must have; None takes the bundle's word for it, and says so.
        log_address: the ProvenanceLog's address that the signatures must be made for.
        policy: which logs and witnesses to trust; None asks for no cosignature.
        chain: where to look heads and payrolls up.
        memory: shared by the bundles of one run, so that what they have in common is checked once.
    Raises:
        VerificationError: the first step that fails, by number, with the two values that differ.
        BadInput: no bundle, nor one that was tampered with. Unavailable: the chain does not answer.
    """
    bundle = _parse(raw)
    case = _prove_log(bundle, log_key, log_address, policy, memory or Memory())
    verify = labels.verify_label if bundle.kind == bundles.LABEL else payments.verify_payment
    facts = _log_facts(case, policy) | verify(case)
    notes = _unpinned(log_key, policy) + _check_chain(case, chain)
    if bundle.kind == bundles.LABEL and not bundle.judged:
        notes.append(UNJUDGED_NOTE)
    return Verdict(bundle.kind, facts, _steps(bundle, chain), tuple(notes))


def _unpinned(log_key: str | None, policy: Policy | None) -> list[str]:
    """What the caller has left to the bundle's word."""
    notes = [] if log_key is not None or (policy is not None and policy.logs) else [KEY_NOTE]
    return notes if policy is not None else [*notes, POLICY_NOTE]


def _parse(raw: bytes) -> Bundle:
    """Step 1. What was never a bundle is bad input, not a failed step."""
    try:
        return bundles.parse(raw)
    except VerificationError as error:
        raise error.at_step(1) from error


def _prove_log(
    bundle: Bundle, log_key: str | None, log_address: str | None, policy: Policy | None, memory: Memory
) -> Case:
    """Steps 2 to 5."""
    with shape.step(2):
        keys = evidence.check_log(bundle, log_key, log_address, policy)
    with shape.step(3):
        proofs = {role: evidence.read_proof(part, memory) for role, part in bundle.parts.items()}
        checkpoint, cosigned = evidence.check_checkpoint(proofs, keys, policy, memory)
    with shape.step(4):
        found = {role: evidence.decode_part(role, part, memory) for role, part in bundle.parts.items()}
    with shape.step(5):
        proved = {
            role: evidence.check_included(entry, proofs[role], checkpoint, memory)
            for role, entry in found.items()
        }
    return Case(bundle, memory, checkpoint, cosigned, proved)


def _check_chain(case: Case, chain: AnchorReader | None) -> list[str]:
    """The last step; returns what remains to be said."""
    if chain is None:
        return [CHAIN_NOTE]
    with shape.step(_chain_step(case.bundle)):
        check_anchored(case, chain)
        return check_posted(case, chain) if case.bundle.kind == bundles.PAYMENT else []


def _chain_step(bundle: Bundle) -> int:
    return LABEL_CHAIN_STEP if bundle.kind == bundles.LABEL else PAYMENT_CHAIN_STEP


def _steps(bundle: Bundle, chain: AnchorReader | None) -> tuple[tuple[int, str], ...]:
    own: tuple[tuple[int, str], ...] = labels.STEPS if bundle.kind == bundles.LABEL else payments.STEPS
    if bundle.kind == bundles.LABEL and not bundle.judged:
        own = own[:-2]
    last = ((_chain_step(bundle), CHAIN_WORDS),) if chain is not None else ()
    return COMMON_STEPS + own + last


def _log_facts(case: Case, policy: Policy | None) -> dict[str, Json]:
    """What is known of the log. A witness is `trusted` where a policy names it."""
    trusted = policy.cosigners if policy is not None else ()
    return {
        "chain_id": case.domain.chain_id,
        "log": case.domain.verifying_contract,
        "log_key": case.bundle.log_key,
        "log_size": case.checkpoint.size,
        "log_root": shape.show(case.checkpoint.root),
        "witnesses": [
            {"key": str(key), "time": time, "trusted": key in trusted} for key, time in case.cosigned.items()
        ],
    }

"""What has to hold at the end of a run, each found in two ways that do not depend on each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ledger_service import entries
from ledger_service.audit.report import AuditReport, Status
from ledger_service.heads import ANCHORED
from ledger_service.signing import keccak256
from scripts.demo_job.auditor import Facts, Verified
from scripts.demo_job.rpc import Chain
from scripts.demo_job.summary import Summary
from scripts.demo_job.worker import Worker

_TRANSFER = keccak256(b"Transfer(address,address,uint256)")


def check_receipts(summary: Summary, workers: Sequence[Worker], log: Sequence[entries.Entry]) -> None:
    """Every label that the service acknowledged stands in the log, where its receipt says, once."""
    kept = [receipt for worker in workers for receipt in worker.receipts]
    lost = [k.index for k in kept if k.index >= len(log) or log[k.index].leaf != k.leaf]
    summary.check("every acknowledged label is in the log, where its receipt says", not lost, lost[:5])
    logged = sum(isinstance(entry.struct, entries.Label) for entry in log)
    summary.check_equal("the log has no label that was not acknowledged", logged, len({k.leaf for k in kept}))


def check_bundles(summary: Summary, labels: Verified, payments: Verified) -> None:
    """Every label and every payment was proved offline, from its bundle alone."""
    summary.labels_verified, summary.labels_failed = len(labels.facts), len(labels.failures)
    summary.payments_verified = len(payments.facts)
    summary.labels_accepted = sum(fact["verdict"] == "accepted" for fact in labels.facts)
    summary.labels_rejected = sum(fact["verdict"] == "rejected" for fact in labels.facts)
    rejected = [fact["reason"]["rule"] for fact in labels.facts if fact["verdict"] == "rejected"]
    summary.rejected_by = dict(Counter(rejected))
    summary.check("every label bundle is proved offline", not labels.failures, labels.failures[:3])
    summary.check("every payment bundle is proved offline", not payments.failures, payments.failures[:3])
    summary.check_equal("there is a proved bundle for every label", summary.labels_verified, summary.labels)
    judged = summary.labels_accepted + summary.labels_rejected
    summary.check_equal("every label has been judged", judged, summary.labels)


def check_answers(
    summary: Summary, workers: Sequence[Worker], items: Sequence[bytes], facts: Sequence[Facts]
) -> None:
    """Every proved label is what its worker answered, to an item that the worker could be asked."""
    own = {
        (worker.address, "0x" + items[position].hex()): label
        for worker in workers
        for position, label in worker.person.answers.items()
    }
    wrong = [
        fact["index"]
        for fact in facts
        if own.get((fact["worker"], fact["item"])) != (fact["answer"] or {}).get("label")
    ]
    summary.check("every label is the answer that its worker gave", not wrong, f"entries {wrong[:5]}")
    twice = [pair for pair, n in Counter((f["worker"], f["item"]) for f in facts).items() if n > 1]
    summary.check("nobody answered an item twice", not twice, twice[:3])


def check_money(
    summary: Summary, received: Mapping[str, int], payments: Sequence[Facts], left_in_escrow: int
) -> None:
    """What each worker holds is what its payment bundle proves, and nothing appeared or vanished."""
    proved: Counter[str] = Counter()
    for fact in payments:
        proved[fact["worker"]] += int(fact["amount"])
    held = {worker: amount for worker, amount in received.items() if amount}
    differ = [w for w in proved.keys() | held.keys() if proved[w] != held.get(w, 0)]
    summary.check("every worker holds exactly what its payment bundle proves", not differ, differ[:3])
    summary.payouts_onchain, summary.workers_paid = sum(held.values()), len(held)
    spent = summary.payouts_onchain + summary.fee + summary.refund
    summary.check_equal("pay, fee and refund add up to the deposit", spent, summary.deposited)
    summary.check_equal("nothing is left in the escrow", left_in_escrow, 0)


def check_audit(summary: Summary, report: AuditReport) -> None:
    """The audit's replay of log, inference and pay holds in every step, and agrees with the chain."""
    summary.log_size = report.log_size
    summary.payouts_expected = report.payouts_expected
    for step in report.steps:
        detail = f"{step.status}: {step.detail}"
        summary.check(f"audit: {step.name}", step.status is Status.PASSED, detail)
    summary.check_equal(
        "pay due by the replay is what the workers received", report.payouts_expected, summary.payouts_onchain
    )
    summary.check_equal("the audit verified every label", report.labels_verified, summary.labels)


def check_transfers(
    summary: Summary, chain: Chain, token: str, escrow: str, workers: Sequence[str], payments: Sequence[Facts]
) -> None:
    """The token's own record: the escrow has sent each worker money once a campaign at most."""
    query = {
        "fromBlock": "0x0",
        "address": token,
        "topics": ["0x" + _TRANSFER.hex(), "0x" + "00" * 12 + escrow[2:]],
    }
    sent = Counter("0x" + log["topics"][2][-40:] for log in chain.call("eth_getLogs", query))
    due = Counter(fact["worker"] for fact in payments if int(fact["amount"]))
    twice = [worker for worker in workers if sent[worker] > due[worker]]
    summary.check("nobody was paid twice", not twice, twice[:3])


def count_anchors(chain: Chain, log: str) -> int:
    """How many heads the ProvenanceLog has accepted."""
    query = {"fromBlock": "0x0", "address": log, "topics": ["0x" + ANCHORED.hex()]}
    return len(chain.call("eth_getLogs", query))

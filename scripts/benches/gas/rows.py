"""The report's rows: every figure of ours, the peer's for the same purpose, and the bar it is held to."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from scripts.benches.gas.campaign import SAMPLE, CampaignGas, PayrollGas
from scripts.benches.gas.eas import EasGas
from scripts.benches.gas.human import BULK, HumanGas
from scripts.benches.gas.log import Anchor, LogGas, Proof
from scripts.benches.gas.whole import Found
from scripts.benches.report import Bar, Peer, Row

ANCHOR, PER_LABEL, PROOF = 65_000, 6.5, 40_000
PAYROLL, PER_WORKER = 135_000, 1_400
CLAIM, CLAIM_MANY = 72_000, 36_000
OPEN = 110_000
BELOW_EAS = 10_000
BATCH = 10_000  # labels
MOST = max(BULK)


def rows(found: Found, *, usual: bool) -> list[Row]:
    """All rows; without bars where the sizes are not the `usual` ones, for which the bars are set."""
    made = [
        *_anchors(found.log),
        *_labels(found.log, found.eas),
        *_proofs(found.log, found.entries),
        *_opening(found.campaign, found.human),
        *_payrolls(found.campaign, found.human),
        *_claims(found.campaign, found.workers),
        *_paid(found.campaign, found.workers, found.human),
    ]
    return made if usual else [_without_bar(row) for row in made]


def _without_bar(row: Row) -> Row:
    return Row(row.what, row.sizes, row.ours, row.unit, row.peer, None, row.note)


def _anchors(log: LogGas) -> Iterator[Row]:
    first, bar = log.even[0], Bar(ANCHOR)
    yield Row("anchor that reaches the size", _anchor_sizes(first), first.gas, bar=bar)
    span = {"entries at first": first.size, "entries at last": log.even[-1].size, "anchors": len(log.even)}
    yield Row("anchor, even batches, mean", span, fmean(one.gas for one in log.even), bar=bar)
    dearest = max(log.even, key=lambda one: one.gas)
    note = "opens a new level of the heads' accumulator, which only the 1st, 2nd, 4th, 8th … anchor does"
    opens = "" if dearest.before & (dearest.before + 1) else note
    yield Row("anchor, even batches, dearest", _anchor_sizes(dearest), dearest.gas, note=opens)
    span = {"entries at first": log.uneven[0].size, "entries at last": log.uneven[-1].size}
    mean = fmean(one.gas for one in log.uneven)
    yield Row("anchor, uneven batches, mean", span | {"anchors": len(log.uneven)}, mean)
    dearest = max(log.uneven, key=lambda one: one.gas)
    opens = "" if dearest.before & (dearest.before + 1) else note
    yield Row("anchor, uneven batches, dearest", _anchor_sizes(dearest), dearest.gas, note=opens)


def _anchor_sizes(one: Anchor) -> dict[str, int]:
    return {"entries": one.size, "heads before": one.before, "hashes": one.hashes}


def _labels(log: LogGas, eas: EasGas | None) -> Iterator[Row]:
    sizes, unit = {"labels a batch": BATCH}, "gas per label"
    note = "an anchor divided by the labels of a batch; the contract does the same whatever their number"
    ours = log.even[0].gas / BATCH
    yield Row(
        "label recorded, anchor that reaches the size", sizes, ours, unit, bar=Bar(PER_LABEL), note=note
    )
    mean = fmean(one.gas for one in log.even) / BATCH
    yield Row("label recorded, mean", sizes, mean, unit, bar=Bar(PER_LABEL), note=note)
    if eas is None:
        return
    for count, gas in eas.multi_attest.items():
        peer = Peer("EAS", f"multiAttest of {count}", gas / count)
        yield Row("label recorded, mean, beside EAS", sizes, mean, unit, peer, Bar(BELOW_EAS, "ratio"), note)
    yield Row("label recorded, mean, beside EAS", sizes, mean, unit, Peer("EAS", "attest", eas.attest))
    for count, gas in eas.multi_timestamp.items():
        peer = Peer("EAS", f"multiTimestamp of {count}", gas / count)
        yield Row(
            "label recorded, mean, beside EAS", sizes, mean, unit, peer, note="times without any content"
        )
    yield Row("label recorded, mean, beside EAS", sizes, mean, unit, Peer("EAS", "timestamp", eas.timestamp))


def _proofs(log: LogGas, entries: int) -> Iterator[Row]:
    def row(what: str, one: Proof, bar: Bar | None) -> Row:
        sizes = {"entries": entries, "hashes": one.hashes, "hashes for the head": one.head_hashes}
        note = f"a transaction to proveLabel, less 21,000: calldata counts (EIP-7623); code {one.executed:,}"
        return Row(what, sizes, one.gas, "gas above 21,000", bar=bar, note=note)

    yield row("label proved on chain, latest head", log.latest, Bar(PROOF))
    yield row("label with a suggestion proved, latest head", log.suggested, None)
    yield row("label proved on chain, old head", log.old, None)


def _opening(campaign: CampaignGas, human: HumanGas | None) -> Iterator[Row]:
    peer = Peer("HUMAN", "createFundAndSetupEscrow", human.open) if human else None
    note = "the requester's transaction; the token's approve before it is the next row, for both"
    first, *later = campaign.deposits
    yield Row(
        "campaign opened and funded, first of the escrow", {}, first, peer=peer, bar=Bar(OPEN), note=note
    )
    if later:
        yield Row("campaign opened and funded, later", {}, fmean(later), peer=peer, bar=Bar(OPEN), note=note)
    approve = Peer("HUMAN", "approve", human.approve) if human else None
    yield Row("approve before it", {}, campaign.approve, peer=approve)


def _payrolls(campaign: CampaignGas, human: HumanGas | None) -> Iterator[Row]:
    again = human.returning if human else None
    for workers, posted in sorted(campaign.payrolls.items()):
        first, *later = posted
        bar = Bar(PAYROLL + PER_WORKER * workers) if workers == 1_000 else None
        yield _payroll("payroll posted and settled, first", first, human.fresh if human else None)
        for one in later:
            yield _payroll("payroll posted and settled, all returning", one, again, bar)


def _payroll(what: str, one: PayrollGas, payouts: dict[int, int] | None, bar: Bar | None = None) -> Row:
    """Beside the peer's payouts of the same workers, where they were run or are whole hundreds."""
    peer = None
    if payouts is not None:
        times = max(1, one.workers // MOST)
        size = one.workers // times
        if size in payouts:
            words = f"bulkPayOut of {size}" + (f", {times} times" if times > 1 else "")
            peer = Peer("HUMAN", words, payouts[size] * times)
    note = f"post {one.post:,}, settle {one.settle:,}: {one.gas / one.workers:,.0f} per worker"
    return Row(what, {"workers": one.workers}, one.gas, peer=peer, bar=bar, note=note)


def _claims(campaign: CampaignGas, workers: int) -> Iterator[Row]:
    sizes, note = {"workers": workers}, f"the dearest of {SAMPLE} workers'"
    for number, (single, many) in enumerate(zip(campaign.claims, campaign.claims_many, strict=True), 1):
        order = ("first", "second", "third")[number - 1]
        one, each = (Bar(CLAIM), Bar(CLAIM_MANY)) if number > 1 else (None, None)
        yield Row(f"claim, {order}", sizes, single, bar=one, note=note)
        sized = sizes | {"claims": campaign.many}
        yield Row(f"claimMany, {order}", sized, many, "gas per worker", bar=each)


def _paid(campaign: CampaignGas, workers: int, human: HumanGas | None) -> Iterator[Row]:
    """What it costs in all until a worker has its money: the same end in both systems."""
    unit = "gas per worker and payroll"
    note = "computed from the rows above: posted and settled each time, claimed once by claimMany"
    posted = campaign.payrolls[workers]
    ours = posted[0].gas / workers + campaign.claims_many[0]
    sizes = {"workers": workers, "payrolls a claim": 1}
    yield Row("paid in all, new workers", sizes, ours, unit, _payout(human, again=False), note=note)
    for payrolls in (1, 3, 10):
        ours = posted[-1].gas / workers + campaign.claims_many[-1] / payrolls
        sizes = {"workers": workers, "payrolls a claim": payrolls}
        yield Row("paid in all, returning workers", sizes, ours, unit, _payout(human, again=True), note=note)
    if human is not None:
        yield Row("results stored before a payout", {}, None, peer=Peer("HUMAN", "storeResults", human.store))


def _payout(human: HumanGas | None, *, again: bool) -> Peer | None:
    if human is None:
        return None
    gas = (human.returning if again else human.fresh)[MOST]
    return Peer("HUMAN", f"bulkPayOut of {MOST}", gas / MOST)

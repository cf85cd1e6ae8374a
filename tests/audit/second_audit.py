"""A second audit of one campaign, from section 14 of docs/formats.md alone: none of the product's code.

It takes what `GET …/openings` gives and the fields of entries, and computes what has to stand in the others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

PPM = 1_000_000
Matrix = list[list[float]]


def digest(document: Any) -> bytes:
    """JCS of documents that have ASCII names, integers and texts only."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def campaign_id(terms: dict[str, Any], chain_id: int, escrow: str) -> bytes:
    """Terms and campaign id (section 6)."""
    names = ["requester", "operator", "arbiter", "token", "feeBps", "window", "deadline", "bond"]
    names += ["labelPrice", "part", "brief"]
    words = [chain_id, int(escrow, 16)]
    words += [int(str(terms[name]), 16 if str(terms[name]).startswith("0x") else 10) for name in names]
    return bytes(keccak(b"".join(word.to_bytes(32, "big") for word in words)))


def share(specification: dict[str, Any], part: int) -> tuple[Any, Any]:
    """Items and gold answers of one campaign (section 5)."""
    own = specification["parts"][part] if "parts" in specification else specification
    return own["items"], own["gold"]


@dataclass(frozen=True)
class Label:
    """What the log and its opening say of one label; `answer` is None where the schema does not have it."""

    leaf: bytes
    item: bytes
    worker: str
    answer: int | None
    made_at: int
    assigned_at: int


def reasons(
    labels: Sequence[Label], gold: dict[bytes, int], review: Any, classes: int
) -> list[dict[str, Any]]:
    """Verdicts."""
    found = []
    for place, label in enumerate(labels):
        theirs = [(other.made_at, at) for at, other in enumerate(labels) if other.worker == label.worker]
        earlier = [key for key in sorted(theirs) if key < (label.made_at, place)]
        seconds = label.made_at - (earlier[-1][0] if earlier else label.assigned_at)
        known = [other for other in labels if other.worker == label.worker and other.item in gold]
        correct = sum(other.answer == gold[other.item] for other in known)
        rule = review["gold"]
        if label.answer is None:
            found.append({"rule": "schema", "answers": classes})
        elif seconds < review["min_seconds_per_label"]:
            least = review["min_seconds_per_label"]
            found.append({"rule": "speed", "seconds": seconds, "min_seconds": least})
        elif len(known) >= rule["min_answers"] and correct * PPM < rule["min_accuracy_ppm"] * len(known):
            found.append({"rule": "gold", "answers": len(known), "correct": correct} | rule)
        else:
            found.append({"rule": "accepted"})
    return found


def digamma(x: float) -> float:
    fractions = 0.0
    for step in range(10):
        fractions += 1 / (x + step)
    y = x + 10
    z = 1 / (y * y)
    tail = 0.0
    for term in (-691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12):
        tail = z * (term + tail)
    return ((math.log(y) - 0.5 / y) - tail) - fractions


class Model:
    """One of the two models, from votes and what it counts."""

    def __init__(self, votes: Any, counts: Any, prior: Any, classes: int) -> None:
        self.items, self.workers = counts["items"], counts["workers"]
        self.answers, self.states = range(classes), range(len(self.items))
        self.weights = [count + PPM * prior["prevalence"] for count in self.items]
        added = [self._community(state, prior["levels"][state // classes]) for state in self.states]
        self.rows = {
            worker: [
                [max(1, self._count(worker, a, s) + added[s][a]) for a in self.answers] for s in self.states
            ]
            for worker in self.workers
        }
        logs = {worker: [self._logs(row) for row in rows] for worker, rows in self.rows.items()}
        self.joint = {item: self._logs(self.weights) for item, _, _ in votes}
        for item, worker, answer in votes:
            for s in self.states:
                self.joint[item][s] += logs[worker][s][answer]
        self.shares = {
            item: _scaled([math.exp((j - max(row)) / 2**36) for j in row]) for item, row in self.joint.items()
        }

    def _count(self, worker: str, answer: int, state: int) -> int:
        given = self.workers[worker].get(str(answer))
        return int(given[state]) if given else 0

    def _community(self, state: int, level: Any) -> list[int]:
        pooled = []
        for answer in self.answers:
            kind = "correct" if answer == state % len(self.answers) else "wrong"
            pseudo = len(self.workers) * level[kind + "_per_worker"] + level[kind]
            pooled.append(sum(self._count(w, answer, state) for w in self.workers) + PPM * pseudo)
        return [PPM * level["worker_labels"] * cell // sum(pooled) for cell in pooled]

    def _logs(self, row: list[int]) -> list[int]:
        total = digamma(sum(row) / PPM)
        return [round(max(digamma(x / PPM) - total, -32.0) * 2**36) for x in row]

    def billionths(self, item: bytes) -> list[int]:
        found = [0 for _ in self.answers]
        for state, share in enumerate(self.shares[item]):
            found[state % len(found)] += round(10**9 * share)
        return found

    def moved(self, votes: Any) -> float:
        """The largest movement, as a share."""
        items = [sum(share[s] for share in self.shares.values()) for s in self.states]
        counted = {w: [[0.0 for _ in self.answers] for _ in self.states] for w in self.workers}
        for item, worker, answer in votes:
            for s in self.states:
                counted[worker][s][answer] += self.shares[item][s]
        moved = [abs(PPM * new - old) / sum(self.weights) for new, old in zip(items, self.items, strict=True)]
        for worker, rows in counted.items():
            for s in self.states:
                for a in self.answers:
                    apart = abs(PPM * rows[s][a] - self._count(worker, a, s))
                    moved.append(apart / sum(self.rows[worker][s]))
        return max(moved)


class Run:
    """Truth, residual and standing by the mean of two models."""

    def __init__(self, labels: Sequence[Label], parameters: Any, method: Any) -> None:
        self.votes = [
            (label.item, label.worker, label.answer) for label in labels if label.answer is not None
        ]
        self.items = list(dict.fromkeys(item for item, _, _ in self.votes))
        self.workers = list(dict.fromkeys(worker for _, worker, _ in self.votes))
        self.counts = parameters["members"]
        self.classes = len(self.counts[0]["items"])
        self.models = [
            Model(self.votes, counts, prior, self.classes)
            for counts, prior in zip(self.counts, method["members"], strict=True)
        ]

    def sums(self) -> bool:
        """Whether the models count exactly the votes."""
        given: dict[tuple[str, str], int] = {}
        for _, worker, answer in self.votes:
            given[worker, str(answer)] = given.get((worker, str(answer)), 0) + PPM
        return all(
            sum(counts["items"]) == PPM * len(self.items)
            and given
            == {(w, a): sum(row) for w, rows in counts["workers"].items() for a, row in rows.items()}
            for counts in self.counts
        )

    def truth(self) -> dict[bytes, tuple[int, int]]:
        """Answer and confidence of every item."""
        found = {}
        for item in self.items:
            total = [sum(column) for column in zip(*(m.billionths(item) for m in self.models), strict=True)]
            answer = total.index(max(total))
            found[item] = answer, (2 * PPM * total[answer] + sum(total)) // (2 * sum(total))
        return found

    def residual(self) -> int:
        return math.ceil(PPM * max(model.moved(self.votes) for model in self.models))

    def standing(self) -> dict[str, tuple[int, int]]:
        """Score and standard error of every worker."""
        found, first, truth = {}, self.models[0], self.truth()
        for worker in self.workers:
            score = 0
            for k, row in enumerate(first.rows[worker]):
                score += (first.weights[k] * PPM // sum(first.weights)) * (row[k] * PPM // sum(row))
            score //= PPM
            theirs = [item for item, voter, _ in self.votes if voter == worker]
            doubt = sum(PPM - truth[item][1] for item in theirs) // (len(theirs) + 1)
            luck = score * (PPM - score) // (len(theirs) + 1)
            found[worker] = score, math.isqrt(luck + doubt * doubt)
        return found


def log_units(ppm: int) -> int:
    return round(math.log(ppm / PPM) * 2**36)


class FirstRun:
    """Truth, residual and standing by the first method."""

    def __init__(self, labels: Sequence[Label], parameters: Any) -> None:
        self.votes = [
            (label.item, label.worker, label.answer) for label in labels if label.answer is not None
        ]
        self.items = list(dict.fromkeys(item for item, _, _ in self.votes))
        self.workers = list(dict.fromkeys(worker for _, worker, _ in self.votes))
        self.prevalence, self.confusion = parameters["prevalence"], parameters["workers"]
        self.classes = range(len(self.prevalence))
        self.joint = {item: [log_units(share) for share in self.prevalence] for item in self.items}
        for item, worker, answer in self.votes:
            for true in self.classes:
                self.joint[item][true] += log_units(self.confusion[worker][true][answer])

    def truth(self) -> dict[bytes, tuple[int, int]]:
        """Answer and confidence of every item."""
        found = {}
        for item, joint in self.joint.items():
            answer = joint.index(max(joint))
            found[item] = answer, round(PPM / sum(math.exp((j - joint[answer]) / 2**36) for j in joint))
        return found

    def residual(self) -> int:
        shares = {
            item: _scaled([math.exp((j - max(row)) / 2**36) for j in row]) for item, row in self.joint.items()
        }
        counts = {worker: [[0.0 for _ in self.classes] for _ in self.classes] for worker in self.workers}
        for item, worker, answer in self.votes:
            for true in self.classes:
                counts[worker][true][answer] += shares[item][true]
        community = [
            _scaled(
                [
                    sum(count[true][a] for count in counts.values()) + len(counts) * (8 if a == true else 1)
                    for a in self.classes
                ]
            )
            for true in self.classes
        ]
        prevalence = _scaled([sum(share[k] for share in shares.values()) + 1 for k in self.classes])
        moved = [abs(PPM * new - old) for new, old in zip(prevalence, self.prevalence, strict=True)]
        for worker, count in counts.items():
            for true in self.classes:
                row = _scaled([count[true][a] + 6 * community[true][a] for a in self.classes])
                old = self.confusion[worker][true]
                moved += [abs(PPM * new - was) for new, was in zip(row, old, strict=True)]
        return math.ceil(max(moved))

    def standing(self) -> dict[str, tuple[int, int]]:
        """Score and standard error of every worker."""
        found = {}
        for worker in self.workers:
            score = sum(self.prevalence[k] * self.confusion[worker][k][k] for k in self.classes) // PPM
            votes = sum(voter == worker for _, voter, _ in self.votes)
            found[worker] = score, math.isqrt(score * (PPM - score) // (votes + 1))
        return found


def _scaled(row: list[float]) -> list[float]:
    return [value / sum(row) for value in row]


def statements(
    campaign: str, run: str, labels: Sequence[Label], given: Sequence[Any], truth: dict[bytes, Any], pay: Any
) -> dict[str, dict[str, Any]]:
    """Pay: the statement of every worker, in the order of their first label."""
    found: dict[str, dict[str, Any]] = {}
    for label, reason in zip(labels, given, strict=True):
        amount = 0
        if reason["rule"] == "accepted":
            agrees = truth[label.item][0] == label.answer
            amount = int(pay["per_label"]) + agrees * int(pay["agreement_bonus"])
        blank = {
            "format": "crowdledger-statement@v1",
            "campaign": campaign,
            "worker": label.worker,
            "run": run,
        }
        document = found.setdefault(label.worker, blank | {"labels": [], "amount": "0"})
        document["labels"].append({"label": "0x" + label.leaf.hex(), "amount": str(amount)})
        document["amount"] = str(int(document["amount"]) + amount)
    return found


def problem_digest(
    values: Matrix, eligible: list[list[bool]], demand: list[int], capacity: list[int], seed: bytes
) -> bytes:
    """Matching.inputs."""
    hashed = hashlib.sha256(b"crowdledger-problem@v1\n")
    for number in (len(demand), len(capacity), *(int(value) for row in values for value in row)):
        hashed.update(number.to_bytes(8, "big", signed=True))
    hashed.update(bytes(pair for row in eligible for pair in row))
    for number in (*demand, *capacity):
        hashed.update(number.to_bytes(8, "big", signed=True))
    hashed.update(seed)
    return hashed.digest()


def prices_digest(prices: list[int]) -> bytes:
    """Matching.prices."""
    numbers = b"".join(number.to_bytes(8, "big") for number in (len(prices), *prices))
    return hashlib.sha256(b"crowdledger-prices@v1\n" + numbers).digest()


def dual(
    values: Matrix,
    eligible: list[list[bool]],
    demand: list[int],
    capacity: list[int],
    prices: list[int],
    assignments: int,
) -> int:
    """Matching.dual."""
    bonus = (len(capacity) + 1) * PPM
    total = sum(c * p for c, p in zip(capacity, prices, strict=True)) - bonus * assignments
    for row, open_to, wanted in zip(values, eligible, demand, strict=True):
        worth = [
            max(0, int(value) + bonus - price)
            for value, may, price in zip(row, open_to, prices, strict=True)
            if may
        ]
        total += sum(sorted(worth, reverse=True)[:wanted])
    return total

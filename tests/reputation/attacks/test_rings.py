from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from reputation import Votes
from reputation.attacks import find_rings, settle_allowed
from reputation.attacks.pairs import agreement
from reputation.attacks.tables import Tables
from reputation.truth.run import Known
from tests.reputation.conftest import Crowd, read_crowd, simulate
from tests.reputation.strategies import votes

HONEST = [
    "bluebirds", "temp", "mozafari", "face", "rte",
]  # fmt: skip


def with_ring(
    members: int, *, agree_on_truth: float, seed: int, classes: int = 3, workers: int = 30
) -> tuple[Crowd, NDArray[np.int64]]:
    """A crowd of which the first workers give one common answer, right on that share of the items."""
    crowd = simulate(
        items=200, workers=workers, classes=classes, per_item=8, skills=np.full(workers, 0.75), seed=seed
    )
    random = np.random.default_rng(seed)
    wrong = (crowd.truth + random.integers(1, classes, crowd.truth.size)) % classes
    said = np.where(random.random(wrong.size) < agree_on_truth, crowd.truth, wrong)
    votes = crowd.votes
    answer = np.where(votes.worker < members, said[votes.item], votes.answer)
    made = Votes(votes.item, votes.worker, answer, votes.items, votes.workers, votes.classes)
    return Crowd(made, crowd.item, crowd.truth), np.arange(members)


@settings(deadline=None, max_examples=40)
@given(votes(at_least=1))
def test_pairs_are_those_of_a_plain_loop(crowd: Votes) -> None:
    random = np.random.default_rng(len(crowd))
    posterior = random.dirichlet(np.ones(crowd.classes), crowd.items)
    confusion = random.dirichlet(np.ones(crowd.classes), (crowd.workers, crowd.classes))
    found = agreement(Tables.of(crowd), posterior, confusion)
    naive: dict[tuple[int, int], list[float]] = {}
    for one in range(len(crowd)):
        for other in range(len(crowd)):
            u, v = int(crowd.worker[one]), int(crowd.worker[other])
            if crowd.item[one] != crowd.item[other] or u >= v:
                continue
            left = [
                posterior[crowd.item[one], k]
                / confusion[u, k, crowd.answer[one]]
                / confusion[v, k, crowd.answer[other]]
                for k in range(crowd.classes)
            ]
            both = sum(
                left[k] / sum(left) * confusion[u, k, a] * confusion[v, k, a]
                for k in range(crowd.classes)
                for a in range(crowd.classes)
            )
            line = naive.setdefault((u, v), [0, 0, 0, 0])
            line[0] += 1
            line[1] += crowd.answer[one] == crowd.answer[other]
            line[2] += both
            line[3] += both * (1 - both)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == sorted(naive)
    for place, pair in enumerate(sorted(naive)):
        figures = found.items[place], found.agreements[place], found.expected[place], found.variance[place]
        assert figures == pytest.approx(naive[pair], abs=1e-9)


@pytest.mark.parametrize(("agree_on_truth", "classes"), [(0.0, 2), (0.0, 4), (0.5, 2), (0.6, 3)])
def test_a_ring_is_found_whole_and_nobody_else(agree_on_truth: float, classes: int) -> None:
    crowd, members = with_ring(7, agree_on_truth=agree_on_truth, seed=3, classes=classes)
    search = find_rings(crowd.votes)
    assert len(search.rings) == 1
    ring = search.rings[0]
    assert ring.workers.tolist() == members.tolist()
    assert ring.truth_rate == pytest.approx(agree_on_truth, abs=0.15)
    assert crowd.accuracy(search.posterior.argmax(axis=1)) > 0.85


def test_without_a_ring_none_is_found() -> None:
    crowd = simulate(items=300, workers=30, classes=3, per_item=6, skills=np.linspace(0.5, 0.95, 30), seed=5)
    assert find_rings(crowd.votes).rings == ()
    assert settle_allowed(crowd.votes).allowed


def test_experts_who_agree_because_they_are_right_are_no_ring() -> None:
    skills = np.r_[np.full(8, 0.995), np.full(22, 0.7)]
    crowd = simulate(items=300, workers=30, classes=2, per_item=8, skills=skills, seed=8)
    assert find_rings(crowd.votes).rings == ()


@pytest.mark.parametrize("name", HONEST)
def test_a_real_crowd_without_an_attack_may_be_paid(name: str) -> None:
    verdict = settle_allowed(read_crowd(name).votes)
    assert verdict.allowed
    assert verdict.gold_needed == 0


def test_two_rings_are_both_found() -> None:
    crowd, _ = with_ring(6, agree_on_truth=0.3, seed=11, classes=4, workers=36)
    votes, random = crowd.votes, np.random.default_rng(12)
    said = random.integers(0, 4, votes.items)
    second = (votes.worker >= 6) & (votes.worker < 12)
    answer = np.where(second, said[votes.item], votes.answer)
    found = find_rings(Votes(votes.item, votes.worker, answer, votes.items, votes.workers, 4)).rings
    assert sorted(ring.workers.tolist() for ring in found) == [list(range(6)), list(range(6, 12))]


def test_a_ring_that_could_turn_the_majority_is_refused_until_gold_decides() -> None:
    crowd, members = with_ring(12, agree_on_truth=0.0, seed=4, classes=2)
    verdict = settle_allowed(crowd.votes)
    assert not verdict.allowed
    assert verdict.workers.tolist() == members.tolist()
    assert verdict.label_share_ppm == pytest.approx(400_000, abs=40_000)
    assert verdict.items_ppm > 150_000
    assert verdict.gold_needed >= 10
    assert "12 workers" in verdict.reason
    known = Known(crowd.item[:20], crowd.truth[:20])
    with_gold = settle_allowed(crowd.votes, known, answers=find_rings(crowd.votes).posterior.argmax(axis=1))
    assert with_gold.allowed
    assert with_gold.gold_right_ppm is not None
    assert with_gold.gold_right_ppm[0] < 100_000 < 800_000 < with_gold.gold_right_ppm[1]


def test_gold_that_chose_a_side_lets_only_its_answers_be_settled() -> None:
    crowd, _ = with_ring(12, agree_on_truth=0.0, seed=4, classes=2)
    known = Known(crowd.item[:20], crowd.truth[:20])
    right = crowd.truth.astype(np.int64)
    for wrong, allowed in ((0, True), (200, False), (120, False)):
        settled = np.where(np.arange(right.size) < right.size - wrong, right, 1 - right)
        verdict = settle_allowed(crowd.votes, known, answers=settled)
        assert verdict.allowed is allowed
        assert ("gold refutes" in verdict.reason) is not allowed
    with pytest.raises(ValueError, match="answers to"):
        settle_allowed(crowd.votes, known, answers=right[:3])


def test_gold_sides_with_a_coherent_minority_when_it_is_right() -> None:
    crowd, members = with_ring(13, agree_on_truth=0.0, seed=6, classes=2)
    # The same votes, but now the truth is what the "ring" says: the others are the ones who mislead.
    known = Known(crowd.item[:40], 1 - crowd.truth[:40])
    search = find_rings(crowd.votes, known)
    flipped = search.posterior.argmax(axis=1)
    assert (flipped == 1 - crowd.truth).mean() > 0.9
    assert not any(set(members.tolist()) & set(ring.workers.tolist()) for ring in search.rings)


def test_a_small_ring_does_not_hold_up_a_campaign() -> None:
    crowd, _ = with_ring(2, agree_on_truth=0.0, seed=9, classes=4)
    assert settle_allowed(crowd.votes).allowed


def test_a_rerun_and_another_order_of_the_votes_give_the_same() -> None:
    crowd, _ = with_ring(7, agree_on_truth=0.2, seed=3)
    votes, order = crowd.votes, np.random.default_rng(0).permutation(len(crowd.votes))
    one, again = find_rings(votes), find_rings(votes)
    assert one.posterior.tobytes() == again.posterior.tobytes()
    shuffled = Votes(
        votes.item[order], votes.worker[order], votes.answer[order], votes.items, votes.workers, votes.classes
    )
    other = find_rings(shuffled)
    assert [ring.workers.tolist() for ring in other.rings] == [ring.workers.tolist() for ring in one.rings]
    assert other.posterior == pytest.approx(one.posterior, abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(votes(at_least=1))
def test_small_crowds_give_a_posterior_and_a_verdict(crowd: Votes) -> None:
    search = find_rings(crowd)
    assert search.posterior.sum(axis=1) == pytest.approx(np.ones(crowd.items))
    assert settle_allowed(crowd, search=search).allowed in (True, False)


def test_nothing_to_search_and_foreign_gold_are_refused() -> None:
    empty = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        find_rings(Votes(empty, empty, empty, 1, 1, 2))
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="known"):
        find_rings(Votes(one, one, one, 1, 1, 2), Known(np.array([3]), np.array([0])))

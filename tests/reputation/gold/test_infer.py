import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import Votes
from reputation.gold.calibration import expected_calibration_error
from reputation.gold.infer import ENOUGH, Gold, infer
from reputation.gold.models import ModelVotes
from reputation.gold.panel import HEAVY, PANEL, heavy
from reputation.truth.methods import METHODS
from tests.reputation.conftest import Crowd, read_crowd, simulate


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    skills = np.linspace(0.4, 0.95, 25)
    return simulate(items=300, workers=25, classes=3, per_item=5, skills=skills, seed=11)


def gold_of(crowd: Crowd, size: int, seed: int = 0) -> Gold:
    drawn = np.random.default_rng(seed).choice(crowd.item.size, size, replace=False)
    return Gold(crowd.item[drawn], crowd.truth[drawn])


def without(crowd: Crowd, gold: Gold) -> np.ndarray:
    return np.setdiff1d(crowd.item, gold.item)


def test_without_gold_the_confidence_is_said_to_be_uncalibrated(crowd: Crowd) -> None:
    found = infer(crowd.votes)
    assert (found.method, found.calibrated, found.temperature, found.mixture) == (
        "default",
        False,
        None,
        None,
    )
    assert "not calibrated" in found.notes[0]
    np.testing.assert_allclose(found.posterior, sum(run.posterior for run in found.members) / 2)
    np.testing.assert_array_equal(found.answer, found.posterior.argmax(axis=1))
    np.testing.assert_array_equal(found.confidence, found.posterior.max(axis=1))


def test_gold_calibrates_the_answers_to_the_other_items(crowd: Crowd) -> None:
    gold = gold_of(crowd, 60)
    plain, found = infer(crowd.votes), infer(crowd.votes, gold=gold)
    others = without(crowd, gold)
    before, after = (
        expected_calibration_error(one.posterior[others], crowd.truth[others]) for one in (plain, found)
    )
    assert after < before
    assert found.calibrated
    assert found.temperature is not None
    assert found.temperature > 1
    assert found.method == "gold"
    assert [run.method for run in found.members] == [member.name for member in PANEL]
    assert sum(found.weights) == pytest.approx(1)
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1)


def test_a_gold_item_has_its_answer_for_certain(crowd: Crowd) -> None:
    wrong = Gold(crowd.item[:30], (crowd.truth[:30] + 1) % 3)
    found = infer(crowd.votes, gold=wrong)
    np.testing.assert_array_equal(found.answer[wrong.item], wrong.answer)
    assert (found.confidence[wrong.item] == 1).all()


def test_gold_is_judged_by_fits_that_did_not_see_it() -> None:
    """Workers who guess: a fit that saw the gold would be right about it, and gold would trust the fit."""
    guesses = np.full(10, 1 / 2)
    crowd = simulate(items=200, workers=10, classes=2, per_item=3, skills=guesses, seed=12)
    gold = gold_of(crowd, 60)
    found = infer(crowd.votes, gold=gold)
    assert found.confidence[without(crowd, gold)].mean() < 0.66


def test_few_gold_answers_do_not_count_as_calibration(crowd: Crowd) -> None:
    assert infer(crowd.votes, gold=gold_of(crowd, ENOUGH)).calibrated
    one = infer(crowd.votes, gold=gold_of(crowd, 1))
    assert not one.calibrated
    assert "1 gold answer cannot" in one.notes[0]
    nothing = Gold(np.array([], dtype=int), np.array([], dtype=int))
    assert infer(crowd.votes, gold=nothing).method == "default"


@settings(deadline=None, max_examples=3)
@given(st.permutations(range(23)), st.integers(0, 2**32))
def test_the_order_in_which_gold_comes_does_not_move_a_bit(order: list[int], seed: int) -> None:
    skills = np.linspace(0.4, 0.9, 8)
    crowd = simulate(items=60, workers=8, classes=3, per_item=4, skills=skills, seed=14)
    gold = gold_of(crowd, 23)
    turned = Gold(gold.item[order], gold.answer[order])
    first, second = (infer(crowd.votes, gold=given, seed=seed) for given in (gold, turned))
    np.testing.assert_array_equal(first.posterior, second.posterior)
    assert first.weights == second.weights


def test_the_order_of_the_votes_does_not_matter(crowd: Crowd) -> None:
    votes, gold = crowd.votes, gold_of(crowd, 23)
    order = np.random.default_rng(1).permutation(len(votes))
    shuffled = Votes(votes.item[order], votes.worker[order], votes.answer[order], 300, 25, 3)
    first, second = (infer(one, gold=gold, seed=3) for one in (votes, shuffled))
    np.testing.assert_allclose(first.posterior, second.posterior, atol=1e-9)


def test_the_same_seed_gives_the_same_bits(crowd: Crowd) -> None:
    first, second = (infer(crowd.votes, gold=gold_of(crowd, 30), seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.posterior, second.posterior)


def test_models_join_as_one_worker_each(crowd: Crowd) -> None:
    knows = ModelVotes(np.tile(crowd.item, 3), np.tile(crowd.truth, 3))
    alone, found = infer(crowd.votes), infer(crowd.votes, models=[knows])
    assert found.members[0].confusion.shape[0] == 26
    assert crowd.accuracy(found.answer) > crowd.accuracy(alone.answer)


# Seven fits of a minimax take ten seconds, and go the way of the others.
@pytest.mark.parametrize("method", sorted(name for name in METHODS if not name.startswith("minimax")))
def test_every_method_runs_by_name_with_gold_and_without(method: str) -> None:
    skills = np.linspace(0.6, 0.9, 8)
    crowd = simulate(items=60, workers=8, classes=3, per_item=5, skills=skills, seed=13)
    plain = infer(crowd.votes, method=method)
    assert (plain.method, plain.weights, len(plain.members)) == (method, (1.0,), 1)
    found = infer(crowd.votes, method=method, gold=gold_of(crowd, 25))
    assert (found.method, found.calibrated, len(found.members)) == (method, True, 1)
    assert crowd.accuracy(found.answer) > 0.6


def test_progress_ends_at_the_whole(crowd: Crowd) -> None:
    seen: list[tuple[str, int, float]] = []
    features = np.random.default_rng(2).normal(size=(300, 2))
    gold = gold_of(crowd, 20)
    infer(crowd.votes, gold=gold, features=features, progress=lambda *step: seen.append(step))
    assert [steps for _, steps, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][2] == 1.0
    assert {what for what, _, _ in seen} == {"features", "models"}


def test_the_votes_on_gold_items_can_be_made_heavy(crowd: Crowd) -> None:
    gold = gold_of(crowd, 10)
    counted, before = heavy(crowd.votes, gold).tally().sum(axis=1), crowd.votes.tally().sum(axis=1)
    expected = np.where(np.isin(np.arange(300), gold.item), HEAVY, 1) * before
    np.testing.assert_array_equal(counted, expected)


def test_what_does_not_fit_is_refused(crowd: Crowd) -> None:
    with pytest.raises(ValueError, match="no method 'magic'"):
        infer(crowd.votes, method="magic")
    with pytest.raises(ValueError, match=r"known answer indices must be in 0\.\.2"):
        infer(crowd.votes, gold=Gold(np.array([0]), np.array([3])))
    with pytest.raises(ValueError, match="known twice"):
        Gold(np.array([0, 0]), np.array([1, 1]))
    nothing = np.array([], dtype=int)
    with pytest.raises(ValueError, match="no votes"):
        infer(Votes(nothing, nothing, nothing, 2, 1, 2))


def test_loading_the_module_loads_neither_torch_nor_scikit_learn() -> None:
    program = (
        "import reputation.gold.infer, sys; "
        "print([name for name in ('torch', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["face"])
def test_fifty_gold_answers_help_a_real_crowd_that_is_biased(name: str) -> None:
    crowd = read_crowd(name)
    plain = infer(crowd.votes)
    gains, errors = [], []
    for seed in range(2):
        gold = gold_of(crowd, 50, seed)
        found = infer(crowd.votes, gold=gold, seed=seed)
        others = ~np.isin(crowd.item, gold.item)
        item, truth = crowd.item[others], crowd.truth[others]
        gains.append((found.answer[item] == truth).mean() - (plain.answer[item] == truth).mean())
        errors.append(expected_calibration_error(found.posterior[item], truth))
    assert np.mean(gains) > 0.003
    assert np.mean(errors) < 0.1

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation import Known, Votes
from reputation.truth import core
from reputation.truth.core import Layout, unit_of
from tests.reputation.conftest import simulate
from tests.reputation.strategies import votes
from tests.reputation.truth import plain

CROWD = simulate(
    items=700, workers=30, classes=3, per_item=5, skills=np.linspace(0.4, 0.95, 30), seed=4
).votes
RANDOM = np.random.default_rng(8)
TABLE = torch.from_numpy(np.log(RANDOM.uniform(0.05, 1, (30 * 3, 6))))
PRIOR = torch.from_numpy(np.log(RANDOM.dirichlet(np.ones(6))))


def tiny() -> st.SearchStrategy[Votes]:
    return votes().filter(lambda crowd: crowd.items <= 5 and crowd.classes <= 3)


@settings(deadline=None, max_examples=40)
@given(tiny(), st.integers(0, 2**32 - 1))
def test_a_sweep_is_the_sum_over_every_possible_truth(crowd: Votes, seed: int) -> None:
    random = np.random.default_rng(seed)
    prior = np.log(random.dirichlet(np.ones(crowd.classes)))
    table = np.log(random.dirichlet(np.ones(crowd.classes), (crowd.workers, crowd.classes)) + 1e-3)
    flat = torch.from_numpy(table.transpose(0, 2, 1).reshape(-1, crowd.classes).copy())
    layout = Layout.of(crowd)
    found = layout.sweep(flat, torch.from_numpy(prior))
    posterior, evidence = plain.by_enumeration(crowd, prior, table)
    counts = plain.expected_counts(crowd, posterior).transpose(0, 2, 1).reshape(-1, crowd.classes)
    assert layout.posterior(flat, torch.from_numpy(prior)) == pytest.approx(posterior, abs=1e-9)
    assert found.counts.numpy() == pytest.approx(counts, abs=1e-9)
    assert found.totals.numpy() == pytest.approx(posterior[plain.answered(crowd)].sum(axis=0), abs=1e-9)
    assert found.evidence == pytest.approx(evidence, abs=1e-4)


def test_both_sums_are_those_of_a_loop() -> None:
    layout = Layout.of(CROWD)
    cell = CROWD.worker * 3 + CROWD.answer
    evidence, posterior = np.zeros((700, 6)), RANDOM.random((700, 4))
    np.add.at(evidence, CROWD.item, TABLE.numpy()[cell])
    tally = np.zeros((90, 4))
    np.add.at(tally, cell, posterior[CROWD.item])
    assert layout.evidence(TABLE).numpy() == pytest.approx(evidence, abs=1e-12)
    assert layout.tally(torch.from_numpy(posterior)).numpy() == pytest.approx(tally, abs=1e-12)


def test_blocks_of_any_size_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout.of(CROWD)
    whole, posterior = layout.sweep(TABLE, PRIOR), layout.posterior(TABLE, PRIOR)
    for size in (1, 37, 400):
        monkeypatch.setattr(core, "BLOCK_VOTES", size)
        parts = layout.sweep(TABLE, PRIOR)
        assert [b.stop for b in layout.blocks(6)][-1] == 700
        assert torch.equal(parts.counts, whole.counts)
        assert torch.equal(parts.totals, whole.totals)
        assert parts.evidence == whole.evidence
        assert layout.posterior(TABLE, PRIOR).tobytes() == posterior.tobytes()


def test_sums_of_rounded_posteriors_are_exact() -> None:
    unit = unit_of(len(CROWD))
    found = Layout.of(CROWD).sweep(TABLE, PRIOR)
    units = found.counts.numpy() / unit
    assert (units == np.rint(units)).all()
    assert units.max() < 2**53
    assert unit_of(10**9) * 2**52 > 10**9
    assert unit_of(10**9) < 1e-6


def test_halves_of_the_items_add_up_to_the_whole_bit_for_bit() -> None:
    whole, unit = Layout.of(CROWD).sweep(TABLE, PRIOR), unit_of(len(CROWD))
    halves = []
    for odd in (0, 1):
        mine = CROWD.item % 2 == odd
        part = Votes(CROWD.item[mine] // 2, CROWD.worker[mine], CROWD.answer[mine], 350, 30, 3)
        halves.append(replace(Layout.of(part), unit=unit).sweep(TABLE, PRIOR))
    assert torch.equal(halves[0].counts + halves[1].counts, whole.counts)
    assert torch.equal(halves[0].totals + halves[1].totals, whole.totals)
    assert halves[0].evidence + halves[1].evidence == whole.evidence


def frozen(part: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same numbers in four bytes each, read-only."""
    narrow: NDArray[Any] = part.astype(np.int32)
    narrow.setflags(write=False)
    return narrow


def test_compact_votes_give_the_same_bits_as_wide_ones() -> None:
    narrow = [frozen(part) for part in (CROWD.item, CROWD.worker, CROWD.answer)]
    compact = Votes(narrow[0], narrow[1], narrow[2], 700, 30, 3)
    assert compact.item is narrow[0]
    assert compact.item.dtype == np.int32
    one, other = Layout.of(CROWD), Layout.of(compact)
    assert one.cell.tobytes() == other.cell.tobytes()
    assert one.offsets.tobytes() == other.offsets.tobytes()


def test_large_indices_do_not_wrap_around_in_compact_votes() -> None:
    last = 50_000
    ends, answer = frozen(np.array([0, last])), frozen(np.array([0, 1]))
    crowd = Votes(ends, ends, answer, last + 1, last + 1, 2)
    layout = Layout.of(crowd)
    assert layout.cell.tolist() == [0, 2 * last + 1]
    assert layout.offsets[[0, 1, last, last + 1]].tolist() == [0, 1, 1, 2]


def test_a_known_item_counts_for_its_class_alone() -> None:
    known = Known(np.array([3, 9]), np.array([2, 0]))
    layout = Layout.of(CROWD, known=known)
    posterior = layout.posterior(TABLE, PRIOR)
    assert posterior[3].tolist() == [0, 0, 1]
    assert posterior[9].tolist() == [1, 0, 0]
    free = Layout.of(CROWD).posterior(TABLE, PRIOR)
    rest = np.setdiff1d(np.arange(700), known.item)
    assert posterior[rest].tobytes() == free[rest].tobytes()
    first = layout.begin(lambda shares, item: np.tile(shares, (1, 2)) / 2, 6)
    assert float(first.totals.sum()) == pytest.approx(700)


@pytest.mark.parametrize(
    ("item", "answer", "message"),
    [([0, 0], [1, 1], "twice"), ([0], [0, 1], "same length"), ([0.5], [0], "integers")],
)
def test_known_items_that_make_no_sense_are_refused(item: list[int], answer: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Known(np.array(item), np.array(answer))


def test_known_items_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="known answer indices"):
        Known(np.array([0]), np.array([3])).check(CROWD)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_sweeps_as_the_processor_does() -> None:
    known = Known(np.array([3, 9]), np.array([2, 0]))
    one = Layout.of(CROWD, known=known).sweep(TABLE, PRIOR)
    other = Layout.of(CROWD, "cuda", known).sweep(TABLE.cuda(), PRIOR.cuda())
    assert other.counts.cpu().numpy() == pytest.approx(one.counts.numpy(), abs=1e-6)
    assert other.totals.cpu().numpy() == pytest.approx(one.totals.numpy(), abs=1e-6)
    assert other.evidence == pytest.approx(one.evidence, abs=1e-3)

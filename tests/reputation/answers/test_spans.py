from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation.answers.chains import Chains
from reputation.answers.spans import (
    SpanPrior,
    Spans,
    Tags,
    allowed_transitions,
    span_truth,
    spans_of,
    tag_shares,
)
from scripts.benches.truth import planted

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@st.composite
def tags(draw: st.DrawFn) -> Tags:
    types, workers = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    length = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    pair = st.tuples(st.integers(0, len(length) - 1), st.integers(0, workers - 1))
    document, worker = np.array(draw(st.lists(pair, unique=True, min_size=1, max_size=8))).T
    count = int(np.array(length)[document].sum())
    tag = draw(st.lists(st.integers(0, 2 * types), min_size=count, max_size=count))
    return Tags(np.array(length), document, worker, np.array(tag), workers, types)


def rows(spans: Spans) -> set[tuple[int, int, int, int]]:
    columns = (spans.document, spans.start, spans.end, spans.kind)
    return set(zip(*(column.tolist() for column in columns), strict=True))


def f1(found: Spans, truth: Spans) -> float:
    return 2 * len(rows(found) & rows(truth)) / (len(rows(found)) + len(rows(truth)))


def chain_by_paths(
    evidence: Floats, initial: Floats, transition: Floats
) -> tuple[Floats, Floats, float, float]:
    """Posterior, expected steps, likelihood and the best path's weight, by going through every path."""
    steps, classes = evidence.shape
    posterior, counts = np.zeros((steps, classes)), np.zeros((classes + 1, classes))
    total, best = 0.0, 0.0
    for path in itertools.product(range(classes), repeat=steps):
        weight = initial[path[0]] * math.exp(sum(evidence[t, k] for t, k in enumerate(path)))
        weight *= math.prod(transition[a, b] for a, b in itertools.pairwise(path))
        total, best = total + weight, max(best, weight)
        counts[-1, path[0]] += weight
        for t, k in enumerate(path):
            posterior[t, k] += weight
        for a, b in itertools.pairwise(path):
            counts[a, b] += weight
    return posterior / total, counts / total, total, best


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_the_passes_agree_with_going_through_every_path(length: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    allowed = allowed_transitions(1)
    chance = np.where(allowed, random.dirichlet(np.ones(3), 4), 0)
    chance /= chance.sum(axis=1, keepdims=True)
    evidence = random.normal(0, 2, (sum(length), 3))
    chains = Chains(np.array(length))
    posterior, counts, total = chains.smooth(evidence, chance[-1], chance[:-1])
    best = chains.best(evidence, chance[-1], chance[:-1])
    expected_counts, likelihood, start = np.zeros((4, 3)), 0.0, 0
    for size in length:
        part = slice(start, start + size)
        one, steps, weight, top = chain_by_paths(evidence[part], chance[-1], chance[:-1])
        assert posterior[part] == pytest.approx(one, abs=1e-10)
        path = best[part]
        found = chance[-1, path[0]] * math.prod(chance[a, b] for a, b in itertools.pairwise(path))
        found *= math.exp(evidence[part][np.arange(size), path].sum())
        assert found == pytest.approx(top)
        expected_counts, likelihood, start = (
            expected_counts + steps,
            likelihood + math.log(weight),
            start + size,
        )
    assert counts == pytest.approx(expected_counts, abs=1e-10)
    assert total == pytest.approx(likelihood)


@settings(deadline=None, max_examples=12)
@given(tags())
def test_what_is_found_is_well_formed_and_made_of_distributions(made: Tags) -> None:
    run = span_truth(made, max_iterations=30)
    assert run.posterior.sum(axis=1) == pytest.approx(1)
    assert run.confusion.sum(axis=-1) == pytest.approx(1)
    assert run.transition.sum(axis=1) == pytest.approx(1)
    allowed, start = allowed_transitions(made.types), 0
    for size in made.length:
        path = [made.classes, *run.tag[start : start + size].tolist()]
        assert all(allowed[a, b] for a, b in itertools.pairwise(path))
        start += size
    assert rows(spans_of(run.tag, made.length)) == rows(run.spans)


@settings(deadline=None, max_examples=12)
@given(tags(), st.randoms(use_true_random=False))
def test_the_order_of_annotations_changes_no_bit(made: Tags, random: object) -> None:
    order = np.arange(len(made))
    random.shuffle(order)  # type: ignore[attr-defined]
    parts = np.split(made.tag, np.cumsum(made.length[made.document])[:-1])
    shuffled = Tags(
        made.length,
        made.document[order],
        made.worker[order],
        np.concatenate([parts[a] for a in order]),
        made.workers,
        made.types,
    )
    one, two = span_truth(made, max_iterations=10), span_truth(shuffled, max_iterations=10)
    assert one.posterior.tobytes() == two.posterior.tobytes()
    assert one.log_likelihood == two.log_likelihood


def naive_confusion(made: Tags, posterior: Floats, prior: SpanPrior) -> Floats:
    """The M-step of the workers' matrices as plain loops."""
    k, workers = made.classes, made.workers
    counts = np.zeros((workers, k + 1, k, k))
    begins, place = np.cumsum(made.length) - made.length, 0
    for d, w in zip(made.document, made.worker, strict=True):
        previous = k
        for token in range(begins[d], begins[d] + made.length[d]):
            for true in range(k):
                counts[w, previous, true, made.tag[place]] += posterior[token, true]
            previous, place = int(made.tag[place]), place + 1
    found = np.empty_like(counts)
    for true in range(k):
        coin = np.array([prior.right if a == true else prior.wrong for a in range(k)])
        crowd = counts[:, :, true].sum(axis=(0, 1)) + workers * coin
        crowd /= crowd.sum()
        for w in range(workers):
            own = counts[w, :, true].sum(axis=0) + prior.worker_weight * crowd
            own /= own.sum()
            for p in range(k + 1):
                after = counts[:, p, true].sum(axis=0) + prior.sequence_weight * crowd
                expected = own * (after / after.sum()) / crowd
                row = counts[w, p, true] + prior.sequence_weight * expected / expected.sum()
                found[w, p, true] = row / row.sum()
    return found


@settings(deadline=None, max_examples=10)
@given(tags())
def test_a_step_is_that_of_a_plain_loop(made: Tags) -> None:
    prior = SpanPrior(right=3, wrong=0.5, worker_weight=2, sequence_weight=1.5)
    run = span_truth(made, prior=prior, max_iterations=1)
    shares = np.nan_to_num(tag_shares(made), nan=1 / made.classes)
    first = naive_confusion(made, shares, prior)
    begins = np.cumsum(made.length) - made.length
    evidence, place = np.zeros((int(made.length.sum()), made.classes)), 0
    for d, w in zip(made.document, made.worker, strict=True):
        previous = made.classes
        for token in range(begins[d], begins[d] + made.length[d]):
            evidence[token] += np.log(first[w, previous, :, made.tag[place]])
            previous, place = int(made.tag[place]), place + 1
    steps = allowed_transitions(made.types) / allowed_transitions(made.types).sum(axis=1, keepdims=True)
    posterior, _, total = Chains(made.length).smooth(evidence, steps[-1], steps[:-1])
    assert run.log_likelihood[0] == pytest.approx(total, abs=1e-8)
    assert run.confusion == pytest.approx(naive_confusion(made, posterior, prior), abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_planted_spans_better_than_the_majority_of_tokens(seed: int) -> None:
    made, truth = planted.spans(seed)
    run, true = span_truth(made), spans_of(truth, made.length)
    majority = f1(spans_of(tag_shares(made).argmax(axis=1), made.length), true)
    assert run.converged
    assert f1(run.spans, true) > majority + 0.05
    hits = np.einsum("wpkk->wpk", run.confusion)[:, 0, 1]
    assert hits[0::2].max() < hits[1::2].min()


def test_a_stray_inside_tag_begins_a_span_when_read_and_is_never_written() -> None:
    read = spans_of(np.array([0, 2, 2, 1, 1, 2, 4, 2, 0]), np.array([7, 2]))
    assert rows(read) == {(0, 1, 3, 0), (0, 3, 4, 0), (0, 4, 6, 0), (0, 6, 7, 1), (1, 0, 1, 0)}
    made = Tags(np.array([2]), np.array([0]), np.array([0]), np.array([0, 2]), 1)
    assert span_truth(made).tag.tolist() in ([0, 0], [0, 1], [1, 2])


def test_a_document_that_nobody_read_gets_the_chains_own_distribution() -> None:
    made = Tags(np.array([3, 2]), np.array([0]), np.array([0]), np.array([0, 1, 2]), 1)
    run = span_truth(made)
    assert run.posterior[3] == pytest.approx(run.initial)
    assert run.posterior[4] == pytest.approx(run.initial @ run.transition)


def test_impossible_annotations_are_refused() -> None:
    one, two, zero = np.array([1]), np.array([2]), np.array([0])
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="1 tags for annotations of 2 tokens"):
        Tags(two, zero, zero, zero, 1)
    with pytest.raises(ValueError, match=r"tag indices must be in 0\.\.2"):
        Tags(one, zero, zero, np.array([3]), 1)
    with pytest.raises(ValueError, match="at least 1 token"):
        Tags(zero, zero, zero, zero, 1)
    with pytest.raises(ValueError, match="worker 0 annotated document 0 more than once"):
        Tags(one, np.array([0, 0]), np.array([0, 0]), np.array([0, 0]), 1)
    with pytest.raises(ValueError, match="same length"):
        Tags(one, zero, np.array([0, 0]), zero, 1)
    with pytest.raises(ValueError, match="no annotations"):
        span_truth(Tags(one, none, none, none, 1))
    with pytest.raises(ValueError, match="must be positive"):
        span_truth(Tags(one, zero, zero, zero, 1), max_iterations=0)
    with pytest.raises(ValueError, match="right must be positive"):
        SpanPrior(right=0)

"""Screening on small planted graphs: it learns from neighbours, and a worker's own label never reaches it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.crowd.graph import Graph, Sums, label_features, neighbour_means
from reputation.crowd.screening import Labelled, Training, banned_share, train
from scripts.benches.truth.injected import area_under_curve

SMALL = Training(networks=1, steps=40, hidden=16)


def planted(seed: int, workers: int = 240) -> tuple[np.ndarray, Graph, np.ndarray]:
    """Two camps that mostly work among themselves; profiles are only noise."""
    draw = np.random.default_rng(seed)
    banned = draw.random(workers) < 0.4
    left, right = np.triu_indices(workers, 1)
    chance = np.where(banned[left] == banned[right], 0.08, 0.02)
    keep = draw.random(left.size) < chance
    return draw.normal(size=(workers, 2)), Graph.of(np.column_stack([left, right])[keep], workers), banned


@st.composite
def graphs(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    workers = draw(st.integers(2, 9))
    pair = st.tuples(st.integers(0, workers - 1), st.integers(0, workers - 1)).filter(lambda p: p[0] != p[1])
    return np.array(draw(st.lists(pair, max_size=25)), dtype=np.int64).reshape(-1, 2), workers


@settings(deadline=None, max_examples=50)
@given(graphs())
def test_sums_and_their_gradients_are_those_of_the_dense_matrix(made: tuple[np.ndarray, int]) -> None:
    edges, workers = made
    dense = torch.zeros(workers, workers)
    dense[edges[:, 0], edges[:, 1]] = dense[edges[:, 1], edges[:, 0]] = 1
    graph = Graph.of(edges, workers)
    assert graph.degree().tolist() == dense.sum(1).tolist()
    sums = Sums.of(graph)
    state = torch.arange(workers * 3.0).reshape(workers, 3).requires_grad_()
    pull = torch.cos(torch.arange(workers * 3.0)).reshape(workers, 3)
    torch.testing.assert_close(sums(state), dense @ state)
    (gradient,) = torch.autograd.grad((sums(state) * pull).sum(), state)
    torch.testing.assert_close(gradient, dense.T @ pull)
    degree = dense.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(sums.mean(state), dense @ state / degree)
    rare = (dense / degree.T) @ state / (dense / degree.T).sum(1, keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(sums.rare_mean(state), rare)


def test_neighbours_labels_are_learned_where_profiles_say_nothing() -> None:
    profiles, graph, banned = planted(1)
    known = np.arange(0, 240, 2)
    labelled, rest = Labelled(known, banned[known]), np.arange(1, 240, 2)
    found = train(profiles, graph, labelled, training=SMALL).screen(profiles, graph, labelled)
    assert area_under_curve(found.probability[rest], banned[rest]) > 0.9
    assert area_under_curve(banned_share(graph, labelled)[rest], banned[rest]) > 0.85


def test_what_was_learned_holds_for_another_crowd() -> None:
    profiles, graph, banned = planted(2)
    known = np.arange(0, 240, 2)
    screener = train(profiles, graph, Labelled(known, banned[known]), training=SMALL)
    profiles, graph, banned = planted(3, workers=200)
    known, rest = np.arange(100), np.arange(100, 200)
    found = screener.screen(profiles, graph, Labelled(known, banned[known]))
    assert area_under_curve(found.log_odds[rest], banned[rest]) > 0.85


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 119))
def test_a_workers_own_label_never_reaches_it(position: int) -> None:
    profiles, graph, banned = planted(4)
    known = np.arange(0, 240, 2)
    screener = train(profiles, graph, Labelled(known, banned[known]), training=Training(1, 3, 8))
    other = banned[known].copy()
    other[position] = ~other[position]
    worker = known[position]
    here = screener.screen(profiles, graph, Labelled(known, banned[known])).log_odds
    there = screener.screen(profiles, graph, Labelled(known, other)).log_odds
    assert here[worker] == there[worker]
    assert (here != there).any()  # but others hear of it
    shares = [banned_share(graph, Labelled(known, fate))[worker] for fate in (banned[known], other)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)  # only through the overall share


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_random_state_alone() -> None:
    profiles, graph, banned = planted(5)
    labelled = Labelled(np.arange(100), banned[:100])
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    runs = [
        train(profiles, graph, labelled, training=Training(2, 5, 8), seed=3).screen(profiles, graph, labelled)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].log_odds, runs[1].log_odds)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_names_of_workers_and_order_of_labels_do_not_matter_to_a_trained_network() -> None:
    profiles, graph, banned = planted(6)
    labelled = Labelled(np.arange(100), banned[:100])
    screener = train(profiles, graph, labelled, training=Training(1, 5, 8))
    order = np.random.default_rng(0).permutation(100)
    shuffled = Labelled(order, banned[order])
    np.testing.assert_array_equal(
        screener.screen(profiles, graph, labelled).log_odds,
        screener.screen(profiles, graph, shuffled).log_odds,
    )
    name = np.random.default_rng(1).permutation(240)
    owner = np.repeat(np.arange(240), graph.degree())
    renamed = Graph.of(name[np.column_stack([owner, graph.neighbour])], 240)
    moved = np.empty_like(profiles)
    moved[name] = profiles
    features = label_features(Sums.of(graph), labelled.worker, labelled.banned.astype(float))
    again = label_features(Sums.of(renamed), name[labelled.worker], labelled.banned.astype(float))
    torch.testing.assert_close(features, again[torch.from_numpy(name)], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        neighbour_means(graph, profiles), neighbour_means(renamed, moved)[name], rtol=1e-4, atol=1e-5
    )


def test_workers_without_neighbours_are_screened_by_their_profiles() -> None:
    draw = np.random.default_rng(8)
    banned = draw.random(200) < 0.5
    profiles = draw.normal(size=(200, 1)) + 2.0 * banned[:, None]
    graph = Graph.of(np.empty((0, 2), dtype=np.int64), 200)
    labelled = Labelled(np.arange(100), banned[:100])
    found = train(profiles, graph, labelled, training=SMALL).screen(profiles, graph, labelled)
    assert area_under_curve(found.log_odds[100:], banned[100:]) > 0.85


def test_contributions_sum_to_the_log_odds_and_name_what_decides() -> None:
    profiles, graph, banned = planted(10)
    known = np.arange(0, 240, 2)
    labelled = Labelled(known, banned[known])
    screener = train(profiles, graph, labelled, training=SMALL)
    found = screener.contributions(profiles, graph, labelled)
    whole = screener.screen(profiles, graph, labelled).log_odds
    np.testing.assert_allclose(found.start + found.parts.sum(axis=1), whole, atol=1e-9)
    # Profiles are noise here; neighbours' labels are what there is to know.
    assert found.parts.std(axis=0).argmax() == 2
    worst = int(whole.argmax())
    assert found.reasons(worst)[0].startswith("The known labels of those it works with speak against")
    assert len(found.reasons(worst)) == 3


def test_what_does_not_fit_is_refused() -> None:
    profiles, graph, banned = planted(9)
    labelled = Labelled(np.arange(10), banned[:10])
    with pytest.raises(ValueError, match="no neighbour of itself"):
        Graph.of(np.array([[1, 1]]), 3)
    with pytest.raises(ValueError, match=r"in 0\.\.2"):
        Graph.of(np.array([[1, 3]]), 3)
    with pytest.raises(ValueError, match="profiles are"):
        train(profiles[:-1], graph, labelled)
    with pytest.raises(ValueError, match="finite"):
        train(np.full_like(profiles, np.nan), graph, labelled)
    with pytest.raises(ValueError, match="both banned and other"):
        train(profiles, graph, Labelled(np.arange(10), np.zeros(10, bool)))
    with pytest.raises(ValueError, match="labelled twice"):
        Labelled(np.array([1, 1]), np.array([True, True]))
    with pytest.raises(ValueError, match="labelled workers must be"):
        train(profiles, graph, Labelled(np.array([0, 240]), np.array([True, False])))

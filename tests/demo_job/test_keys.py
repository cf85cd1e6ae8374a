"""Secrets: the same for a seed and a role, and different for everything else."""

from __future__ import annotations

from scripts.demo_job.keys import Secrets


def test_an_actor_has_the_same_secrets_in_every_run_of_a_seed() -> None:
    one, again = Secrets("seed", "worker 1"), Secrets("seed", "worker 1")
    assert one.wallet().address == again.wallet().address
    assert one.session_key().address == again.session_key().address
    assert one.salt("answer to x") == again.salt("answer to x")


def test_no_two_secrets_are_the_same() -> None:
    actors = [Secrets(seed, role) for seed in ("a", "b") for role in ("requester", "worker 1", "worker 11")]
    secrets = [
        secret
        for actor in actors
        for secret in (
            actor.wallet().secret(),
            actor.session_key().secret(),
            actor.salt("1"),
            actor.salt("2"),
        )
    ]
    assert len(set(secrets)) == len(secrets)


def test_secrets_do_not_show() -> None:
    actor = Secrets("seed", "requester")
    assert repr(actor) == "Secrets(requester)"
    assert actor.wallet().secret().hex() not in repr(actor.wallet())

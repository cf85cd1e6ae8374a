"""An honest log and chain: nothing is an alarm, for nobody, and what was compared is said."""

from __future__ import annotations

from ledger_service.monitor.look import Look, Me
from tests.audit.builder import Builder
from tests.monitor.world import Watched


def words(look: Look) -> str:
    return "\n".join(change.words for change in look.changes)


def test_a_stranger_sees_a_log_that_grows(watched: Watched, made: Builder) -> None:
    watched.publish(made, 150)
    watched.look()
    watched.publish(made)
    look = watched.look(60)
    assert watched.alarms() == []
    assert look.unseen == look.lacking == []
    assert f"the log grew from 150 to {len(made.entries)} entries" in words(look)


def test_a_worker_without_a_key_is_told_what_was_compared(watched: Watched, made: Builder) -> None:
    watched.world.post(made, made.owed, len(made.entries))
    watched.me = Me(frozenset({made.wallets[1].address}))
    look = watched.look()
    assert watched.alarms() == []
    assert look.unseen == []
    said = words(look)
    assert "is watched: you are its worker" in said
    assert "12 Label, 1 SessionGrant" in said
    assert "compared sums; specification and terms; what the payouts of 1 workers can be" in said
    assert "not compared: the whole replay" not in said
    assert "their bonus (needs --key of the worker" in said
    assert "payroll 1 of" in said


def test_a_worker_with_a_key_compares_to_the_unit(watched: Watched, made: Builder) -> None:
    watched.wallet = made.wallets[1]
    watched.server.auditor = made.wallets[1].address
    look = watched.look()
    assert watched.alarms() == []
    assert f"the payout of {made.wallets[1].address} to the unit, from 12 labels" in words(look)


def test_every_worker_s_payout_holds_to_the_unit(watched: Watched, made: Builder) -> None:
    for wallet in made.wallets:
        watched.wallet, watched.server.auditor = wallet, wallet.address
        look = watched.look()
        assert watched.alarms() == []
        assert f"the payout of {wallet.address} to the unit" in words(look)


def test_a_requester_with_a_key_judges_everything_again(watched: Watched, made: Builder) -> None:
    watched.wallet = made.requester
    look = watched.look()
    assert watched.alarms() == []
    assert "everything judged again: 48 labels, all payouts of the run" in words(look)
    assert "not compared" not in words(look)


def test_a_requester_without_a_key_compares_every_worker_s_range(watched: Watched, made: Builder) -> None:
    watched.me = Me(frozenset({made.requester.address}))
    look = watched.look()
    assert watched.alarms() == []
    assert "what the payouts of 4 workers can be; not compared: the whole replay (no openings" in words(look)


def test_a_second_look_says_nothing_again(watched: Watched, made: Builder) -> None:
    watched.me = Me(frozenset({made.wallets[1].address}))
    watched.look()
    look = watched.look(60)
    assert look.changes == []
    assert watched.alarms() == []

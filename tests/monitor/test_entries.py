"""Entries: what does not decode, what is not signed by whom it names, and what is in my name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger_service import entries
from ledger_service.entries import Entry, Struct
from ledger_service.monitor.look import Me
from ledger_service.monitor.state import MOST_OF_A_KIND
from ledger_service.signing import Wallet
from tests.audit.builder import Builder, Change, seeded
from tests.audit.chain_world import ChainWorld
from tests.monitor.world import Watched, write_log

STRANGER = Wallet(seeded("stranger"))


def at(position: int, value: object) -> Change:
    """A change of one position only."""
    return lambda before, n: value if n == position else before


def changed(watched: Watched, **changes: Change) -> Builder:
    made = Builder(
        place=watched.log.place, changes={name.replace("_", " "): one for name, one in changes.items()}
    )
    watched.publish(made)
    return made


def mine(watched: Watched, worker: int = 1, *keys: str) -> None:
    watched.me = Me(frozenset({watched.log.wallets[worker].address}), frozenset(keys))


def only(watched: Watched, kind: str) -> dict[str, Any]:
    """The one alarm of this kind; the changed log is not the anchored one, which is an alarm of its own."""
    (found,) = [alarm for alarm in watched.alarms() if alarm["kind"] == kind]
    assert {alarm["kind"] for alarm in watched.alarms()} <= {kind, "fork", "hidden", "payout"}
    return found


def test_a_grant_in_my_name_that_i_did_not_sign(watched: Watched) -> None:
    made = changed(watched, signer_of_grant=at(1, STRANGER))
    mine(watched)
    watched.look()
    alarms = [alarm for alarm in watched.alarms() if alarm["kind"] == "not-mine"]
    grant = alarms[0]
    assert f"in the name of {made.wallets[1].address}" in grant["words"]
    assert grant["found"] == STRANGER.address
    # The grant does not hold, so none of the labels under it does.
    assert len(alarms) == 1 + 12


def test_the_same_grant_is_nobody_else_s_alarm_but_an_entry_that_does_not_hold(watched: Watched) -> None:
    changed(watched, signer_of_grant=at(1, STRANGER))
    mine(watched, worker=2)
    watched.look()
    assert "not-mine" not in watched.kinds()
    assert watched.kinds().count("entry") == 13


def test_a_label_in_my_name_by_a_key_that_i_never_granted(watched: Watched) -> None:
    changed(watched, signer_of_label=at(1, STRANGER))
    mine(watched)
    watched.look()
    assert only(watched, "not-mine")["found"] == STRANGER.address


def test_a_label_after_my_grant_has_ended(watched: Watched) -> None:
    def later(struct: Any, _: int) -> Any:
        return (
            replace(struct, valid_until=struct.valid_from + 10)
            if isinstance(struct, entries.SessionGrant)
            else struct
        )

    changed(watched, grant=later)
    mine(watched)
    watched.look()
    found = [alarm for alarm in watched.alarms() if alarm["kind"] == "not-mine"]
    assert found
    assert all("time within the grant" in alarm["words"] for alarm in found)


def test_a_label_outside_my_grant_s_scope(watched: Watched) -> None:
    changed(
        watched,
        grant=lambda struct, n: replace(struct, scope=seeded("another campaign")) if n == 1 else struct,
    )
    mine(watched)
    watched.look()
    assert watched.kinds().count("not-mine") == 12


def test_a_grant_that_i_signed_to_a_key_that_i_did_not_list(watched: Watched) -> None:
    made = watched.log
    mine(watched, 1, STRANGER.address)
    watched.look()
    found = watched.alarms()
    assert {alarm["kind"] for alarm in found} == {"not-mine"}
    assert len(found) == 1 + 12
    assert all(alarm["found"] == made.sessions[1].address for alarm in found)


def test_keys_that_i_listed_are_no_alarm(watched: Watched) -> None:
    mine(watched, 1, watched.log.sessions[1].address)
    watched.look()
    assert watched.alarms() == []


def test_a_campaign_in_my_name_that_i_did_not_sign(watched: Watched) -> None:
    made = changed(watched, signer_of_campaign=lambda *_: STRANGER)
    watched.me = Me(frozenset({made.requester.address}))
    watched.look()
    assert only(watched, "not-mine")["entry"] == 0


@pytest.mark.parametrize("role", ["owner", "disputer", "arbiter"])
def test_any_role_that_signs_is_watched(watched: Watched, role: str) -> None:
    made = watched.log
    me, zero, now = STRANGER.address, entries.ZERO32, 1
    named: dict[str, Callable[[], Struct]] = {
        "owner": lambda: entries.UsageGrant(zero, me, made.requester.address, zero, now, now),
        "disputer": lambda: entries.Dispute(made.campaign, zero, me, zero, now),
        "arbiter": lambda: entries.Ruling(zero, True, me, zero, now),
    }
    struct = named[role]()
    forged = entries.encode(struct, made.operator.sign(entries.digest(struct, made.domain)))
    signed = entries.encode(struct, STRANGER.sign(entries.digest(struct, made.domain)))
    raws = [entry.raw for entry in (*made.entries, signed, forged)]
    write_log(watched.folder, raws, made.log_key)
    watched.me = Me(frozenset({me}))
    watched.look()
    (alarm,) = watched.alarms()
    assert (alarm["kind"], alarm["entry"]) == ("not-mine", len(made.entries) + 1)


def test_a_signature_that_recovers_to_nobody(watched: Watched) -> None:
    made = watched.log
    struct = made.entries[1].struct
    assert isinstance(struct, entries.SessionGrant)
    raw = entries.preimage(struct) + b"\xff" * 64
    write_log(watched.folder, [*(entry.raw for entry in made.entries), raw], made.log_key)
    watched.me = Me(frozenset({struct.worker}))
    watched.look()
    (alarm,) = watched.alarms()
    assert (alarm["kind"], alarm["entry"]) == ("not-mine", len(made.entries))


def test_entries_that_do_not_decode(watched: Watched) -> None:
    made = watched.log
    raws = [*(entry.raw for entry in made.entries), b"", b"\x00" * 40, made.entries[0].raw + b"\x00" * 65]
    write_log(watched.folder, raws, made.log_key)
    watched.look()
    found = watched.alarms()
    assert [(alarm["kind"], alarm["entry"]) for alarm in found][:2] == [
        ("entry", len(made.entries)),
        ("entry", len(made.entries) + 1),
    ]
    assert len(found) == 3


def test_a_label_of_mine_that_is_logged_twice(watched: Watched) -> None:
    made = watched.log
    label = next(
        entry.raw
        for entry in made.entries
        if isinstance(entry.struct, entries.Label) and entry.struct.worker == made.wallets[1].address
    )
    write_log(watched.folder, [*(entry.raw for entry in made.entries), label], made.log_key)
    mine(watched)
    watched.look()
    assert "a second time" in only(watched, "entry")["words"]


def test_grants_are_remembered_across_restarts(watched: Watched, made: Builder) -> None:
    mine(watched)
    labels = [n for n, entry in enumerate(made.entries) if isinstance(entry.struct, entries.Label)]
    watched.publish(made, labels[0])  # the grants are read by one process, the labels by the next
    watched.look()
    watched.publish(made)
    look = watched.look(60)
    assert watched.alarms() == []
    assert any("12 Label" in change.words for change in look.changes)


def test_another_address_reads_the_log_from_its_first_entry(watched: Watched) -> None:
    changed(watched, signer_of_label=at(1, STRANGER))
    mine(watched, worker=2)
    watched.look()
    assert "not-mine" not in watched.kinds()
    mine(watched, worker=1)
    watched.look(60)
    kinds = watched.kinds()
    assert (kinds.count("entry"), kinds.count("not-mine")) == (1, 1)


def test_a_flood_of_bad_entries_is_bounded(watched: Watched) -> None:
    made = watched.log
    bad = [b"\x01%d" % n for n in range(MOST_OF_A_KIND + 50)]
    write_log(watched.folder, [*(entry.raw for entry in made.entries), *bad], made.log_key)
    watched.look()
    found = watched.alarms()
    assert len(found) == MOST_OF_A_KIND + 1
    assert found[-1]["words"] == f"more than {MOST_OF_A_KIND} alarms of this kind"


def test_values_that_a_database_does_not_hold_are_read(watched: Watched, world: ChainWorld) -> None:
    made = watched.log
    most = (1 << 64) - 1
    grant = entries.SessionGrant(STRANGER.address, made.sessions[0].address, entries.ZERO32, most, most)
    signed = entries.encode(grant, STRANGER.sign(entries.digest(grant, made.domain)))
    payout = entries.encode(
        entries.Payout(made.campaign, STRANGER.address, (1 << 256) - 1, seeded("a"), seeded("b"))
    )
    extra: list[Entry] = [signed, payout]
    write_log(watched.folder, [entry.raw for entry in (*made.entries, *extra)], made.log_key)
    watched.me = Me(frozenset({STRANGER.address}))
    watched.look()
    assert set(watched.kinds()) == {"payout"}

"""Content at rest is read by its subject's key, for its own commitment, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from ledger_service.errors import Corrupt, NotYours
from ledger_service.log.checkpoint import LogKey
from ledger_service.store.store import Store
from ledger_service.store.vault import Opening

ADA = "0x" + "aa" * 20
BOB = "0x" + "bb" * 20


@pytest.fixture
def store(database: Engine) -> Iterator[Store]:
    made = Store(database, LogKey("example.org/log", bytes(range(32))), bytes(32))
    yield made
    made.close()


def test_what_was_sealed_is_opened_in_another_transaction(store: Store) -> None:
    opening = Opening({"label": "é"}, b"\x07" * 32)
    with store.begin() as uow:
        sealed = uow.vault.seal(ADA, opening)
    assert "é".encode() not in sealed
    with store.begin() as uow:
        assert uow.vault.open(ADA, sealed, opening.commitment) == opening


def test_a_ciphertext_cannot_be_moved_or_changed(store: Store) -> None:
    opening = Opening({"label": "a"}, b"\x07" * 32)
    other = Opening({"label": "b"}, b"\x07" * 32)
    with store.begin() as uow:
        sealed, foreign = uow.vault.seal(ADA, opening), uow.vault.seal(BOB, opening)
        for bad, commitment in (
            (sealed, other.commitment),
            (foreign, opening.commitment),
            (sealed[:-1] + bytes([sealed[-1] ^ 1]), opening.commitment),
        ):
            with pytest.raises(Corrupt):
                uow.vault.open(ADA, bad, commitment)


def test_another_storage_key_opens_nothing(store: Store) -> None:
    opening = Opening({"label": "a"}, b"\x07" * 32)
    with store.begin() as uow:
        sealed = uow.vault.seal(ADA, opening)
    thief = Store(store.engine, store.log_key, b"\x01" * 32)
    with pytest.raises(Corrupt), thief.begin() as uow:
        uow.vault.open(ADA, sealed, opening.commitment)


def test_after_erasure_nobody_reads_it(store: Store) -> None:
    opening = Opening({"label": "a"}, b"\x07" * 32)
    with store.begin() as uow:
        sealed = uow.vault.seal(ADA, opening)
        uow.connection.execute(text("DELETE FROM subject_keys"))
    with pytest.raises(NotYours), store.begin() as uow:
        uow.vault.open(ADA, sealed, opening.commitment)


def test_first_uses_at_once_share_one_key(store: Store) -> None:
    opening = Opening({"label": "a"}, b"\x07" * 32)

    def seal(_: int) -> bytes:
        with store.begin() as uow:
            return uow.vault.seal(ADA, opening)

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(seal, range(16)))
    with store.begin() as uow:
        assert all(uow.vault.open(ADA, one, opening.commitment) == opening for one in sealed)


def test_salts_of_the_service_are_repeatable_and_differ_by_what_they_are_for(store: Store) -> None:
    with store.begin() as uow:
        assert uow.vault.salt(b"truth", b"ab", b"c") == uow.vault.salt(b"truth", b"ab", b"c")
        assert uow.vault.salt(b"truth", b"ab", b"c") != uow.vault.salt(b"truth", b"a", b"bc")

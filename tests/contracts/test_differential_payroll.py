"""Payroll roots: built on the chain, by the plain Solidity reference, and in Python, they are the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service import payroll
from ledger_service.chain.rpc import Reverted
from ledger_service.payroll import MAX_AMOUNT, PayrollEntry
from ledger_service.signing import keccak256
from tests.contracts.conftest import Differential

CAMPAIGN = keccak256(b"campaign")
MOST = 3_600
"""Positions that one transaction holds (128 KiB)."""


def crowd(count: int, seed: int, before: Sequence[PayrollEntry] = ()) -> list[PayrollEntry]:
    """A payroll of `count` positions that goes on from `before`; some earn nothing, some all there can be."""
    chance = random.Random(f"{count} {seed}")  # the same in every run
    entries = []
    for index in range(count):
        account = before[index].account if index < len(before) else f"0x{chance.getrandbits(159) + 1:040x}"
        so_far = before[index].cumulative if index < len(before) else 0
        room = MAX_AMOUNT - so_far
        increase = chance.choice([0, chance.randint(0, min(10**8, room)), chance.randint(0, room), room])
        entries.append(PayrollEntry(account, so_far, increase))
    return entries


def python_root(entries: Sequence[PayrollEntry]) -> bytes:
    return payroll.root(CAMPAIGN, [(entry.account, entry.cumulative) for entry in entries])


def total(entries: Sequence[PayrollEntry]) -> int:
    return sum(entry.cumulative for entry in entries)


def posted(
    differential: Differential, entries: Sequence[PayrollEntry], before: Sequence[PayrollEntry] = ()
) -> bytes:
    """The root that the chain builds from an update of `before`, which it has to accept."""
    settled = python_root(before), len(before), total(before)
    call = differential.artifact.call("update", CAMPAIGN, payroll.encode_entries(entries), *settled)
    root, count, chain_total = differential.answer("update", call)
    assert (count, chain_total) == (len(entries), total(entries))
    return bytes(root)


def check(
    differential: Differential, entries: Sequence[PayrollEntry], before: Sequence[PayrollEntry] = ()
) -> None:
    """The update, the whole table and the reference have Python's root."""
    expected = python_root(entries)
    assert posted(differential, entries, before) == expected
    assert differential.read("table", CAMPAIGN, payroll.encode_entries(entries), "0x" + "11" * 20) == expected
    positions = [(entry.account, entry.so_far, entry.increase) for entry in entries]
    assert differential.read("referenceRoot", CAMPAIGN, positions) == expected


def test_no_positions_have_the_zero_root_and_cannot_be_posted(differential: Differential) -> None:
    assert python_root([]) == bytes(32)
    assert differential.read("referenceRoot", CAMPAIGN, []) == bytes(32)
    assert differential.read("table", CAMPAIGN, b"", "0x" + "11" * 20) == bytes(32)
    with pytest.raises(Reverted):
        posted(differential, [])


def test_every_number_of_positions_to_64(differential: Differential) -> None:
    for count in range(1, 65):
        first = crowd(count, 1)
        check(differential, first)
        check(differential, crowd(count + count % 3, 2, first), first)


@settings(max_examples=8, deadline=None)
@given(st.integers(65, MOST), st.integers(0, 200), st.integers(0, 1 << 32))
def test_any_number_of_positions(differential: Differential, count: int, more: int, seed: int) -> None:
    first = crowd(count, seed)
    check(differential, first)
    check(differential, crowd(min(count + more, MOST), seed + 1, first), first)


def test_as_many_positions_as_a_transaction_holds(differential: Differential) -> None:
    first = crowd(MOST, 3)
    check(differential, first)
    check(differential, crowd(MOST, 4, first), first)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100), st.integers(0, 1 << 32), st.data())
def test_a_past_with_one_wrong_bit_is_refused(
    differential: Differential, count: int, seed: int, data: st.DataObject
) -> None:
    before = crowd(count, seed)
    encoded = bytearray(payroll.encode_entries(crowd(count, seed + 1, before)))
    index, bit = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, 28 * 8 - 1))
    encoded[index * payroll.ENTRY_BYTES + bit // 8] ^= 1 << bit % 8
    settled = python_root(before), len(before), total(before)
    with pytest.raises(Reverted):
        differential.read("update", CAMPAIGN, bytes(encoded), *settled)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(0, 1 << 32), st.data())
def test_python_s_paths_lead_where_the_chain_expects(
    differential: Differential, count: int, seed: int, data: st.DataObject
) -> None:
    entries = crowd(count, seed)
    owed = [(entry.account, entry.cumulative) for entry in entries]
    index = data.draw(st.integers(0, count - 1))
    account, amount = owed[index]
    path = payroll.path(CAMPAIGN, owed, index)
    root = payroll.root(CAMPAIGN, owed)
    call = differential.artifact.call("verify", root, count, CAMPAIGN, index, account, amount, path)
    differential.answer("verify", call)
    other = (amount + 1) % (MAX_AMOUNT + 1)
    with pytest.raises(Reverted):
        differential.answer(
            "verify", differential.artifact.call("verify", root, count, CAMPAIGN, index, account, other, path)
        )


def test_the_table_says_what_every_account_is_paid(differential: Differential) -> None:
    entries = crowd(20, 5, crowd(12, 6))
    encoded = payroll.encode_entries(entries)
    for entry in entries:
        call = differential.artifact.call("table", CAMPAIGN, encoded, entry.account)
        assert differential.answer("table", call) == (python_root(entries), entry.cumulative)

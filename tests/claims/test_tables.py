"""Payroll tables out of calldata: wherever the call stands in it, and never a table that was not posted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service import payroll
from ledger_service.claims.tables import POST, Posted, Table, rebuild
from ledger_service.errors import VerificationError
from ledger_service.payroll import PayrollEntry
from ledger_service.terms import Terms, campaign_id

TERMS = Terms(
    requester="0x" + "11" * 20,
    operator="0x" + "22" * 20,
    arbiter="0x" + "33" * 20,
    token="0x" + "44" * 20,
    fee_bps=250,
    window=86_400,
    deadline=1_800_000_000,
    bond=5,
    label_price=50_000,
    part=0,
    brief=bytes(range(32)),
)
CAMPAIGN = campaign_id(TERMS, 31337, "0x" + "55" * 20)
amounts = st.integers(0, (1 << 32) - 1)
accounts = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
tables = st.lists(st.builds(PayrollEntry, accounts, amounts, amounts), min_size=1, max_size=9)


def posted(entries: list[PayrollEntry]) -> Posted:
    owed = [(entry.account, entry.cumulative) for entry in entries]
    total = sum(amount for _, amount in owed)
    return Posted(1, payroll.root(CAMPAIGN, owed), total, len(owed), 7, bytes(32))


def posting(entries: list[PayrollEntry], gap: int = 0) -> bytes:
    """The call of `post`; with a gap, the encoder has put the table further back, as it may."""
    packed, words = payroll.encode_entries(entries), len(TERMS.encode()) // 32
    offset = 32 * (words + 2) + gap
    head = TERMS.encode() + offset.to_bytes(32, "big") + (7).to_bytes(32, "big")
    tail = len(packed).to_bytes(32, "big") + packed + bytes(-len(packed) % 32)
    return POST + head + bytes(gap) + tail


@given(tables, st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 100))
def test_the_table_is_found_wherever_the_call_stands(
    entries: list[PayrollEntry], before: bytes, after: bytes, gap: int
) -> None:
    found = rebuild(CAMPAIGN, TERMS, posted(entries), [before + posting(entries, gap) + after])
    assert found.owed == tuple((entry.account, entry.cumulative) for entry in entries)
    for account, amount in found.owed:
        claim = found.claim(account)
        assert claim.amount == found.amount(account) >= amount
        count, root = len(entries), found.posted.root
        payroll.verify(CAMPAIGN, claim.index, count, account, claim.amount, claim.path, root)


@given(tables, tables, st.data())
def test_no_other_table_is_taken(
    entries: list[PayrollEntry], others: list[PayrollEntry], data: st.DataObject
) -> None:
    wanted = posted(entries)
    if posted(others).root != wanted.root:
        with pytest.raises(VerificationError, match="payroll 1, posted by transaction 0x00"):
            rebuild(CAMPAIGN, TERMS, wanted, [posting(others)])
    assert rebuild(CAMPAIGN, TERMS, wanted, [posting(others) + posting(entries)]).posted == wanted
    raw = bytearray(posting(entries))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:  # a bit that decides nothing (padding, evidence) may be another one; the table may not
        table = rebuild(CAMPAIGN, TERMS, wanted, [bytes(raw)])
    except VerificationError:
        return
    assert table.owed == tuple((entry.account, entry.cumulative) for entry in entries)


@given(st.binary(max_size=600))
def test_noise_is_refused_in_words(noise: bytes) -> None:
    wanted = posted([PayrollEntry("0x" + "77" * 20, 0, 5)])
    for raw in (noise, POST + TERMS.encode() + noise, POST + TERMS.encode()[: len(noise)]):
        with pytest.raises(VerificationError):
            rebuild(CAMPAIGN, TERMS, wanted, [raw])


def test_decoys_before_the_call_do_not_hide_it() -> None:
    entries = [PayrollEntry("0x" + "77" * 20, 0, 5)]
    decoys = (POST + TERMS.encode()) * 500 + posting([PayrollEntry("0x" + "78" * 20, 0, 5)]) * 500
    assert rebuild(CAMPAIGN, TERMS, posted(entries), [decoys + posting(entries)]).owed == (
        ("0x" + "77" * 20, 5),
    )


def test_an_account_that_is_listed_twice_has_its_larger_amount() -> None:
    twice = "0x" + "77" * 20
    entries = [PayrollEntry(twice, 0, 5), PayrollEntry("0x" + "78" * 20, 0, 6), PayrollEntry(twice, 1, 8)]
    table = rebuild(CAMPAIGN, TERMS, posted(entries), [posting(entries)])
    assert (table.amount(twice), table.claim(twice).index) == (9, 2)
    assert table.claim("0x" + "79" * 20).path == ()
    assert isinstance(table, Table)

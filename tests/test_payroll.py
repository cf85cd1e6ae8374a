"""The payroll: packed entries, and the tree that the escrow contract keeps of them."""

from __future__ import annotations

import pytest
from eth_abi import encode as abi_encode
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service import payroll
from ledger_service.errors import BadInput, VerificationError
from ledger_service.payroll import PayrollEntry

CAMPAIGN = bytes(range(32))
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
owed_lists = st.lists(st.tuples(addresses, st.integers(0, 2**64 - 1)), min_size=1, max_size=20)


@st.composite
def payroll_entries(draw: st.DrawFn) -> PayrollEntry:
    so_far = draw(st.integers(0, 2**64 - 1))
    return PayrollEntry(draw(addresses), so_far, draw(st.integers(0, 2**64 - 1 - so_far)))


def naive_leaf(index: int, account: str, amount: int) -> bytes:
    """With eth_abi and eth_utils, as a contract would."""
    words = abi_encode(["bytes32", "uint256", "address", "uint256"], [CAMPAIGN, index, account, amount])
    return bytes(keccak(keccak(words)))


def naive_root(owed: list[tuple[str, int]]) -> bytes:
    """Recursively, over the padded row."""
    row = [naive_leaf(index, *position) for index, position in enumerate(owed)]
    while len(row) & (len(row) - 1):
        row.append(bytes(32))

    def fold(nodes: list[bytes]) -> bytes:
        half = len(nodes) // 2
        return nodes[0] if len(nodes) == 1 else bytes(keccak(fold(nodes[:half]) + fold(nodes[half:])))

    return fold(row)


@given(st.lists(payroll_entries(), max_size=20))
def test_entries_round_trip(entries: list[PayrollEntry]) -> None:
    raw = payroll.encode_entries(entries)
    assert len(raw) == 36 * len(entries)
    assert payroll.parse_entries(raw) == entries


def test_an_entry_is_account_amount_and_increase() -> None:
    entry = PayrollEntry("0x" + "ab" * 20, 1, 2)
    assert payroll.encode_entries([entry]).hex() == "ab" * 20 + "0000000000000001" + "0000000000000002"
    assert entry.cumulative == 3


@pytest.mark.parametrize(
    "entry",
    [
        PayrollEntry("0x" + "AB" * 20, 0, 0),
        PayrollEntry("0x12", 0, 0),
        PayrollEntry("0x" + "ab" * 20, -1, 0),
        PayrollEntry("0x" + "ab" * 20, 0, -1),
        PayrollEntry("0x" + "ab" * 20, 2**64, 0),
        PayrollEntry("0x" + "ab" * 20, 2**63, 2**63),
    ],
)
def test_what_64_bits_do_not_hold_is_refused(entry: PayrollEntry) -> None:
    with pytest.raises(BadInput):
        payroll.encode_entries([entry])


@pytest.mark.parametrize("raw", [b"\x00", bytes(35), bytes(37), b"\xff" * 36])
def test_other_bytes_are_no_entries(raw: bytes) -> None:
    with pytest.raises(BadInput):
        payroll.parse_entries(raw)


@given(owed_lists)
@settings(deadline=None)
def test_the_root_is_that_of_the_definition(owed: list[tuple[str, int]]) -> None:
    assert payroll.root(CAMPAIGN, owed) == naive_root(owed)


@pytest.mark.parametrize("count", range(1, 18))
def test_every_position_is_proved(count: int) -> None:
    owed = [("0x" + f"{position:040x}", 1000 + position) for position in range(count)]
    root = payroll.root(CAMPAIGN, owed)
    for index, (account, amount) in enumerate(owed):
        path = payroll.path(CAMPAIGN, owed, index)
        assert len(path) == payroll.depth(count)
        payroll.verify(CAMPAIGN, index, count, account, amount, path, root)


def test_nobody_and_one() -> None:
    assert payroll.root(CAMPAIGN, []) == bytes(32)
    account = "0x" + "ab" * 20
    assert payroll.root(CAMPAIGN, [(account, 5)]) == payroll.leaf(CAMPAIGN, 0, account, 5)
    assert payroll.path(CAMPAIGN, [(account, 5)], 0) == []
    assert [payroll.depth(count) for count in (0, 1, 2, 3, 4, 5, 8, 9)] == [0, 0, 1, 2, 2, 3, 3, 4]


@given(owed_lists, st.data())
@settings(deadline=None)
def test_anything_else_is_refused(owed: list[tuple[str, int]], data: st.DataObject) -> None:
    count = len(owed)
    index = data.draw(st.integers(0, count - 1))
    account, amount = owed[index]
    path, root = payroll.path(CAMPAIGN, owed, index), payroll.root(CAMPAIGN, owed)
    change = data.draw(
        st.sampled_from(["campaign", "index", "account", "amount", "shorter", "longer", "root"])
    )
    campaign = CAMPAIGN
    if change == "campaign":
        campaign = bytes(32)
    elif change == "index":
        index = data.draw(st.integers(-1, count + 1).filter(lambda other: other != index))
    elif change == "account":
        account = data.draw(addresses.filter(lambda other: other != account))
    elif change == "amount":
        amount = data.draw(st.integers(0, 2**256 - 1).filter(lambda other: other != amount))
    elif change == "shorter":
        path = path[:-1] if path else [bytes(32)]
    elif change == "longer":
        path = [*path, bytes(32)]
    else:
        root = data.draw(st.binary(min_size=32, max_size=32).filter(lambda other: other != root))
    with pytest.raises(VerificationError):
        payroll.verify(campaign, index, count, account, amount, path, root)
    if change not in ("shorter", "longer"):
        with pytest.raises(VerificationError):
            payroll.verify_path(campaign, index, account, amount, path, root)


def test_a_sibling_has_32_bytes() -> None:
    owed = [("0x" + "ab" * 20, 5), ("0x" + "cd" * 20, 6)]
    path = [payroll.path(CAMPAIGN, owed, 0)[0][:-1]]
    with pytest.raises(VerificationError, match="length of a hash"):
        payroll.verify(CAMPAIGN, 0, 2, *owed[0], path, payroll.root(CAMPAIGN, owed))


def test_a_position_that_does_not_exist_has_no_path() -> None:
    for index in (-1, 1):
        with pytest.raises(BadInput):
            payroll.path(CAMPAIGN, [("0x" + "ab" * 20, 5)], index)


@pytest.mark.parametrize("count", range(10))
def test_all_paths_at_once_are_the_paths_one_by_one(count: int) -> None:
    owed = [("0x" + f"{position:040x}", position) for position in range(count)]
    assert payroll.paths(CAMPAIGN, owed) == [payroll.path(CAMPAIGN, owed, index) for index in range(count)]

"""Fees stay inside the limits, and a replacement is always dear enough to be taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.fees import FeeLimits, Fees, raised, suggest
from tests.chain.world import World

WEI = st.integers(0, 10**12)


@given(before=st.builds(Fees, WEI, WEI), now=st.builds(Fees, WEI, WEI), limit=WEI)
def test_a_replacement_offers_a_tenth_more_of_both_and_at_least_the_market(
    before: Fees, now: Fees, limit: int
) -> None:
    fees = raised(before, now, FeeLimits(limit, limit))
    wanted_fee = max(before.max_fee * 110 // 100 + 1, now.max_fee)
    wanted_tip = max(before.priority_fee * 110 // 100 + 1, now.priority_fee)
    if fees is None:
        dearest = max(before.max_fee, before.priority_fee) * 1125 // 1000 + 1
        assert max(dearest, now.max_fee, now.priority_fee) > limit
    else:
        assert wanted_fee <= fees.max_fee <= limit
        assert wanted_tip <= fees.priority_fee <= limit


def test_a_suggestion_survives_five_full_blocks(world: World) -> None:
    head = world.client.head()
    fees = suggest(world.client, head, FeeLimits())
    assert fees is not None
    assert fees.max_fee - fees.priority_fee >= head.base_fee * 1125**5 // 1000**5
    assert suggest(world.client, head, FeeLimits(max_fee=head.base_fee - 1)) is None
    capped = suggest(world.client, head, FeeLimits(max_fee=head.base_fee + 5, priority_fee=5))
    assert capped == Fees(head.base_fee + 5, 5)

"""Money is an integer of token minor units inside and a decimal string outside; never a float."""

from __future__ import annotations

import re

from ledger_service.errors import BadInput

BASIS = 10_000
# A payroll entry holds an amount in 8 bytes.
MAX_AMOUNT = (1 << 64) - 1
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,19})\Z", re.ASCII)


def parse(text: object) -> int:
    """A decimal string of minor units.

    Raises:
        BadInput: not a string of digits without leading zeroes, or more than a payroll can hold.
    """
    if not isinstance(text, str) or not _DECIMAL.match(text) or int(text) > MAX_AMOUNT:
        raise BadInput(f"{text!r} is not an amount: a decimal string of token minor units up to 2^64 - 1")
    return int(text)


def fee(total: int, fee_bps: int) -> int:
    """The operator's fee on what is settled, rounded down (as CampaignEscrow computes it)."""
    return total * fee_bps // BASIS

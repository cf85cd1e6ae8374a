"""The token that a campaign pays in: code of anybody's choice, so nothing that it says is relied on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger_service.chain.client import Call, ChainClient
from ledger_service.chain.rpc import AnswerTooLarge, Reverted, RpcRefused
from ledger_service.eip712 import WORD
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Corrupt
from ledger_service.signing import keccak256

MOST_DECIMALS = 36
_SYMBOL = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.+$_-]{0,15}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it presents itself; None where it does not, or not sensibly."""

    address: str
    symbol: str | None
    decimals: int | None

    def show(self, amount: int) -> str:
        """An amount for people; where the token has no decimals to tell, in minor units."""
        if self.decimals is None:
            return f"{amount} minor units of {self.symbol or self.address}"
        whole, rest = divmod(amount, 10**self.decimals)
        digits = f"{rest:0{self.decimals}d}".rstrip("0") if self.decimals else ""
        return f"{whole}{'.' + digits if digits else ''} {self.symbol or self.address}"


def read_token(client: ChainClient, address: str) -> Token:
    """Ask a token for its symbol and decimals (ERC-20, both optional).

    Raises:
        Unavailable: the node does not answer.
    """
    return Token(
        address, _symbol(_ask(client, address, b"symbol()")), _decimals(_ask(client, address, b"decimals()"))
    )


def _ask(client: ChainClient, token: str, signature: bytes) -> bytes:
    try:
        return client.call(Call(ZERO_ADDRESS, token, keccak256(signature)[:4]))
    except (Reverted, RpcRefused, AnswerTooLarge, Corrupt):
        return b""


def _decimals(raw: bytes) -> int | None:
    number = int.from_bytes(raw[:WORD], "big")
    return number if len(raw) == WORD and number <= MOST_DECIMALS else None


def _symbol(raw: bytes) -> str | None:
    """A string, or 32 bytes padded with zeroes as early tokens give; of plain signs, and short."""
    if len(raw) == WORD:
        text = raw.rstrip(b"\0")
    elif len(raw) >= 2 * WORD and int.from_bytes(raw[:WORD], "big") == WORD:
        text = raw[2 * WORD :][: int.from_bytes(raw[WORD : 2 * WORD], "big")]
    else:
        return None
    return text.decode() if _SYMBOL.fullmatch(text) else None

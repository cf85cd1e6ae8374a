"""The terms that the escrow contract holds all parties to, and the campaign's id that follows from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ledger_service.commitments import Json
from ledger_service.eip712 import Address, Bytes32, encode_word
from ledger_service.errors import BadInput
from ledger_service.signing import keccak256

_DECIMAL = re.compile(r"(0|[1-9][0-9]*)\Z", re.ASCII)
_BYTES32 = re.compile(r"0x[0-9a-f]{64}\Z")

# Solidity's struct, in its order: python name, JSON name, type.
_LAYOUT = (
    ("requester", "requester", "address"),
    ("operator", "operator", "address"),
    ("arbiter", "arbiter", "address"),
    ("token", "token", "address"),
    ("fee_bps", "feeBps", "uint16"),
    ("window", "window", "uint32"),
    ("deadline", "deadline", "uint40"),
    ("bond", "bond", "uint128"),
    ("label_price", "labelPrice", "uint64"),
    ("part", "part", "uint32"),
    ("brief", "brief", "bytes32"),
)
# As it stands in the signatures of functions and events.
TUPLE = f"({','.join(solidity for _, _, solidity in _LAYOUT)})"
# Amounts, with the most digits that their type needs: decimal strings in JSON.
_AMOUNTS = {"bond": 39, "labelPrice": 20}


@dataclass(frozen=True, slots=True)
class Terms:
    """Who funds, posts and judges; in which token; fee in basis points of what is settled; dispute window in
    seconds; last moment for a payroll (seconds since 1970); dispute bond, and what a label that no payroll
    has judged is worth once the operator is silent (token minor units); which of the campaigns that share the
    specification it is; and its digest."""

    requester: Address
    operator: Address
    arbiter: Address
    token: Address
    fee_bps: int
    window: int
    deadline: int
    bond: int
    label_price: int
    part: int
    brief: Bytes32

    def encode(self) -> bytes:
        """`abi.encode(Terms)`: eleven words.

        Raises:
            BadInput: a value its Solidity type does not hold.
        """
        return b"".join(encode_word(solidity, getattr(self, name)) for name, _, solidity in _LAYOUT)

    def to_json(self) -> Json:
        """Solidity's names; amounts as decimal strings, the digest as hex."""
        values: dict[str, Any] = {json_name: getattr(self, name) for name, json_name, _ in _LAYOUT}
        amounts = {name: str(values[name]) for name in _AMOUNTS}
        return values | amounts | {"brief": "0x" + self.brief.hex()}

    @staticmethod
    def from_json(value: Json) -> Terms:
        """Read terms; each has exactly one JSON form.

        Raises:
            BadInput: a field missing, unknown, of another form or out of range.
        """
        if not isinstance(value, dict) or set(value) != {json_name for _, json_name, _ in _LAYOUT}:
            raise BadInput("terms have exactly " + ", ".join(json_name for _, json_name, _ in _LAYOUT))
        read = value | {name: _amount(name, value[name], digits) for name, digits in _AMOUNTS.items()}
        brief = value["brief"]
        if not isinstance(brief, str) or not _BYTES32.match(brief):
            raise BadInput("the brief is 32 bytes in lower-case hex")
        read["brief"] = bytes.fromhex(brief[2:])
        terms = Terms(**{name: read[json_name] for name, json_name, _ in _LAYOUT})
        terms.encode()  # every range is checked where the word is made
        return terms


def _amount(name: str, value: Json, digits: int) -> int:
    if not isinstance(value, str) or not _DECIMAL.match(value) or len(value) > digits:
        raise BadInput(f"terms.{name} is a decimal string")
    return int(value)


def campaign_id(terms: Terms, chain_id: int, escrow: str) -> bytes:
    """keccak256(abi.encode(chain id, escrow address, Terms)), 32 bytes: the campaign's name everywhere.

    Raises:
        BadInput: a value its Solidity type does not hold.
    """
    return encoded_campaign_id(terms.encode(), chain_id, escrow)


def encoded_campaign_id(encoded: bytes, chain_id: int, escrow: str) -> bytes:
    """The same of terms that are encoded already, as the data of the `Opened` event; of any bytes at all.

    Raises:
        BadInput: a chain id or an address that its Solidity type does not hold.
    """
    return keccak256(encode_word("uint256", chain_id) + encode_word("address", escrow) + encoded)

"""Calldata of the contracts that users call, and the ERC-2612 permit, from their published signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eth_abi.abi import decode, encode

from ledger_service.eip712 import encode_word
from ledger_service.signing import Wallet, keccak256
from ledger_service.terms import TUPLE as TERMS
from ledger_service.terms import Terms
from scripts.demo_job.rpc import Chain

_DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_PERMIT = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


@dataclass(frozen=True, slots=True)
class Due:
    """One position of a settled payroll, as a claim states it."""

    index: int
    account: str
    cumulative: int
    path: tuple[bytes, ...]


def calldata(name: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Selector and ABI-encoded arguments of `name(types…)`."""
    signature = f"{name}({','.join(types)})"
    return keccak256(signature.encode())[:4] + encode(list(types), list(values))


def mint(account: str, amount: int) -> bytes:
    """The local token's `mint`, which is open to all."""
    return calldata("mint", ["address", "uint256"], [account, amount])


def deposit_with_permit(terms: Terms, amount: int, until: int, signature: bytes) -> bytes:
    """`CampaignEscrow.depositWithPermit`: allowance and deposit in one transaction."""
    parity, s = signature[32] >> 7, bytes([signature[32] & 0x7F]) + signature[33:]
    types = [TERMS, "uint256", "uint256", "uint8", "bytes32", "bytes32"]
    values = [astuple(terms), amount, until, 27 + parity, signature[:32], s]
    return calldata("depositWithPermit", types, values)


def claim(terms: Terms, due: Due) -> bytes:
    """`CampaignEscrow.claim`: pays what the settled payroll owes beyond what was claimed."""
    types = [TERMS, "uint256", "address", "uint256", "bytes32[]"]
    return calldata("claim", types, [astuple(terms), due.index, due.account, due.cumulative, list(due.path)])


def refund(terms: Terms) -> bytes:
    """`CampaignEscrow.refund`: gives the requester what was neither earned nor due as fee."""
    return calldata("refund", [TERMS], [astuple(terms)])


def balances(chain: Chain, token: str, accounts: Sequence[str]) -> list[int]:
    """Token balances, in minor units."""
    found = chain.views([(token, calldata("balanceOf", ["address"], [account])) for account in accounts])
    return [int.from_bytes(raw, "big") for raw in found]


def sign_permit(chain: Chain, token: str, owner: Wallet, spender: str, amount: int, until: int) -> bytes:
    """The owner's permit (ERC-2612) for the token's own domain (ERC-5267); 64 bytes (EIP-2098)."""
    raw = chain.view(token, calldata("eip712Domain", [], []))
    fields = decode(["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"], raw)
    _, name, version, chain_id, contract, *_ = fields
    separator = keccak256(
        keccak256(_DOMAIN)
        + keccak256(name.encode())
        + keccak256(version.encode())
        + encode_word("uint256", chain_id)
        + encode_word("address", contract.lower())
    )
    nonce = int.from_bytes(chain.view(token, calldata("nonces", ["address"], [owner.address])), "big")
    struct = keccak256(
        keccak256(_PERMIT)
        + encode_word("address", owner.address)
        + encode_word("address", spender)
        + b"".join(encode_word("uint256", value) for value in (amount, nonce, until))
    )
    return owner.sign(keccak256(b"\x19\x01" + separator + struct))

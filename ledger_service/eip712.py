"""Flat EIP-712 structs: every field is one 32-byte word, so the encoding can be read back.

preimage = typeHash ‖ encodeData(struct)                       (EIP-712, "Definition of encodeData")
digest   = keccak256(0x1901 ‖ domainSeparator ‖ keccak256(preimage))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, ClassVar, get_args, get_type_hints

from ledger_service import signing
from ledger_service.errors import BadInput, BadSignature

Bytes32 = Annotated[bytes, "bytes32"]
Address = Annotated[str, "address"]
Bool = Annotated[bool, "bool"]
Uint8 = Annotated[int, "uint8"]
Uint32 = Annotated[int, "uint32"]
Uint64 = Annotated[int, "uint64"]
Uint256 = Annotated[int, "uint256"]
Int256 = Annotated[int, "int256"]

WORD = 32
_ADDRESS = re.compile(r"0x[0-9a-f]{40}\Z")
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain: chain id and contract; the log's (its name is the default) or the escrow's."""

    chain_id: int
    verifying_contract: str
    name: str = "crowdledger"

    def separator(self) -> bytes:
        """hashStruct(EIP712Domain), 32 bytes."""
        return _separator(self)


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    return signing.keccak256(
        signing.keccak256(_DOMAIN_TYPE)
        + signing.keccak256(domain.name.encode())
        + signing.keccak256(b"1")
        + encode_word("uint256", domain.chain_id)
        + encode_word("address", domain.verifying_contract)
    )


@dataclass(frozen=True, slots=True)
class Struct:
    """A flat EIP-712 struct. `signer` names the field whose address has to sign, if any does."""

    signer: ClassVar[str | None] = None


# What `get_type_hints` and Keccak give for a class never changes; computing them once makes codecs fast.
_LAYOUTS: dict[type[Struct], tuple[tuple[str, str], ...]] = {}
_TYPE_HASHES: dict[type[Struct], bytes] = {}


def layout(kind: type[Struct]) -> tuple[tuple[str, str], ...]:
    """(python name, solidity type) of each field, in order."""
    known = _LAYOUTS.get(kind)
    if known is None:
        hints = get_type_hints(kind, include_extras=True)
        known = tuple((field.name, get_args(hints[field.name])[1]) for field in fields(kind))
        _LAYOUTS[kind] = known
    return known


def type_string(kind: type[Struct]) -> str:
    """encodeType of EIP-712, for example `Receipt(bytes32 leaf,uint64 index,uint64 deadline)`."""
    members = ",".join(f"{solidity} {camel(name)}" for name, solidity in layout(kind))
    return f"{kind.__name__}({members})"


def type_hash(kind: type[Struct]) -> bytes:
    """keccak256 of the type string."""
    known = _TYPE_HASHES.get(kind)
    if known is None:
        known = _TYPE_HASHES[kind] = signing.keccak256(type_string(kind).encode())
    return known


def camel(name: str) -> str:
    """`made_at` as it is written in EIP-712 and JSON: `madeAt`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def preimage(struct: Struct) -> bytes:
    """typeHash ‖ encodeData: what hashStruct hashes, and what an entry starts with."""
    words = (encode_word(solidity, getattr(struct, name)) for name, solidity in layout(type(struct)))
    return type_hash(type(struct)) + b"".join(words)


def digest(struct: Struct, domain: Domain) -> bytes:
    """The 32-byte EIP-712 digest that the signer signs."""
    return signing.keccak256(b"\x19\x01" + domain.separator() + signing.keccak256(preimage(struct)))


def check_signer(struct: Struct, signature: bytes, domain: Domain, expected: str) -> None:
    """Check that `expected` signed `struct`.

    Raises:
        BadSignature: naming who signed instead.
    """
    found = signing.recover(digest(struct, domain), signature)
    if found != expected:
        raise BadSignature(f"{type(struct).__name__} has to be signed by {expected}, it is signed by {found}")


def encode_word(solidity: str, value: object) -> bytes:
    """One EIP-712 atomic value as its 32-byte word.

    Raises:
        BadInput: the value does not fit the type.
    """
    if solidity == "bytes32" and isinstance(value, bytes) and len(value) == WORD:
        return value
    if solidity == "address" and isinstance(value, str) and _ADDRESS.match(value):
        return bytes(12) + bytes.fromhex(value[2:])
    if solidity == "bool" and isinstance(value, bool):
        return int(value).to_bytes(WORD, "big")
    if isinstance(value, int) and not isinstance(value, bool) and "int" in solidity:
        return _encode_int(solidity, value)
    raise BadInput(f"{value!r} is not a {solidity}")


def _encode_int(solidity: str, value: int) -> bytes:
    signed = solidity.startswith("int")
    bits = int(solidity.removeprefix("int" if signed else "uint"))
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    if not low <= value < high:
        raise BadInput(f"{value} is not a {solidity}")
    return value.to_bytes(WORD, "big", signed=signed)


def decode_word(solidity: str, word: bytes) -> object:
    """The value of one word.

    Raises:
        BadInput: bits that the type does not have are set.
    """
    if solidity == "bytes32":
        return word
    if solidity == "address":
        value: object = "0x" + word[12:].hex()
    elif solidity == "bool":
        value = word[-1] == 1
    else:
        value = int.from_bytes(word, "big", signed=solidity.startswith("int"))
    if encode_word(solidity, value) != word:
        raise BadInput(f"{word.hex()} is not a {solidity}")
    return value

"""EAS: one attestation per record (npm `@ethereum-attestation-service/eas-contracts`)."""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.abi import encode

from ledger_service.chain.abi import Artifact
from ledger_service.entries import ZERO32, ZERO_ADDRESS
from ledger_service.signing import keccak256
from scripts.benches.evm import Evm
from scripts.benches.gas.crowd import crowd
from scripts.benches.peers import EAS, artifact

SCHEMA = "bytes32 taskId,address worker,bytes32 labelHash"
ATTESTED = (10, 50)  # records of one multiAttest; about 79 fill a transaction of 2^24 gas (EIP-7825)
TIMESTAMPED = (10, 100)


@dataclass(frozen=True, slots=True)
class EasGas:
    """Gas of whole transactions: `multi_attest` and `multi_timestamp` by their number of records."""

    attest: int
    multi_attest: dict[int, int]
    timestamp: int
    multi_timestamp: dict[int, int]


def measure(evm: Evm) -> EasGas:
    """Register the schema without a resolver, then record labels in the four ways that EAS has."""
    registry = artifact(EAS, "contracts/SchemaRegistry.sol/SchemaRegistry.json")
    eas = artifact(EAS, "contracts/EAS.sol/EAS.json")
    owner, sender = evm.accounts[:2]
    schemas = evm.create(owner, registry)
    at = evm.create(owner, eas, schemas)
    evm.send(owner, schemas, registry.call("register", SCHEMA, ZERO_ADDRESS, True), registry)
    schema = keccak256(SCHEMA.encode() + bytes(20) + b"\x01")  # SchemaRegistry._getUID
    return _records(evm, eas, at, schema, sender)


def _records(evm: Evm, eas: Artifact, at: str, schema: bytes, sender: str) -> EasGas:
    def gas(function: str, *args: object) -> int:
        return evm.send(sender, at, eas.call(function, *args), eas).gas_used

    gas("attest", (schema, _record("first", 0)))  # the first of all fills a slot that later ones find filled
    return EasGas(
        attest=gas("attest", (schema, _record("single", 0))),
        multi_attest={
            count: gas("multiAttest", [(schema, [_record(str(count), i) for i in range(count)])])
            for count in ATTESTED
        },
        timestamp=gas("timestamp", _hash("single", 0)),
        multi_timestamp={
            count: gas("multiTimestamp", [_hash(str(count), i) for i in range(count)])
            for count in TIMESTAMPED
        },
    )


def _record(batch: str, number: int) -> tuple[str, int, bool, bytes, bytes, int]:
    """An AttestationRequestData about one label: recipient, never expires, revocable, refers to none."""
    (worker,) = crowd(1, f"eas {batch} {number}")
    data = encode(
        ("bytes32", "address", "bytes32"), (_hash(batch, number), worker, _hash("label " + batch, number))
    )
    return (worker, 0, True, ZERO32, data, 0)


def _hash(what: str, number: int) -> bytes:
    return keccak256(f"{what} {number}".encode())

"""The contract ABI: calls, results, events and errors, from the compiler's artifacts.

Values: integers as int, bytesN and bytes as bytes, addresses as lower-case hex, structs as tuples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from ledger_service.chain.client import Log
from ledger_service.errors import BadInput, Corrupt, Unavailable
from ledger_service.signing import keccak256

_ERROR_STRING = keccak256(b"Error(string)")[:4]
_PANIC = keccak256(b"Panic(uint256)")[:4]
_SHOWN_BYTES = 200
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event: the arguments by name, in the contract's order."""

    name: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: tuple[Item, ...]
    bytecode: bytes

    def creation(self, *args: object) -> bytes:
        """Calldata that creates the contract with these constructor arguments.

        Raises:
            BadInput: arguments of other types.
        """
        inputs = [item["inputs"] for item in self.abi if item["type"] == "constructor"]
        return self.bytecode + _encode(_types(inputs[0] if inputs else ()), args)

    def call(self, function: str, *args: object) -> bytes:
        """Calldata of a call; `function` by its name, or by its whole signature where the name is overloaded.

        Raises:
            BadInput: arguments of other types.
        """
        item = self._functions[function]
        return keccak256(_signature(item).encode())[:4] + _encode(_types(item["inputs"]), args)

    def result(self, function: str, raw: bytes) -> tuple[Any, ...]:
        """The values that a call returned.

        Raises:
            Corrupt: not what this function returns.
        """
        return _decode(_types(self._functions[function]["outputs"]), raw, f"{self.name}.{function}")

    def arguments(self, function: str, calldata: bytes) -> tuple[Any, ...] | None:
        """The arguments of a call of `function`, as `call` takes them; None for a call of anything else.

        Raises:
            Corrupt: a call of it whose arguments are of another form.
        """
        item = self._functions[function]
        if calldata[:4] != keccak256(_signature(item).encode())[:4]:
            return None
        return _decode(_types(item["inputs"]), calldata[4:], f"{self.name}.{function}")

    def event(self, log: Log) -> Event | None:
        """Decode an event of this contract; None for one that its ABI does not know.

        Raises:
            Corrupt: a known event of another form.
        """
        item = self._events.get(log.topics[0]) if log.topics else None
        if item is None:
            return None
        indexed = [field for field in item["inputs"] if field["indexed"]]
        plain = [field for field in item["inputs"] if not field["indexed"]]
        if len(indexed) != len(log.topics) - 1:
            raise Corrupt(
                f"event {item['name']} has {len(indexed)} indexed values, found {len(log.topics) - 1}"
            )
        what = f"event {item['name']}"
        values = _decode(_types(plain), log.data, what)
        found = {field["name"]: value for field, value in zip(plain, values, strict=True)}
        for field, topic in zip(indexed, log.topics[1:], strict=True):
            found[field["name"]] = _topic_value(field, topic, what)
        return Event(item["name"], {field["name"]: found[field["name"]] for field in item["inputs"]})

    def explain(self, revert: bytes) -> str | None:
        """A custom error of this contract in words; None for another's."""
        item = self._errors.get(revert[:4])
        if item is None:
            return None
        try:
            values = _decode(_types(item["inputs"]), revert[4:], item["name"])
        except Corrupt:
            return f"{item['name']}(?)"
        shown = (
            f"{field['name']}={_show(value)}" for field, value in zip(item["inputs"], values, strict=True)
        )
        return f"{item['name']}({', '.join(shown)})"

    @cached_property
    def _functions(self) -> dict[str, Item]:
        functions = [item for item in self.abi if item["type"] == "function"]
        by_name = {item["name"]: item for item in functions}
        return by_name | {_signature(item): item for item in functions}

    @cached_property
    def _events(self) -> dict[bytes, Item]:
        events = (item for item in self.abi if item["type"] == "event" and not item.get("anonymous"))
        return {keccak256(_signature(item).encode()): item for item in events}

    @cached_property
    def _errors(self) -> dict[bytes, Item]:
        errors = (item for item in self.abi if item["type"] == "error")
        return {keccak256(_signature(item).encode())[:4]: item for item in errors}


def load_artifacts(path: Path) -> dict[str, Artifact]:
    """Read a file that `compile_contracts` wrote; by contract name.

    Raises:
        Unavailable: no such file. Corrupt: not such a file.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Unavailable(f"no contract artifacts at {path}: {error.strerror}") from error
    try:
        return {
            name: Artifact(name, tuple(found["abi"]), bytes.fromhex(found["bytecode"][2:]))
            for name, found in json.loads(text).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Corrupt(f"{path} holds no contract artifacts") from error


def explain(revert: bytes, artifacts: Mapping[str, Artifact] | None = None) -> str:
    """The reason of a revert in words: Error(string), Panic(uint256), or a custom error that is known."""
    if not revert:
        return "reverted without a reason"
    if revert[:4] in (_ERROR_STRING, _PANIC):
        kind = "string" if revert[:4] == _ERROR_STRING else "uint256"
        try:
            (value,) = _decode((kind,), revert[4:], "revert reason")
        except Corrupt:
            return "reverted with a malformed reason"
        return str(value)[:_SHOWN_BYTES] if kind == "string" else f"panic 0x{value:02x}"
    for artifact in (artifacts or {}).values():
        words = artifact.explain(revert)
        if words is not None:
            return words
    return "reverted with 0x" + revert[:_SHOWN_BYTES].hex()


def to_json(value: object) -> object:
    """A decoded value for storage: integers as decimal strings, bytes as hex, structs as lists."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {name: to_json(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(inner) for inner in value]
    return value


def _show(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _topic_value(field: Item, topic: bytes, what: str) -> object:
    dynamic = field["type"] in ("string", "bytes") or field["type"].endswith("]") or field["type"] == "tuple"
    return topic if dynamic else _decode((field["type"],), topic, what)[0]


def _types(fields: Sequence[Item]) -> tuple[str, ...]:
    return tuple(_type(field) for field in fields)


def _type(field: Item) -> str:
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(_types(field["components"])) + ")" + kind.removeprefix("tuple")


def _signature(item: Item) -> str:
    return f"{item['name']}({','.join(_types(item['inputs']))})"


def _encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    try:
        return encode(types, values)
    except (EncodingError, ValueError, TypeError, OverflowError) as error:
        raise BadInput(f"not what the contract takes ({', '.join(types)}): {error}") from error


def _decode(types: Sequence[str], raw: bytes, what: str) -> tuple[Any, ...]:
    try:
        return tuple(decode(types, raw))
    except (DecodingError, ValueError, OverflowError) as error:
        raise Corrupt(f"{what}: the chain's bytes are no ({', '.join(types)})") from error

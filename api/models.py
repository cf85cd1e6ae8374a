"""The values of the HTTP edge: hex, money and the bodies that several routes share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from api import examples
from ledger_service.commitments import Json
from ledger_service.store.vault import Opening


def _reader(length: int) -> BeforeValidator:
    form = re.compile(f"0x[0-9a-f]{{{2 * length}}}", re.ASCII)

    def read(value: object) -> bytes:
        if isinstance(value, bytes) and len(value) == length:
            return value
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError(f"{length} bytes in lower-case hex after 0x")
        return bytes.fromhex(value[2:])

    return BeforeValidator(read)


def _schema(length: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^0x[0-9a-f]{{{2 * length}}}$"})


def to_hex(raw: bytes) -> str:
    """Lower-case hex after 0x."""
    return "0x" + raw.hex()


_AS_HEX = PlainSerializer(to_hex, return_type=str)
Bytes32 = Annotated[bytes, _reader(32), _AS_HEX, _schema(32)]
Signature = Annotated[bytes, _reader(64), _AS_HEX, _schema(64)]
LabelEntry = Annotated[bytes, _reader(288), _AS_HEX, _schema(288)]  # seven words and a signature
Address = Annotated[str, Field(pattern="^0x[0-9a-f]{40}$")]
Money = Annotated[int, PlainSerializer(str), WithJsonSchema({"type": "string", "pattern": "^[0-9]+$"})]
Seconds = Annotated[int, Field(ge=0, lt=1 << 40)]
Position = Annotated[int, Field(ge=-1, lt=1 << 53)]


class Body(BaseModel):
    """Base of all bodies: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def shown(*values: Json) -> ConfigDict:
    """The part of a model's configuration that gives its examples in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": list(values)})


def json_bundle(example: Json) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that gives one bundle, which docs/formats.md describes."""
    content = {"schema": {"type": "object", "title": "Bundle"}, "example": example}
    return {200: {"description": "One bundle, in canonical JSON", "content": {"application/json": content}}}


class OpeningBody(Body):
    """A JSON value and the 32 random bytes of salt that it is committed with."""

    content: Any
    salt: Bytes32

    def opening(self) -> Opening:
        """As the service keeps it."""
        return Opening(self.content, self.salt)


class ReceiptBody(Body):
    """The operator's signed promise that a leaf is at an index of the log by a deadline (EIP-712 `Receipt`).

    `entry` is the label that it is for, as it stands in the log: whoever keeps both can prove the promise.
    """

    model_config = shown(examples.RECEIPT)

    leaf: Bytes32
    index: int
    deadline: int
    operator: Address
    signature: Signature
    entry: LabelEntry

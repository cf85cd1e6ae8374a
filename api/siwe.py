"""Sign-In with Ethereum (EIP-4361): the message, read strictly by its ABNF, and its signature.

    sign-in = [ scheme "://" ] domain " wants you to sign in with your Ethereum account:" LF
              address LF LF [ statement LF ] LF
              "URI: " URI LF "Version: 1" LF "Chain ID: " 1*DIGIT LF "Nonce: " 8*( ALPHA / DIGIT ) LF
              "Issued At: " date-time [ LF "Expiration Time: " date-time ] [ LF "Not Before: " date-time ]
              [ LF "Request ID: " *pchar ] [ LF "Resources:" *( LF "- " URI ) ]

`URI`, `authority` and `pchar` are those of RFC 3986, `date-time` is that of RFC 3339. Three readings of ours,
all on the strict side: the domain names a host, the address carries its EIP-55 checksum, and a chain id is a
positive 256-bit number without leading zeros (EIP-155), so that one message has one text.

Only accounts with a key sign in here: the signature of a contract wallet (ERC-1271) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from api import rfc3986
from ledger_service import signing
from ledger_service.errors import BadSignature, Refused

WANTS = " wants you to sign in with your Ethereum account:"

_STATEMENT_RE = re.compile(rf"[{rfc3986.UNRESERVED}{rfc3986.SUB_DELIMS}{rfc3986.GEN_DELIMS} ]*")
_ADDRESS_RE = re.compile(r"0x[0-9A-Fa-f]{40}")
_HEX_RE = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{2})*")
_CHAIN_ID_RE = re.compile(r"[1-9][0-9]{0,77}")
_NONCE_RE = re.compile(r"[A-Za-z0-9]{8,}")
_REQUEST_ID_RE = re.compile(rf"{rfc3986.PCHAR}*")
_DATE_TIME_RE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


class SiweError(Refused):
    """A sign-in message that is not EIP-4361, or not one to let its bearer in.

    Attributes:
        field: the EIP's name of the field at fault, "message" or "signature".
    """

    status = 422
    slug = "sign-in-refused"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A well-formed sign-in message; times are kept as they were written (RFC 3339).

    Absent and empty are different texts, so they are different values: `None` is absent.

    Raises:
        SiweError: a field that is not of its form.
    """

    domain: str
    address: str  # with its EIP-55 checksum
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    version: str
    scheme: str | None = None
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_origin(self.scheme, self.domain)
        _check_address(self.address)
        _match(_STATEMENT_RE, self.statement, "statement", "holds a character outside RFC 3986 and the space")
        _check_uri(self.uri, "uri")
        if self.version != "1":
            raise SiweError("version", "the only version is 1")
        if type(self.chain_id) is not int or not 0 < self.chain_id < 1 << 256:
            raise SiweError("chain-id", "not a positive number of 256 bits")
        _match(_NONCE_RE, self.nonce, "nonce", "not eight or more letters and digits")
        _match(
            _REQUEST_ID_RE, self.request_id, "request-id", "holds a character that RFC 3986 has no pchar for"
        )
        for resource in self.resources or ():
            _check_uri(resource, "resources")
        timestamp(self.issued_at, "issued-at")
        self.expires()
        self.valid_from()

    def text(self) -> str:
        """The message as it is shown and signed: `parse(text).text() == text`."""
        lines = [
            ("" if self.scheme is None else f"{self.scheme}://") + self.domain + WANTS,
            self.address,
            "",
            *([] if self.statement is None else [self.statement]),
            "",
            f"URI: {self.uri}",
            f"Version: {self.version}",
            f"Chain ID: {self.chain_id}",
            f"Nonce: {self.nonce}",
            f"Issued At: {self.issued_at}",
        ]
        for name, value in (
            ("Expiration Time", self.expiration_time),
            ("Not Before", self.not_before),
            ("Request ID", self.request_id),
        ):
            lines += [] if value is None else [f"{name}: {value}"]
        if self.resources is not None:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    def expires(self) -> datetime | None:
        """The first instant at which the message is no longer valid."""
        return None if self.expiration_time is None else timestamp(self.expiration_time, "expiration-time")

    def valid_from(self) -> datetime | None:
        """The first instant at which the message is valid."""
        return None if self.not_before is None else timestamp(self.not_before, "not-before")


def parse(text: str) -> Message:
    """Read a message, all of it.

    Raises:
        SiweError: the text is not an EIP-4361 message (version 1).
    """
    lines = _Lines(text)
    scheme, domain = _origin(lines.take("domain"))
    address = lines.take("address")
    lines.blank("address")
    statement = None
    # "[ statement LF ] LF": after the blank line either one more, or the statement and then one more.
    if not lines.at_blank() or lines.at_blank(1):
        statement = lines.take("statement")
    lines.blank("statement")
    return Message(
        scheme=scheme,
        domain=domain,
        address=address,
        statement=statement,
        uri=lines.field("URI: ", "uri"),
        version=lines.field("Version: ", "version"),
        chain_id=_chain_id(lines.field("Chain ID: ", "chain-id")),
        nonce=lines.field("Nonce: ", "nonce"),
        issued_at=lines.field("Issued At: ", "issued-at"),
        expiration_time=lines.optional("Expiration Time: "),
        not_before=lines.optional("Not Before: "),
        request_id=lines.optional("Request ID: "),
        resources=lines.resources(),
    )


def verify(text: str, signature: bytes | str, *, domain: str, nonce: str, now: datetime) -> str:
    """Who signs in with this message.

    1. The text is an EIP-4361 message.
    2. It was written for `domain`, compared byte for byte.
    3. It carries `nonce`.
    4. It has not expired, and is valid already.
    5. `signature` is the `personal_sign` (ERC-191) of the account that the message names.

    Args:
        signature: 65 bytes r, s, v (v as 27 or 28, or 0 or 1), or 64 bytes (EIP-2098); or the same as hex.
        now: an aware datetime.
    Returns:
        The address in lower case, as everywhere in the service.
    Raises:
        SiweError: the first step that fails.
        ValueError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime")
    message = parse(text)
    if message.domain != domain:
        raise SiweError("domain", "the message was written for another domain")
    if message.nonce != nonce:
        raise SiweError("nonce", "the message carries another nonce")
    expires, valid_from = message.expires(), message.valid_from()
    if expires is not None and now >= expires:
        raise SiweError("expiration-time", "the message has expired")
    if valid_from is not None and now < valid_from:
        raise SiweError("not-before", "the message is not valid yet")
    address = message.address.lower()
    if _signer(text, signature) != address:
        raise SiweError("signature", "not made by the account that the message names")
    return address


def build(
    *,
    domain: str,
    address: str,
    uri: str,
    chain_id: int,
    nonce: str,
    issued_at: datetime,
    scheme: str | None = None,
    statement: str | None = None,
    expiration_time: datetime | None = None,
    not_before: datetime | None = None,
    request_id: str | None = None,
    resources: Sequence[str] | None = None,
) -> str:
    """The text for a wallet to sign. An address in lower case gets its EIP-55 checksum; times are aware.

    Raises:
        SiweError: a field that is not of its form.
        ValueError: a time without a time zone.
    """
    return Message(
        domain=domain,
        address=checksum(address) if address == address.lower() else address,
        uri=uri,
        chain_id=chain_id,
        nonce=nonce,
        issued_at=_written(issued_at),
        version="1",
        scheme=scheme,
        statement=statement,
        expiration_time=None if expiration_time is None else _written(expiration_time),
        not_before=None if not_before is None else _written(not_before),
        request_id=request_id,
        resources=None if resources is None else tuple(resources),
    ).text()


def checksum(address: str) -> str:
    """The address with the capital letters of EIP-55.

    Raises:
        SiweError: not 20 bytes of hex with 0x.
    """
    _match(_ADDRESS_RE, address, "address", "not 20 bytes of hex with 0x")
    digits = address[2:].lower()
    nibbles = signing.keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, nibbles[:40], strict=True)
    )


def timestamp(text: str, field: str = "date-time") -> datetime:
    """The instant that an RFC 3339 date-time names, to the microsecond (further digits are cut off).

    Raises:
        SiweError: not a date-time, or no such instant (a leap second only at the end of a UTC day).
    """
    match = _DATE_TIME_RE.fullmatch(text)
    if match is None:
        raise SiweError(field, "not an RFC 3339 date-time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micros = int((match[7] or "0")[:6].ljust(6, "0"))
    try:
        zone = _zone(match[8], int(match[9] or 0), int(match[10] or 0))
        instant = datetime(year, month, day, hour, minute, min(second, 59), micros, zone).astimezone(UTC)
        if second == 60 and (instant.hour, instant.minute) == (23, 59):
            return instant + timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise SiweError(field, "no such instant") from error
    if second > 59:
        raise SiweError(field, "no such instant")
    return instant


def _zone(sign: str | None, hours: int, minutes: int) -> timezone:
    if minutes > 59:
        raise ValueError("an offset has fewer than 60 minutes")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


class _Lines:
    """The lines of a message, read from the top; nothing may be left over at the end."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._next = 0

    def take(self, field: str) -> str:
        if self._next >= len(self._lines):
            raise SiweError(field, "missing")
        self._next += 1
        return self._lines[self._next - 1]

    def at_blank(self, ahead: int = 0) -> bool:
        return self._lines[self._next + ahead : self._next + ahead + 1] == [""]

    def blank(self, field: str) -> None:
        if self.take(field):
            raise SiweError(field, "not followed by an empty line")

    def field(self, prefix: str, field: str) -> str:
        line = self.take(field)
        if not line.startswith(prefix):
            raise SiweError(field, f'its line must come here and begin with "{prefix}"')
        return line.removeprefix(prefix)

    def optional(self, prefix: str) -> str | None:
        if self._next < len(self._lines) and self._lines[self._next].startswith(prefix):
            return self.take(prefix).removeprefix(prefix)
        return None

    def resources(self) -> tuple[str, ...] | None:
        """The last field: everything that is left belongs to it."""
        if self._next == len(self._lines):
            return None
        if self.take("resources") != "Resources:":
            raise SiweError("message", "a line is unknown, repeated or out of order")
        left = len(self._lines) - self._next
        return tuple(self.field("- ", "resources") for _ in range(left))


def _origin(line: str) -> tuple[str | None, str]:
    if not line.endswith(WANTS):
        raise SiweError("domain", f'the first line does not end with "{WANTS}"')
    scheme, separator, domain = line.removesuffix(WANTS).rpartition("://")
    return (scheme if separator else None), domain


def _chain_id(digits: str) -> int:
    _match(_CHAIN_ID_RE, digits, "chain-id", "not a positive number without leading zeros")
    return int(digits)


def _match(pattern: re.Pattern[str], value: str | None, field: str, problem: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise SiweError(field, problem)


def _check_origin(scheme: str | None, domain: str) -> None:
    if scheme is not None and not rfc3986.is_scheme(scheme):
        raise SiweError("scheme", "not an RFC 3986 scheme")
    if not rfc3986.names_host(domain):
        raise SiweError("domain", "not an RFC 3986 authority that names a host")


def _check_address(address: str) -> None:
    if address != checksum(address):
        raise SiweError("address", "its capital letters are not those of EIP-55")


def _check_uri(uri: str, field: str) -> None:
    if not rfc3986.is_uri(uri):
        raise SiweError(field, "not an RFC 3986 URI")


def _signer(text: str, signature: bytes | str) -> str:
    if isinstance(signature, str):
        _match(_HEX_RE, signature, "signature", "not hex")
        signature = bytes.fromhex(signature.removeprefix("0x"))
    raw = signature
    try:
        if len(raw) == 65 and raw[64] in (0, 1):  # some wallets give the bare parity
            raw = raw[:64] + bytes([27 + raw[64]])
        return signing.recover_text(text, raw)
    except BadSignature as error:
        raise SiweError("signature", str(error)) from error


def _written(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError("a time must be an aware datetime")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

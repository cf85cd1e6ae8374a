"""EIP-4361: the public vectors, the grammar's corners, and the checks around the signature."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import siwe
from api.siwe import Message, SiweError
from ledger_service.errors import Refused
from ledger_service.signing import Wallet

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WALLET = Wallet(bytes(31) + b"\x07")
OTHER = Wallet(bytes(31) + b"\x08")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).parents[2].parent / "shared"))
ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
STATEMENT = ALNUM + "-._~:/?#[]@!$&'()*+,;= "


def vectors(name: str) -> dict[str, Any]:
    path = SHARED / "vectors" / "siwe" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"the public EIP-4361 vectors are not at {path} (set CROWDLEDGER_SHARED)")
    found: dict[str, Any] = json.loads(path.read_text())
    assert found
    return found


def message(**changes: Any) -> Message:
    """A message from the vectors' JSON names, as the reference library's objects have them."""
    names = {
        "chainId": "chain_id", "issuedAt": "issued_at", "expirationTime": "expiration_time",
        "notBefore": "not_before", "requestId": "request_id",
    }  # fmt: skip
    fields = {names.get(name, name): value for name, value in changes.items()}
    if fields.get("resources") is not None:
        fields["resources"] = tuple(fields["resources"])
    return Message(**fields)


def built(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "domain": "ledger.example:8443",
        "address": WALLET.address,
        "uri": "https://ledger.example:8443/",
        "chain_id": 31337,
        "nonce": "abcdefgh12345678",
        "issued_at": NOW,
    }
    return siwe.build(**(fields | changes))


def check(text: str, signature: bytes | str, **changes: Any) -> str:
    expected: dict[str, Any] = {"domain": "ledger.example:8443", "nonce": "abcdefgh12345678", "now": NOW}
    return siwe.verify(text, signature, **(expected | changes))


def refused(field: str) -> Any:
    return pytest.raises(SiweError, match=rf"^{field}: ")


# The public vectors


def test_every_message_that_should_parse_does_and_is_given_back_byte_for_byte() -> None:
    for name, vector in vectors("parsing_positive").items():
        parsed = siwe.parse(vector["message"])
        assert parsed == message(**vector["fields"]), name
        assert parsed.text() == vector["message"], name


def test_every_message_that_should_not_parse_is_refused() -> None:
    for name, text in vectors("parsing_negative").items():
        with pytest.raises(SiweError):
            pytest.fail(f"parsed: {name}: {siwe.parse(text)}")


def test_every_object_that_should_make_no_message_is_refused() -> None:
    for name, fields in vectors("parsing_negative_objects").items():
        with pytest.raises(TypeError if name.startswith("missing") else SiweError):
            pytest.fail(f"accepted: {name}: {message(**fields)}")


def test_every_signature_that_should_verify_does_and_names_the_account() -> None:
    for name, vector in vectors("verification_positive").items():
        fields = {key: value for key, value in vector.items() if key not in ("signature", "time")}
        now = siwe.timestamp(vector.get("time", "2026-01-01T00:00:00Z"))
        signer = siwe.verify(
            message(**fields).text(),
            vector["signature"],
            domain=vector["domain"],
            nonce=vector["nonce"],
            now=now,
        )
        assert signer == vector["address"].lower(), name


def test_a_vector_is_refused_outside_its_time() -> None:
    found = vectors("verification_positive")
    for name, time, field in (
        ("expired message", "2021-01-05T00:00:00Z", "expiration-time"),
        ("not yet valid", "2100-01-07T14:31:43.951Z", "not-before"),
    ):
        fields = {key: value for key, value in found[name].items() if key not in ("signature", "time")}
        text = message(**fields).text()
        with refused(field):
            siwe.verify(
                text,
                found[name]["signature"],
                domain=fields["domain"],
                nonce=fields["nonce"],
                now=siwe.timestamp(time),
            )


def test_a_contract_wallet_is_refused_for_its_signature_alone() -> None:
    for vector in vectors("eip1271").values():
        parsed = siwe.parse(vector["message"])
        with refused("signature"):
            siwe.verify(
                vector["message"], vector["signature"], domain=parsed.domain, nonce=parsed.nonce, now=NOW
            )


# The grammar


@given(
    st.fixed_dictionaries(
        {
            "scheme": st.sampled_from([None, "https", "x+y-z.1"]),
            "domain": st.sampled_from(
                ["a.example", "u:p@[::1]:80", "127.0.0.1:1", "[v1.x:y]", "a%20b", "h:"]
            ),
            "statement": st.none() | st.text(STATEMENT),
            "chain_id": st.integers(1, 2**256 - 1),
            "nonce": st.text(ALNUM, min_size=8, max_size=80),
            "request_id": st.none() | st.text(ALNUM + "-._~!$&'()*+,;=:@"),
            "resources": st.none()
            | st.lists(st.sampled_from(["a:", "ipfs://Qm", "urn:x:y?z#", "f:///a//b"])),
            "expiration_time": st.none() | st.datetimes(timezones=st.just(UTC)),
            "not_before": st.none() | st.datetimes(timezones=st.just(UTC)),
        }
    )
)
def test_what_is_built_parses_to_the_same_fields_and_text(fields: dict[str, Any]) -> None:
    text = built(**fields)
    parsed = siwe.parse(text)
    assert parsed.text() == text
    for name in ("scheme", "domain", "statement", "chain_id", "nonce", "request_id"):
        assert getattr(parsed, name) == fields[name]
    assert parsed.resources == (None if fields["resources"] is None else tuple(fields["resources"]))
    for instant, given_one in (
        (parsed.expires(), fields["expiration_time"]),
        (parsed.valid_from(), fields["not_before"]),
    ):
        assert (instant is None) == (given_one is None)
        if instant is not None:
            assert timedelta(0) <= given_one - instant < timedelta(milliseconds=1)


@given(st.data())
def test_a_changed_character_never_parses_to_the_same_message(data: st.DataObject) -> None:
    text = built(statement="Hello", request_id="r1", resources=["https://a.example/x"])
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != text[at]))
    changed = text[:at] + other + text[at + 1 :]
    try:
        parsed = siwe.parse(changed)
    except SiweError:
        return
    assert parsed != siwe.parse(text)
    assert parsed.text() == changed


def test_absent_and_empty_are_told_apart() -> None:
    for name, absent, empty in (("statement", None, ""), ("request_id", None, ""), ("resources", None, ())):
        without, having = built(**{name: absent}), built(**{name: empty})
        assert without != having
        assert getattr(siwe.parse(without), name) is None
        assert getattr(siwe.parse(having), name) == empty


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"domain": ""}, "domain"),
        ({"domain": "user@"}, "domain"),
        ({"domain": "a/b"}, "domain"),
        ({"domain": "a:b"}, "domain"),
        ({"domain": "[::1%eth0]"}, "domain"),
        ({"domain": "é.example"}, "domain"),
        ({"scheme": "1http"}, "scheme"),
        ({"address": "0x12"}, "address"),
        ({"address": "0X" + "0" * 40}, "address"),
        ({"statement": "two\nlines"}, "statement"),
        ({"statement": "a\r"}, "statement"),
        ({"statement": "100%"}, "statement"),
        ({"statement": "“quoted”"}, "statement"),
        ({"uri": "/relative"}, "uri"),
        ({"uri": "https://a b"}, "uri"),
        ({"uri": "https://[::g]/"}, "uri"),
        ({"chain_id": 0}, "chain-id"),
        ({"chain_id": -1}, "chain-id"),
        ({"chain_id": True}, "chain-id"),
        ({"chain_id": 2**256}, "chain-id"),
        ({"nonce": "1234567"}, "nonce"),
        ({"nonce": "12345678-"}, "nonce"),
        ({"nonce": "١٢٣٤٥٦٧٨"}, "nonce"),
        ({"request_id": "a/b"}, "request-id"),
        ({"resources": ["https://a.example", "no uri"]}, "resources"),
        ({"resources": ["https://a.example\n- https://b.example"]}, "resources"),
    ],
)
def test_a_field_that_is_not_of_its_form_builds_no_message(changes: dict[str, Any], field: str) -> None:
    with refused(field):
        built(**changes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Chain ID: 31337", "Chain ID: 031337"),
        ("Chain ID: 31337", "Chain ID: ٣"),
        ("Chain ID: 31337", "Chain ID: " + "9" * 5000),
        ("Chain ID: 31337", "Chain ID: 31337 "),
        ("Version: 1", "version: 1"),
        ("Version: 1", "Version: 01"),
        ("account:\n0x", "account:\r\n0x"),
        ("account:", "account"),
        ("Issued At", "Issued at"),
        ("Request ID: r1", "Request ID: r1\nRequest ID: r1"),
        ("Request ID: r1", "Request ID: r1\nRemark: x"),
        ("Resources:", "Resources: "),
        ("- https://a.example/x", "-https://a.example/x"),
        ("- https://a.example/x", "- https://a.example/x\n"),
        ("- https://a.example/x", "- https://a.example/x\n- "),
    ],
)
def test_a_text_that_strays_from_the_grammar_is_refused(old: str, new: str) -> None:
    text = built(request_id="r1", resources=["https://a.example/x"])
    assert old in text
    assert siwe.parse(text).chain_id == 31337
    with pytest.raises(SiweError):
        siwe.parse(text.replace(old, new))


def test_every_beginning_of_a_message_is_refused_or_is_a_message_of_its_own() -> None:
    text = built(statement="Hello", request_id="r1", resources=["https://a.example/x"])
    for length in range(text.index("Issued At: ")):
        with pytest.raises(SiweError):
            siwe.parse(text[:length])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2021-09-30T16:25:24Z", datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC)),
        ("2021-09-30t16:25:24z", datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC)),
        ("2021-09-30T16:25:24.5-02:00", datetime(2021, 9, 30, 18, 25, 24, 500_000, tzinfo=UTC)),
        ("2021-09-30T16:25:24.1234567890+23:59", datetime(2021, 9, 29, 16, 26, 24, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_date_time_names_its_instant(text: str, instant: datetime) -> None:
    assert siwe.timestamp(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "", "2021-09-30", "2021-09-30T16:25Z", "2021-09-30T16:25:24", "2021-09-30 16:25:24Z",
        "2021-9-30T16:25:24Z", "2021-02-29T00:00:00Z", "2021-13-01T00:00:00Z", "2021-01-01T24:00:00Z",
        "2021-01-01T00:60:00Z", "2021-01-01T12:00:60Z", "2021-01-01T23:59:61Z", "2021-01-01T00:00:00+24:00",
        "2021-01-01T00:00:00+01:60", "2021-01-01T00:00:00+0100", "2021-01-01T00:00:00.Z",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:60Z", "２021-01-01T00:00:00Z",
        "2021-01-01T00:00:00Z\n",
    ],
)  # fmt: skip
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with refused("date-time"):
        siwe.timestamp(text)


def test_addresses_get_the_capitals_of_the_examples_in_eip_55() -> None:
    for address in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ):
        assert siwe.checksum(address.lower()) == address


def test_an_address_in_wrong_capitals_is_not_silently_corrected() -> None:
    right = siwe.checksum(WALLET.address)
    with refused("address"):
        built(address=right.swapcase().replace("0X", "0x"))
    with refused("address"):
        siwe.parse(built().replace(right, WALLET.address))


# The signature and what it is bound to


def test_a_wallets_signature_lets_it_in_in_every_encoding() -> None:
    text = built()
    full = WALLET.sign_text(text)
    parity = full[64] - 27
    compact = full[:32] + bytes([full[32] | parity << 7]) + full[33:64]
    for signature in (full, full[:64] + bytes([parity]), compact):
        for given_one in (signature, signature.hex(), "0x" + signature.hex()):
            assert check(text, given_one) == WALLET.address


def test_a_message_is_good_only_where_and_for_what_it_was_written() -> None:
    text = built()
    signature = WALLET.sign_text(text)
    with refused("domain"):
        check(text, signature, domain="ledger.example")
    with refused("domain"):
        check(text, signature, domain="LEDGER.example:8443")
    with refused("nonce"):
        check(text, signature, nonce="abcdefgh12345679")


def test_time_bounds_hold_to_the_instant() -> None:
    text = built(expiration_time=NOW + timedelta(seconds=9), not_before=NOW)
    signature = WALLET.sign_text(text)
    assert check(text, signature) == WALLET.address
    last = NOW + timedelta(seconds=8.999)
    assert check(text, signature, now=last.astimezone(timezone(timedelta(hours=-7)))) == WALLET.address
    with refused("expiration-time"):
        check(text, signature, now=NOW + timedelta(seconds=9))
    with refused("not-before"):
        check(text, signature, now=NOW - timedelta(milliseconds=1))


def test_naive_times_are_a_mistake_of_the_program() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        check(built(), bytes(65), now=naive)
    with pytest.raises(ValueError, match="aware"):
        built(issued_at=naive)


def test_another_accounts_signature_and_broken_ones_are_refused() -> None:
    text = built()
    good = WALLET.sign_text(text)
    high_s = ORDER - int.from_bytes(good[32:64], "big")
    for signature in (
        OTHER.sign_text(text),
        WALLET.sign_text(text + " "),
        good[:64] + bytes([good[64] ^ 7]),
        good[:64] + b"\x02",
        good[:32] + high_s.to_bytes(32, "big") + bytes([55 - good[64]]),
        good[:63],
        good + b"\x00",
        bytes(65),
        b"",
        "",
        "0x" + good.hex()[:-1],
        "0X" + good.hex(),
        good.hex()[:64] + " " + good.hex()[64:],
        "not hex",
    ):
        with refused("signature"):
            check(text, signature)


@given(st.integers(0, 64), st.integers(1, 255))
def test_any_changed_byte_of_a_signature_is_refused(at: int, change: int) -> None:
    text = built()
    signature = bytearray(WALLET.sign_text(text))
    signature[at] ^= change
    if at == 64 and signature[64] + 27 == WALLET.sign_text(text)[64]:
        return  # the same parity in its other notation
    with refused("signature"):
        check(text, bytes(signature))


def test_the_error_is_one_of_the_callers() -> None:
    error = SiweError("nonce", "used")
    assert isinstance(error, Refused)
    assert (error.status, error.slug, error.field) == (422, "sign-in-refused", "nonce")

"""Alarms posted to a real HTTP server: signed, tried again within bounds, never lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from ledger_service.errors import BadInput
from ledger_service.log.note import holds_ed25519, public_key
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.state import State
from ledger_service.monitor.webhook import FIRST_PAUSE, MOST_TRIES, Webhook, read_secret
from ledger_service.witness import alarms
from tests.monitor.receiver import Received, Receiver

NOW = 1_800_000_000


def raise_one(state: State, key: str = "a") -> None:
    with state.transaction():
        state.raised(Alarm(Kind.PAYOUT, key, f"alarm {key}", 7, "0x12"), NOW)


def secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def signed(one: Received) -> bytes:
    return f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body


def test_an_alarm_is_posted_once(tmp_path: Path) -> None:
    with Receiver() as receiver, State(tmp_path) as state:
        raise_one(state)
        hook = Webhook(receiver.url)
        assert hook.deliver(state, NOW) == hook.deliver(state, NOW + 9999) == []
        hook.close()
    (one,) = receiver.received
    assert one.value["type"] == "monitor.alarm"
    assert one.value["data"] == {"kind": "payout", "words": "alarm a", "entry": 7, "campaign": "0x12"}
    assert one.headers["webhook-timestamp"] == str(NOW)
    assert "webhook-signature" not in one.headers


def test_it_is_signed_with_hmac_or_ed25519(tmp_path: Path) -> None:
    key = bytes(range(32))
    with Receiver() as receiver, State(tmp_path) as state:
        for prefix in ("whsec_", "whsk_"):
            raise_one(state, prefix)
            path = secret(tmp_path, prefix + base64.b64encode(key).decode() + "\n")
            hook = Webhook(receiver.url, read_secret(path))
            assert hook.deliver(state, NOW) == []
            hook.close()
    first, second = receiver.received
    mac = base64.b64encode(hmac.digest(key, signed(first), hashlib.sha256)).decode()
    assert first.headers["webhook-signature"] == f"v1,{mac}"
    version, _, signature = second.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    assert holds_ed25519(public_key(key), base64.b64decode(signature), signed(second))


def test_what_fails_is_tried_again_with_the_same_id_after_a_pause(tmp_path: Path) -> None:
    with Receiver() as receiver, State(tmp_path) as state:
        raise_one(state)
        receiver.statuses = [500, 302]
        hook = Webhook(receiver.url)
        assert "answers 500; tried again after 5 s" in hook.deliver(state, NOW)[0]
        assert hook.deliver(state, NOW + FIRST_PAUSE - 1) == []
        assert "answers 302" in hook.deliver(state, NOW + FIRST_PAUSE)[0]
        assert hook.deliver(state, NOW + 100) == []
        hook.close()
    ids = {one.headers["webhook-id"] for one in receiver.received}
    assert (len(receiver.received), len(ids)) == (3, 1)


def test_tries_are_bounded_and_the_end_is_said(tmp_path: Path) -> None:
    with Receiver() as receiver, State(tmp_path) as state:
        raise_one(state)
        receiver.statuses = [500] * (MOST_TRIES + 5)
        hook = Webhook(receiver.url)
        said = [line for n in range(MOST_TRIES + 3) for line in hook.deliver(state, NOW + n * 4000)]
        hook.close()
    assert len(receiver.received) == MOST_TRIES == len(said)
    assert said[-1].endswith("given up")


def test_where_nobody_is_there_one_alarm_is_tried_at_a_time(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        for key in "abc":
            raise_one(state, key)
        hook = Webhook("http://127.0.0.1:9/")
        assert len(hook.deliver(state, NOW)) == 1
        hook.close()
        assert len(state.unposted(NOW)) == 2


def test_two_folders_have_different_ids(tmp_path: Path) -> None:
    with Receiver() as receiver:
        for name in ("one", "two"):
            with State(tmp_path / name) as state:
                raise_one(state)
                hook = Webhook(receiver.url)
                hook.deliver(state, NOW)
                hook.close()
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 2


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_AAAA", "whsk_AAAA", "whsec_!!", base64.b64encode(bytes(32)).decode()]
)
def test_what_is_no_secret_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput):
        read_secret(secret(tmp_path, text))


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = secret(tmp_path, "whsec_" + base64.b64encode(bytes(32)).decode(), 0o644)
    with pytest.raises(BadInput, match="others may read"):
        read_secret(path)
    with pytest.raises(BadInput, match="cannot read"):
        read_secret(tmp_path / "nothing")


@pytest.mark.parametrize("url", ["", "notaurl", "ftp://a.example/", "http://", "https:///x", "http://a:b/"])
@pytest.mark.parametrize("kind", [Webhook, alarms.Webhook])
def test_what_is_no_url_is_refused_before_the_first_alarm(
    kind: type[Webhook] | type[alarms.Webhook], url: str
) -> None:
    with pytest.raises(BadInput):
        kind(url)


def test_what_went_wrong_is_said_without_the_secret_in_the_url(tmp_path: Path) -> None:
    with Receiver() as receiver, State(tmp_path) as state:
        raise_one(state)
        receiver.statuses = [500]
        hook = Webhook(receiver.url + "/T0000/secret?token=secret")
        (said,) = hook.deliver(state, NOW)
        hook.close()
        assert "secret" not in said
        assert receiver.url.removesuffix("/hook") in said

"""URIs by RFC 3986: its own examples, and texts that only look like one."""

from __future__ import annotations

import pytest

from api import rfc3986


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        # RFC 3986, 1.1.2
        ("ftp://ftp.is.co.za/rfc/rfc1808.txt", "ftp.is.co.za"),
        ("http://www.ietf.org/rfc/rfc2396.txt", "www.ietf.org"),
        ("ldap://[2001:db8::7]/c=GB?objectClass?one", "[2001:db8::7]"),
        ("mailto:John.Doe@example.com", None),
        ("news:comp.infosystems.www.servers.unix", None),
        ("tel:+1-816-555-1212", None),
        ("telnet://192.0.2.16:80/", "192.0.2.16:80"),
        ("urn:oasis:names:specification:docbook:dtd:xml:4.1.2", None),
        # the corners of appendix A
        ("a:", None),
        ("a:/", None),
        ("a:b//c", None),
        ("a://", ""),
        ("a:///b", ""),
        ("a://u:p@h:/?/?#/?", "u:p@h:"),
        ("a://[v1F.x:y]/", "[v1F.x:y]"),
        ("a://[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"),
        ("a://999.999.999.999", "999.999.999.999"),  # no IPv4 address, and so a registered name
        ("https://ledger.example@evil.example/", "ledger.example@evil.example"),
    ],
)
def test_a_uri_is_one_and_has_its_authority(uri: str, authority: str | None) -> None:
    assert rfc3986.is_uri(uri)
    assert rfc3986.authority_of(uri) == authority


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "a", "/a", "//a", "1a:b", "a_b:c", ":a", "a b:c", "a:b c", "a:%", "a:%2", "a:%zz", "a:b#c#d",
        "a:[b]", "a:b?[c]", "a://[b", "a://b]", "a://[::g]", "a://[1.2.3.4]", "a://[::1%25eth0]", "a://[]",
        "a://[v1.]", "a://[v.x]", "a://[1:2:3:4:5:6:7:8:9]", "a://[::01.2.3.4]", "a://b:8x", "a://b@c@d",
        "a:<b>", 'a:"b"', "a:b\\c", "a:b^c", "a:b`c", "a:{b}", "a:b|c", "a:é", "a:b\n", "a:b\x00", "ａ:b",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_uri_is_none(text: str) -> None:
    assert not rfc3986.is_uri(text)


@pytest.mark.parametrize(
    "text", ["h", "h:", "h:1", "u@h", "u:@h", "[::]", "[::]:1", "%41", "1.2.3.4", "a,b;c=d"]
)
def test_an_authority_that_names_a_host(text: str) -> None:
    assert rfc3986.names_host(text)


@pytest.mark.parametrize(
    "text", ["", ":1", "u@", "u@:1", "h/", "h?", "h#", "a:b", "[1.2.3.4]", "a%2", "[::]x", "h\n"]
)
def test_an_authority_that_names_none(text: str) -> None:
    assert not rfc3986.names_host(text)


def test_schemes() -> None:
    assert all(rfc3986.is_scheme(text) for text in ("a", "https", "A1+-."))
    assert not any(rfc3986.is_scheme(text) for text in ("", "1a", "-a", "a_b", "a:", "é", "a\n"))


def test_no_text_takes_long_to_refuse() -> None:
    for text in ("a://" + "u:" * 50_000 + "\n", "a:" + "/b" * 50_000 + "\n", "a://" + "@" * 100_000):
        assert not rfc3986.is_uri(text)

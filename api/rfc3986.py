"""The parts of RFC 3986 (URI: generic syntax) that other formats refer to, as they stand in its appendix A.

Python's `urllib.parse` takes apart what it is given and refuses next to nothing, so it cannot tell whether a
text is a URI.
"""

from __future__ import annotations

import ipaddress
import re

UNRESERVED = r"A-Za-z0-9\-._~"
SUB_DELIMS = r"!$&'()*+,;="
GEN_DELIMS = r":/?#\[\]@"

_PERCENT = r"%[0-9A-Fa-f]{2}"
PCHAR = rf"(?:[{UNRESERVED}{SUB_DELIMS}:@]|{_PERCENT})"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*"
_AUTHORITY = (
    rf"(?:(?:[{UNRESERVED}{SUB_DELIMS}:]|{_PERCENT})*@)?"
    rf"(?P<host>\[(?P<literal>[^\]]*)\]|(?:[{UNRESERVED}{SUB_DELIMS}]|{_PERCENT})*)"
    r"(?::[0-9]*)?"
)
_PATH = rf"{PCHAR}+(?:/{PCHAR}*)*"  # segment-nz *( "/" segment )
_EXTRA = rf"(?:{PCHAR}|[/?])*"

_SCHEME_RE = re.compile(_SCHEME)
_AUTHORITY_RE = re.compile(_AUTHORITY)
_URI_RE = re.compile(
    rf"{_SCHEME}:(?://(?P<authority>{_AUTHORITY})(?:/{PCHAR}*)*|/(?:{_PATH})?|{_PATH}|)"
    rf"(?:\?{_EXTRA})?(?:#{_EXTRA})?"
)
_IPV_FUTURE_RE = re.compile(rf"[vV][0-9A-Fa-f]+\.[{UNRESERVED}{SUB_DELIMS}:]+")


def is_scheme(text: str) -> bool:
    """Whether the text is a `scheme` (3.1)."""
    return _SCHEME_RE.fullmatch(text) is not None


def names_host(text: str) -> bool:
    """Whether the text is an `authority` (3.2) whose host is not empty."""
    match = _AUTHORITY_RE.fullmatch(text)
    return match is not None and match["host"] != "" and _literal_is_sound(match["literal"])


def is_uri(text: str) -> bool:
    """Whether the text is a `URI`: with a scheme, so never a relative reference."""
    match = _URI_RE.fullmatch(text)
    return match is not None and _literal_is_sound(match["literal"])


def authority_of(uri: str) -> str | None:
    """The authority of a URI (host, with user and port where given); None where it has none."""
    match = _URI_RE.fullmatch(uri)
    return match["authority"] if match else None


def _literal_is_sound(literal: str | None) -> bool:
    """Whether what stands in brackets, if anything does, is an IPv6address or IPvFuture (3.2.2)."""
    if literal is None or _IPV_FUTURE_RE.fullmatch(literal):
        return True
    if "%" in literal:  # a zone identifier, which the standard library knows and RFC 3986 does not
        return False
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        return False
    return True

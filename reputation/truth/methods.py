"""Every method by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reputation.truth.dawid_skene import dawid_skene
from reputation.truth.run import Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "dawid-skene": dawid_skene,
    }
)

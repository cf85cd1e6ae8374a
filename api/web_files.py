"""The files of the page that verifies bundles, each under a path that names the bytes of them all.

What the page needs is found by following its imports, so that exactly that is served: our own modules, and
those files of `@noble/curves` and `@noble/hashes` that they load. A path holds the digest of them all: each
can be kept for ever by whoever loaded it, and nobody mixes two versions.

    python -m api.web_files        prints the digest, to be compared with the one at the foot of the page
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Template

from ledger_service.errors import Unavailable

WEB = Path(__file__).resolve().parent / "web"
PACKAGES = WEB.parents[1] / "hardhat_local" / "node_modules" / "@noble"
FOLDERS = {"verifier": WEB / "verifier", "page": WEB / "page", "noble": PACKAGES}
PREFIX = "/verify/assets"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}
_ENTRY, _STYLE, _PAGE = "page/page.mjs", "page/style.css", "verify.html"
_IMPORT = re.compile(r"""^(?:import|export)\s*(?:[\w$*{},\s]*\sfrom\s*)?["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Site:
    """The page; its files, by their path below `PREFIX/<version>/`; the digest of all of it (hex); and the
    hash of its import map for the Content-Security-Policy (base64 of SHA-256)."""

    page: str
    files: Mapping[str, bytes]
    digest: str
    map_hash: str

    @property
    def version(self) -> str:
        """As much of the digest as stands in the paths."""
        return _version(self.digest)


def load() -> Site:
    """Read all files.

    Raises:
        Unavailable: the two packages are not installed.
    """
    files = {path: _read(path) for path in [*_modules(), _STYLE]}
    page = (WEB / _PAGE).read_text("utf-8")
    digest = _digest({**files, _PAGE: page.encode()})
    assets = f"{PREFIX}/{_version(digest)}"
    imports = {f"@noble/{name}/": f"{assets}/noble/{name}/" for name in ("curves", "hashes")}
    import_map = json.dumps({"imports": imports})
    preloads = "\n".join(
        f'<link rel="modulepreload" href="{assets}/{path}">' for path in files if not path.endswith(".css")
    )
    names = {"assets": assets, "importmap": import_map, "preloads": preloads, "digest": digest}
    return Site(
        page=Template(page).substitute(names),
        files=files,
        digest=digest,
        map_hash=base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode(),
    )


def _version(digest: str) -> str:
    return digest[:32]


def _modules() -> list[str]:
    """Every module that the page loads, in the order of their names."""
    seen, waiting = {_ENTRY}, [_ENTRY]
    while waiting:
        path = waiting.pop()
        for target in _imports(path, _read(path).decode()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return sorted(seen)


def _imports(path: str, text: str) -> Iterator[str]:
    for specifier in _IMPORT.findall(text):
        if specifier.startswith("@noble/"):
            yield "noble/" + specifier.removeprefix("@noble/")
        else:
            yield _joined(PurePosixPath(path).parent, specifier)


def _joined(folder: PurePosixPath, specifier: str) -> str:
    parts = list(folder.parts)
    for part in PurePosixPath(specifier).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _read(path: str) -> bytes:
    folder, _, rest = path.partition("/")
    try:
        return (FOLDERS[folder] / rest).read_bytes()
    except FileNotFoundError as error:
        raise Unavailable(f"the page's file {path} is missing: run npm ci in hardhat_local") from error


def _digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over lines `<SHA-256 of the file>  <path>`, as sha256sum writes them, sorted by path."""
    lines = [f"{hashlib.sha256(raw).hexdigest()}  {path}\n" for path, raw in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(load().digest + "\n")

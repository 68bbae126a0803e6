#!/usr/bin/env python3
"""Write sha256 and bytes of all listed files into models/manifest.toml; tell what is missing or unlisted."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "models" / "manifest.toml"


def refreshed(manifest: str) -> str:
    """Return the manifest with the digests and sizes of the files that are there."""
    entries = manifest.split("[[file]]")
    for i, entry in enumerate(entries[1:], start=1):
        path = ROOT / listed(entry)[0]
        if path.is_file():
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            entry = re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', entry, flags=re.MULTILINE)
            entries[i] = re.sub(r"^bytes = \d+$", f"bytes = {len(data)}", entry, flags=re.MULTILINE)
    return "[[file]]".join(entries)


def listed(manifest: str) -> list[str]:
    """Return the paths a manifest lists."""
    return re.findall(r'^path = "(.*)"$', manifest, re.MULTILINE)


def main() -> int:
    """Refresh the manifest; 1 if it and the files do not match."""
    shipped = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("models/**/*", "resources/**/*.npz", "resources/samples/*")
        for path in ROOT.glob(pattern)
        if path.is_file() and path != MANIFEST
    }
    manifest = MANIFEST.read_text(encoding="utf-8")
    MANIFEST.write_text(refreshed(manifest), encoding="utf-8")
    known = set(listed(manifest))
    for name in sorted(shipped - known):
        print(f"not listed: {name}")
    for name in sorted(known - shipped):
        print(f"missing: {name}")
    return int(shipped != known)


if __name__ == "__main__":
    sys.exit(main())

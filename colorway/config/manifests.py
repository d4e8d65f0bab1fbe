"""Release manifests as files: a new one from an older one, and tags that become digests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from colorway.config.documents import parse_document
from colorway.config.stack_files import known_names, release_file
from colorway.errors import ColorwayError
from colorway.spec.base import hint
from colorway.spec.fields import Version

_DIGEST = r"@sha256:[0-9a-f]{64}"
_TAGGED = re.compile(r"[a-z0-9][A-Za-z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9._-]*")
_VERSION: TypeAdapter[str] = TypeAdapter(Version)


def write_new(root: Path, version: str, *, old: str, platform: str | None) -> list[str]:
    """Write the manifest of a new version beside an older one's; return what to say.

    Args:
        root: The project's folder.
        version: The new version.
        old: The version that it begins as.
        platform: Name of the platform file; None = the one that has the old version.

    Raises:
        ColorwayError: the name is no version's, is taken, or the old version is not there; nothing was written.
    """
    try:
        _VERSION.validate_python(version)
    except ValidationError:
        raise ColorwayError("the new version needs a name of letters, digits and . _ -, for example 1.9.0") from None
    chosen = _platform(root, old, given=platform)
    name = release_file(chosen, version)
    if (root / name).exists():
        raise ColorwayError(f"{name} is there already; edit it, or choose another version")
    text = copied((root / release_file(chosen, old)).read_text(encoding="utf-8"), old=old, new=version)
    (root / name).write_text(text, encoding="utf-8")
    said = [f"{name} begins as {old}; write into it what {version} changes"]
    if tags(text, name=name):
        said.append(f"once its images are pushed: colorway pin {version} --platform {chosen}")
    return said


def write_pinned(root: Path, version: str, *, platform: str | None, digest_of: Callable[[str], str]) -> list[str]:
    """Write the digest behind each tag into a manifest; return what to say.

    Args:
        root: The project's folder.
        version: The manifest's version.
        platform: Name of the platform file; None = the one that has the version.
        digest_of: Asks a registry for the digest behind a tag.

    Raises:
        ColorwayError: there is no such manifest, or a registry refuses; nothing was written.
    """
    name = release_file(_platform(root, version, given=platform), version)
    text = (root / name).read_text(encoding="utf-8")
    found = tags(text, name=name)
    if not found:
        return [f"{name}: every image is pinned already"]
    digests = {reference: digest_of(reference) for reference in dict.fromkeys(found.values())}
    (root / name).write_text(pinned(text, digests), encoding="utf-8")
    return [f"{name}: {service} is {digests[reference]}" for service, reference in found.items()]


def copied(text: str, *, old: str, new: str) -> str:
    """Return a manifest for a new version: images whose tag is the old version get the new one, without a digest.

    Everything else stays as it is, comments too: what the new version changes is for its author to write.
    """
    return re.sub(rf":{re.escape(old)}{_DIGEST}", f":{new}", text)


def tags(text: str, *, name: str) -> dict[str, str]:
    """Return the images of a manifest that are named by a tag alone, by service.

    Args:
        text: The manifest.
        name: Its file, for messages.
    """
    document, _ = parse_document(text, name=name)
    images = document.section("images").data
    return {
        service: reference
        for service, reference in images.items()
        if isinstance(reference, str) and _TAGGED.fullmatch(reference)
    }


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """Return a manifest whose tags are followed by their digests.

    Args:
        text: The manifest.
        digests: `sha256:…` of each reference that is named by a tag alone.
    """
    for reference, digest in digests.items():
        text = re.sub(rf"(?<![\w./:-]){re.escape(reference)}(?![\w./:@-])", f"{reference}@{digest}", text)
    return text


def _platform(root: Path, version: str, *, given: str | None) -> str:
    """Return the platform that has a version's manifest."""
    having = sorted(path.parent.name for path in root.glob(release_file("*", version)))
    if given is not None:
        if given not in having:
            known = known_names(root, release_file(given, "*"))
            raise ColorwayError(f"releases/{given}/ has no version {version}; {hint(version, known)}")
        return given
    if not having:
        every = sorted({path.stem for path in root.glob(release_file("*", "*"))})
        raise ColorwayError(f"releases/ has no version {version}; {hint(version, every)}")
    if len(having) > 1:
        raise ColorwayError(f"several platforms have the version {version}; name one: --platform {having[0]}")
    return having[0]

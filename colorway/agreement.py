"""What must hold between the files of a stack, each of which is well formed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from colorway.documents import Document, Problem
from colorway.spec.base import Mistake
from colorway.spec.nearest import hint, nearest
from colorway.spec.platform import ImageSource, PlatformFile
from colorway.spec.release import ReleaseManifest


def override_problems(*, merged: Document, overrides: Document, found: Iterable[Mistake]) -> list[Problem]:
    """Return mistakes that only exist with a stack's overrides, at the override that makes each."""
    result = []
    for path, message in found:
        below = next((origin for origin in merged.origins if origin[: len(path)] == path), None)
        if any(path[:length] in merged.origins for length in range(1, len(path) + 1)):
            result.append(merged.problem(path, message))
        elif below is not None:
            result.append(overrides.problem(below, f"with this, {'.'.join(path)} {message}"))
        else:
            result.append(overrides.problem((), f"with these, {'.'.join(path)} {message}"))
    return result


def manifest_mistakes(manifest: ReleaseManifest, platform: PlatformFile) -> list[Mistake]:
    """Return what a release manifest says that does not fit its platform."""
    unknown = [name for name in manifest.images if name not in platform.services]
    found: list[Mistake] = [
        (("images", name), f"is no service of the platform; {hint(name, platform.services)}") for name in unknown
    ]
    if platform.images is ImageSource.LOCAL and manifest.images:
        found.append((("images",), "are listed, and the platform builds its own; leave images out"))
    if platform.images is ImageSource.REGISTRY:
        meant = {nearest(name, platform.services) for name in unknown}
        found += [
            (("images",), f"has no image for {name}; a version is one image per service")
            for name in sorted(set(platform.services) - set(manifest.images) - meant)
        ]
    if manifest.migrations and platform.migrations is None:
        found.append(
            (
                ("migrations",),
                "are listed, and the platform has no migration command; add `migrations` to the platform file",
            )
        )
    return found


def build_mistakes(platform: PlatformFile, digests: Mapping[str, str]) -> list[Mistake]:
    """Return the build folders that the platform names and images/ does not have."""
    edge, monitoring = platform.edge, platform.monitoring
    named: list[tuple[tuple[str, ...], str | None]] = [
        *((("services", name, "build"), service.build) for name, service in platform.services.items()),
        *((("data-stores", name, "build"), store.build) for name, store in platform.data_stores.items()),
        (("edge", "build"), edge.build),
        (("monitoring", "build"), monitoring.build),
        (("monitoring", "mtail-build"), monitoring.mtail_build),
    ]
    return [
        (path, f"names a folder that images/ does not have (with a Dockerfile); {hint(folder, digests)}")
        for path, folder in named
        if folder is not None and folder not in digests
    ]

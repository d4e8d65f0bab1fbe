"""Release manifests as files: a new version from an older one, and tags that become digests."""

from __future__ import annotations

import pytest

from colorway.config import manifests
from colorway.errors import ColorwayError
from tests.spec.project_files import SHOP_1, write_project

DIGEST = f"sha256:{'e' * 64}"


@pytest.fixture
def root(tmp_path):
    return write_project(tmp_path, {})


def read(root, version):
    return (root / f"releases/shop/{version}.yaml").read_text()


def test_a_new_version_begins_as_the_old_one_with_its_images_to_be_pinned(root):
    said = manifests.write_new(root, "2.0.0", old="1.9.0", platform=None)
    old, new = (root / SHOP_1).read_text(), read(root, "2.0.0")
    assert ":2.0.0" in new
    assert ":1.9.0" not in new
    assert old.replace(":1.9.0", ":2.0.0").splitlines()[0].split("@")[0] == new.splitlines()[0].split("@")[0]
    assert said == [
        "releases/shop/2.0.0.yaml begins as 1.9.0; write into it what 2.0.0 changes",
        "once its images are pushed: colorway pin 2.0.0 --platform shop",
    ]


def test_pinning_asks_for_each_tag_once_and_keeps_the_rest_of_the_file(root):
    manifests.write_new(root, "2.0.0", old="1.9.0", platform=None)
    before, asked = read(root, "2.0.0"), []

    def digest_of(reference):
        asked.append(reference)
        return DIGEST

    said = manifests.write_pinned(root, "2.0.0", platform="shop", digest_of=digest_of)
    after = read(root, "2.0.0")
    assert after.replace(f"@{DIGEST}", "") == before, "comments, order and everything else stay"
    assert not manifests.tags(after, name="x")
    assert len(asked) == len(set(asked)) == len(said)
    assert manifests.write_pinned(root, "2.0.0", platform="shop", digest_of=digest_of) == [
        "releases/shop/2.0.0.yaml: every image is pinned already"
    ]


def test_a_registry_that_refuses_leaves_the_file_as_it_is(root):
    manifests.write_new(root, "2.0.0", old="1.9.0", platform=None)
    before = read(root, "2.0.0")

    def digest_of(_reference):
        raise ColorwayError("localhost: Docker refused, asked for the digest of x: manifest unknown")

    with pytest.raises(ColorwayError, match="manifest unknown"):
        manifests.write_pinned(root, "2.0.0", platform="shop", digest_of=digest_of)
    assert read(root, "2.0.0") == before, "half a manifest would be no version"


@pytest.mark.parametrize(
    ("version", "old", "platform", "said"),
    [
        ("1.9.0", "1.9.0", None, "releases/shop/1.9.0.yaml is there already; edit it, or choose another version"),
        ("2.1.0", "1.9.9", None, "releases/ has no version 1.9.9; did you mean 1.9.0?"),
        ("2.1.0", "1.0.0", "shop", "releases/shop/ has no version 1.0.0; did you mean 1.9.0?"),
        ("../2", "1.9.0", None, "the new version needs a name of letters, digits and . _ -, for example 1.9.0"),
    ],
)
def test_a_slip_is_one_sentence_and_writes_nothing(root, version, old, platform, said):
    before = sorted(root.rglob("*"))
    with pytest.raises(ColorwayError) as caught:
        manifests.write_new(root, version, old=old, platform=platform)
    assert str(caught.value) == said
    assert sorted(root.rglob("*")) == before


def test_a_version_of_two_platforms_asks_which(root):
    (root / "releases/demo/1.9.0.yaml").write_text("{}\n")
    with pytest.raises(ColorwayError, match=r"^several platforms have the version 1\.9\.0; name one: --platform demo$"):
        manifests.write_new(root, "2.1.0", old="1.9.0", platform=None)


def test_a_tag_that_another_one_begins_with_is_left_alone():
    text = "images:\n  a: registry/a:1\n  b: registry/a:12\n"
    assert (
        manifests.pinned(text, {"registry/a:1": DIGEST}) == f"images:\n  a: registry/a:1@{DIGEST}\n  b: registry/a:12\n"
    )

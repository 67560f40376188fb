"""The catalogue: where bundled models are looked for, and that their files are the published ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinymem import ModelFileError
from tinymem.engines.catalog import file_sha256, known_sha256, model_folder, models_folder, verify

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder("minilm"), tmp_path / "minilm"))


def test_a_checkout_has_its_models_beside_the_package() -> None:
    assert models_folder() == ROOT / "models"
    assert model_folder("minilm") == ROOT / "models" / "minilm"


def test_an_installed_package_has_its_models_inside(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tinymem", tmp_path / "tinymem", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tinymem" / "models" / "minilm").mkdir(parents=True)
    program = "from tinymem.engines.catalog import model_folder; print(model_folder('minilm'))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "tinymem" / "models" / "minilm")


def test_a_model_that_is_not_bundled_is_an_error_that_says_where_it_was_sought() -> None:
    with pytest.raises(ModelFileError, match="'huge' is not in") as caught:
        model_folder("huge")
    assert str(ROOT / "models") in str(caught.value)


@pytest.mark.parametrize("name", ["minilm", "memory/spotter", "memory/judge", "memory/writer"])
def test_what_is_bundled_is_what_was_published(name: str) -> None:
    verify(model_folder(name))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_file_is_found_and_named(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=f"{name} is not the file that was published"):
        verify(copy)


def test_a_missing_file_is_found_and_named(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelFileError, match=r"tokenizer\.json cannot be read"):
        verify(copy)


@pytest.mark.parametrize("content", ["{}", '{"files": {}}', '{"files": 3}'])
def test_a_manifest_without_files_cannot_be_verified(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFileError, match="lists no files"):
        verify(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_manifest_that_is_no_json_object_cannot_be_verified(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"manifest\.json"):
        verify(tmp_path)


def test_a_folder_without_a_manifest_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"manifest\.json cannot be read"):
        verify(tmp_path)


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000  # more than one block
    (tmp_path / "x").write_bytes(content)
    assert file_sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_a_digest_that_is_known_is_computed_anew_when_the_file_changes(tmp_path: Path) -> None:
    path, other = tmp_path / "x", tmp_path / "y"
    for content in (b"one", b"other"):
        path.write_bytes(content)
        assert known_sha256(path) == known_sha256(path) == file_sha256(path)
    other.write_bytes(b"third")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.replace(path)  # as long and as old, but another file
    assert known_sha256(path) == file_sha256(path)


def test_a_digest_that_is_known_needs_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    known, then = known_sha256(path), path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(then, then))
    assert known_sha256(path) == known != file_sha256(path)


def test_there_is_no_digest_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"x cannot be read"):
        known_sha256(tmp_path / "x")


def test_the_manifest_lists_the_model_and_its_tokenizer() -> None:
    manifest = json.loads((model_folder("minilm") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"].keys() == {"model.onnx", "tokenizer.json"}

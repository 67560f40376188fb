"""What the wheel carries, and that it works unpacked, away from this checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tinymem

ROOT = Path(__file__).resolve().parent.parent
LARGEST_WHEEL = 100 * 2**20  # bytes; what the Python package index takes without asking


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `pip install .` would; hatchling itself is in the dev group, so no network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_below(folder: Path) -> set[str]:
    """Return the files of a folder by their names from the root, without what tools leave behind."""
    names = (path.relative_to(ROOT) for path in folder.rglob("*") if path.is_file())
    left = (".", "__pycache__")
    return {name.as_posix() for name in names if not any(part.startswith(left) for part in name.parts)}


def test_the_wheel_carries_every_model_file(wheel: Path) -> None:
    models = {f"tinymem/{name}" for name in files_below(ROOT / "models")}
    assert any(name.endswith("minilm/model.onnx") for name in models)
    assert models - names_in(wheel) == set()


def test_the_wheel_carries_the_code_the_prompts_and_the_types(wheel: Path) -> None:
    wanted = files_below(ROOT / "tinymem")
    assert "tinymem/py.typed" in wanted
    assert any(name.startswith("tinymem/understand/prompts/") and name.endswith(".txt") for name in wanted)
    assert wanted - names_in(wheel) == set()


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    known = files_below(ROOT / "tinymem") | {f"tinymem/{name}" for name in files_below(ROOT / "models")}
    rest = {name for name in names_in(wheel) - known if ".dist-info/" not in name}
    assert rest == set()
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_metadata_tells_the_truth(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode("utf-8")
        scripts = archive.read(name.replace("METADATA", "entry_points.txt")).decode("utf-8")
    assert f"\nVersion: {tinymem.__version__}\n" in metadata
    needed = set(re.findall(r"^Requires-Dist: ([\w.-]+)(?!.*; extra)", metadata, re.MULTILINE))
    own = {"apsw", "sqlite-vec", "onnxruntime", "tokenizers", "llama-cpp-python"}
    assert needed == own | {"numpy", "jinja2", "python-dateutil"}
    assert "Requires-Python: >=3.10" in metadata
    assert "tinymem = tinymem.apps.cli:main" in scripts


def test_the_unpacked_wheel_remembers(wheel: Path, tmp_path: Path) -> None:
    """`scripts/test --wheel` installs it into an empty venv; here its files alone must do."""
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    code = (
        "import tinymem\n"
        "with tinymem.Memory('x.db') as memory:\n"
        "    memory.add('I live in Lisbon.', user_id='ana')\n"
        "    print(memory.search('which city', user_id='ana')['results'][0]['memory'], tinymem.__file__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Lisbon" in done.stdout
    assert str(installed) in done.stdout

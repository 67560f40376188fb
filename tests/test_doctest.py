"""Every example in a docstring of the library runs and says the truth."""

import doctest
import importlib
import pkgutil
import shutil

import pytest

import tinymem
from tinymem import Decision, Fact, Memory, Message, Record, Scope
from tinymem.engines.catalog import models_folder

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tinymem.__path__, "tinymem.")
    if "__main__" not in module.name
)
KNOWN = {
    "Memory": Memory,
    "Message": Message,
    "Scope": Scope,
    "Record": Record,
    "Fact": Fact,
    "Decision": Decision,
}
finder = doctest.DocTestFinder(exclude_empty=True)


def examples(name):
    module = importlib.import_module(name)
    return [test for test in finder.find(module, name, extraglobs={**KNOWN, **vars(module)}) if test.examples]


@pytest.mark.skipif(not (models_folder() / "minilm").is_dir(), reason="the bundled models are not built yet")
@pytest.mark.parametrize(
    "test", [test for name in MODULES for test in examples(name)], ids=lambda test: test.name
)
def test_the_example_is_true(test, tmp_path, monkeypatch, noise_gguf):
    monkeypatch.chdir(tmp_path)
    if "model.gguf" in test.docstring:  # any model will do, so what it says is not shown
        shutil.copy(noise_gguf(), "model.gguf")
        test.examples[-1].want = "...\n"
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_every_public_method_of_memory_shows_an_example():
    own = {name for kind in (Memory, *Memory.__bases__) for name in vars(kind) if not name.startswith("_")}
    silent = {name for name in own if ">>>" not in (getattr(Memory, name).__doc__ or "")}
    assert silent == set()

"""The check of this CPU's int8 products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tinymem.engines.int8_check import DEPTH, ROWS, int8_products_are_exact, product_graph

FLAGS = Path("/proc/cpuinfo")


def test_the_graph_is_one_that_onnx_accepts() -> None:
    onnx.checker.check_model(onnx.load_from_string(product_graph()), full_check=True)


def test_the_exact_way_is_exact_on_any_cpu() -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(product_graph(), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": np.full((ROWS, DEPTH), 255, dtype=np.uint8)})
    assert set(found.ravel().tolist()) == {255 * 127 * DEPTH}


def test_a_cpu_with_vnni_is_exact_without_it() -> None:
    if not FLAGS.exists() or "vnni" not in FLAGS.read_text(encoding="utf-8"):
        pytest.skip("no VNNI here, or no way to know")
    assert int8_products_are_exact()

"""Whether this CPU multiplies int8 matrices exactly, found out by trying.

On x64 without VNNI onnxruntime adds two products in 16 bits, which overflow and come out wrong without a
word; an option takes a slower, exact way. Elsewhere that option only costs time (measured: 1.8 times as
slow with VNNI), so one tiny product decides.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tinymem.engines.onnx_bytes import field

ROWS, DEPTH, COLUMNS = 4, 64, 32
UINT8, INT8, INT32 = 2, 3, 6  # onnx.TensorProto.DataType


@cache
def int8_products_are_exact() -> bool:
    """Return True if the largest products of uint8 with int8 add up to what they should."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(product_graph(), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": np.full((ROWS, DEPTH), 255, dtype=np.uint8)})
    return bool((found == 255 * 127 * DEPTH).all())


def product_graph() -> bytes:
    """Return a serialised ONNX model: `a`, uint8 (ROWS, DEPTH), times a constant full of 127."""
    weights = field(1, DEPTH) + field(1, COLUMNS) + field(2, INT8) + field(8, "b")
    weights += field(9, bytes([127]) * DEPTH * COLUMNS)
    node = field(1, "a") + field(1, "b") + field(2, "product") + field(4, "MatMulInteger")
    given, made = array("a", UINT8, ROWS, DEPTH), array("product", INT32, ROWS, COLUMNS)
    graph = field(1, node) + field(2, "check") + field(5, weights) + field(11, given) + field(12, made)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def array(name: str, number_type: int, *shape: int) -> bytes:
    """Return a ValueInfoProto."""
    dimensions = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, number_type) + field(2, dimensions)))

"""The ensemble as an ONNX graph, run by the interpreter of `.venv-peers`, which lacks mia_ml.

    python ensemble_onnx.py FOLDER

FOLDER holds `arrays.npz` and `ensemble.json` as `Ensemble.to_arrays` gives them, and in the arrays the `rows` to score,
float32. Their probabilities go to FOLDER/probabilities.npy, the median microseconds of a single row to stdout.

The graph has the operators that skl2onnx and onnxmltools write. It is put together here because skl2onnx 1.20 drops
the way that a forest's nodes send missing values, so that its probabilities differ by up to 0.5.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Described = dict[str, Any]
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
WARM_UP = 200


class Graph:
    """Operators and constants, each under a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper  # type: ignore[import-not-found]

        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name


def trees(graph: Graph, arrays: Arrays, first: int, count: int, **attributes: Any) -> str:
    """A TreeEnsembleRegressor of `count` trees from tree `first` on."""
    sizes = arrays["tree_nodes"]
    starts = np.cumsum(sizes) - sizes
    begin, end = starts[first], starts[first] + sizes[first : first + count].sum()
    tree = np.repeat(np.arange(count), sizes[first : first + count])
    position = np.arange(begin, end) - starts[first + tree]
    step, slot = arrays["node_step"][begin:end].astype(int), arrays["node_slot"][begin:end].astype(int)
    leaf = step == 0
    return graph.add(
        "TreeEnsembleRegressor",
        "rows",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=tree.tolist(),
        nodes_nodeids=position.tolist(),
        nodes_featureids=np.where(leaf, 0, slot // 2).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_values=np.where(leaf, 0, arrays["node_threshold"][begin:end]).tolist(),
        nodes_truenodeids=np.where(leaf, 0, position + step).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, position + step + 1).tolist(),
        nodes_missing_value_tracks_true=np.where(leaf, 0, slot % 2 == 0).astype(int).tolist(),
        target_treeids=tree[leaf].tolist(),
        target_nodeids=position[leaf].tolist(),
        target_ids=np.zeros(leaf.sum(), int).tolist(),
        target_weights=arrays["node_value"][begin:end][leaf].tolist(),
        **attributes,
    )


def linear(graph: Graph, arrays: Arrays, first: int, count: int, bias: float) -> str:
    """Imputer, scaler and linear regressor of terms that stand in the order of the inputs."""
    fill, centre, scale, weight = (
        arrays[f"term_{name}"][first : first + count] for name in ("fill", "centre", "scale", "coefficient")
    )
    ml = "ai.onnx.ml"
    filled = graph.add(
        "Imputer", "rows", domain=ml, imputed_value_floats=fill.tolist(), replaced_value_float=float("nan")
    )
    scaled = graph.add("Scaler", filled, domain=ml, offset=centre.tolist(), scale=(1 / scale).tolist())
    return graph.add("LinearRegressor", scaled, domain=ml, coefficients=weight.tolist(), intercepts=[bias])


def model(arrays: Arrays, described: Described) -> Any:
    from onnx import TensorProto, checker, helper

    graph = Graph()
    tree = term = 0
    weighed = []
    for k, member in enumerate(described["members"]):
        bias = float(arrays["member_bias"][k])
        if member["kind"] == "forest":
            p = trees(graph, arrays, tree, member["trees"], aggregate_function="AVERAGE")
        elif member["kind"] == "boosted":
            p = graph.add("Sigmoid", trees(graph, arrays, tree, member["trees"], base_values=[bias]))
        else:
            p = graph.add("Sigmoid", linear(graph, arrays, term, member["terms"], bias))
        tree, term = tree + member["trees"], term + member["terms"]
        slope, intercept = graph.constant(-arrays["member_slope"][k]), graph.constant(-arrays["member_intercept"][k])
        calibrated = graph.add("Sigmoid", graph.add("Add", graph.add("Mul", p, slope), intercept))
        weighed.append(graph.add("Mul", calibrated, graph.constant(arrays["member_weight"][k])))
    out = graph.add("Sum", *weighed)
    made = helper.make_graph(
        graph.nodes,
        "ensemble",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, len(described["inputs"])])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, [None, 1])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    checked = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    checker.check_model(checked)
    return checked


def median_us(session: Any, rows: np.ndarray) -> float:
    single = [{"rows": row[None]} for row in rows]
    for feed in single[:WARM_UP]:
        session.run(None, feed)
    taken = []
    for feed in single:
        start = time.perf_counter_ns()
        session.run(None, feed)
        taken.append(time.perf_counter_ns() - start)
    return float(np.median(taken)) / 1e3


def sessions(made: Any) -> list[Any]:
    """On one thread, and as many as it chooses."""
    import onnxruntime  # type: ignore[import-not-found]

    one = onnxruntime.SessionOptions()
    one.intra_op_num_threads = 1
    written = made.SerializeToString()
    return [onnxruntime.InferenceSession(written, options) for options in (one, onnxruntime.SessionOptions())]


def main(folder: Path) -> None:
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    rows = arrays.pop("rows")
    ready = sessions(model(arrays, json.loads((folder / "ensemble.json").read_text())))
    np.save(folder / "probabilities.npy", ready[0].run(None, {"rows": rows})[0][:, 0].astype(np.float64))
    print(json.dumps({"p50_us": min(median_us(session, rows) for session in ready)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

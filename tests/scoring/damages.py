"""Kinds of damaged and mismatched bundles: a name, what does it, and what the one line says of it.

LOAD: told by loading. TAPE: sound in itself and sealed again, so that only the golden answers can tell.
"""

import json
import os

import numpy as np

from mia_ml.scoring import bundle
from mia_ml.scoring.manifest import ARRAYS, GOLDEN, NAME
from tests.scoring.damage import file_bytes, header, held, manifest_text, planted, put, reseal, said

SHA = "0" * 64
DEEP = "[" * 900 + "]" * 900


def swapped(inputs):
    """Two inputs of the same unit change places."""
    return [inputs[1], inputs[0], *inputs[2:]]


def extra_file(folder):
    (folder / "model.pkl").write_bytes(planted(folder))


def pickled(file, sealed=True):
    def damage(folder):
        (folder / file).write_bytes(planted(folder))
        if sealed and file != NAME:
            reseal(folder)

    return damage


def pickle_in_metadata(folder):
    text = planted(folder).decode("latin-1")
    header(lambda found: {"__metadata__": {"pickle": text}} | found)(folder)


def pickle_as_array(folder):
    held("pickle", lambda _: np.frombuffer(planted(folder), np.int8).copy())(folder)


def linked(file, target=None):
    """A file that is a link: to its own bytes outside the folder, or to a file of the machine."""

    def damage(folder):
        outside = folder.parent / f"outside-{file}"
        (folder / file).rename(outside)
        (folder / file).symlink_to(target or outside)

    return damage


def replaced_by(make, file=ARRAYS):
    def damage(folder):
        (folder / file).unlink()
        make(folder / file)

    return damage


def grown(file):
    return lambda folder: os.truncate(folder / file, bundle.MOST_BYTES[file] + 1)


def a_file(folder):
    data = (folder / NAME).read_bytes()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_bytes(data)


def renamed_whole(folder):
    """An input and its range become those of another feature of the same unit."""
    said("inputs", 3, "name", to="delta_divergence_literal")(folder)
    said("ranges", to=lambda r: r | {"delta_divergence_literal": [-1.0, 1.0]})(folder)


def last_offsets(change):
    """The last array's place in the file."""

    def changed(found):
        last = max(found, key=lambda name: found[name]["data_offsets"])
        found[last]["data_offsets"] = change(*found[last]["data_offsets"])
        return found

    return header(changed)


def entry(**changes):
    return header(lambda found: found | {"knot_x": found["knot_x"] | changes})


def session(field, change):
    """Of the golden tape; the position of the field in a SESSION is `field`."""

    def changed(found):
        found[:, field] = change(found[:, field])
        return found

    return held("sessions", changed, GOLDEN)


def truncated(data):
    return data[: len(data) // 2]


LOAD = {
    "feature renamed": (said("inputs", 0, "name", to="order_book_inbalance"), "did you mean 'order_book_imbalance'?"),
    "feature renamed to one without a range": (
        said("inputs", 3, "name", to="delta_divergence_literal"),
        "ranges: 'delta_divergence_literal' is missing",
    ),
    "features reversed": (said("inputs", to=lambda found: found[::-1]), "then side and exceedance, are needed"),
    "feature missing": (said("inputs", to=lambda found: found[1:]), "not a sound ensemble"),
    "feature doubled": (said("inputs", to=lambda found: [found[1], *found[1:]]), "must be different names"),
    "feature of another dtype": (said("inputs", 0, "dtype", to="float32"), "is float32 in '1' in the bundle"),
    "feature in another unit": (said("inputs", 0, "unit", to="ticks"), "is float64 in 'ticks' in the bundle"),
    "component unknown": (said("confluence", "terms", "vwap", to=1.0), "unknown component"),
    "earlier format": (said("format", to=1), "format 1: this version reads format 2; retrain it"),
    "later format": (said("format", to=3), "format 3: this version reads format 2"),
    "format as a fraction": (said("format", to=2.0), "format is 2.0: int is needed"),
    "truncated manifest": (manifest_text(truncated), "not readable JSON"),
    "truncated arrays": (file_bytes(truncated, sealed=False), "its sha256 is not the manifest's"),
    "truncated arrays, sealed": (file_bytes(truncated), "not a readable safetensors file"),
    "truncated golden tape, sealed": (file_bytes(truncated, GOLDEN), "not a readable safetensors file"),
    "array shortened": (held("node_value", lambda a: a[:-1]), "node_value has"),
    "array of another shape": (held("node_value", lambda a: a.reshape(1, -1)), "it must be float64 [n]"),
    "array of another dtype": (held("node_value", lambda a: a.astype(np.float32)), "node_value is float32"),
    "array without entries": (held("member_weight", lambda a: a[:0]), "member_weight has 0 entries"),
    "array missing": (held("knot_x", lambda _: None), "arrays knot_x are missing"),
    "array added": (held("surprise", lambda _: np.zeros(1)), "arrays surprise are missing or unknown"),
    "threshold edited": (said("confluence", "threshold", "base", to=0.26, sealed=False), "its seal does not fit"),
    "weight edited": (said("confluence", "terms", "gamma_levels", to=0.9, sealed=False), "its seal does not fit"),
    "cost edited": (said("costs", "commission_ticks", to=0.0, sealed=False), "its seal does not fit"),
    "seal of another bundle": (said("seal", to=SHA, sealed=False), "its seal does not fit"),
    "fingerprint that is none": (said("data_fingerprint", to="../" * 21 + "x"), "a sha256 in hex is needed"),
    "other tick": (said("instrument", "tick_points", to=0.5), "a tick of ES is 0.5 points"),
    "other tick value": (said("instrument", "tick_usd", to=5.0), "a tick of ES is 0.25 points and 5.0 USD"),
    "other calendar": (said("instrument", "calendar", to="lse"), "unknown calendar 'lse'"),
    "pickle beside the files": (extra_file, "holds 'model.pkl', which is no file of a bundle"),
    "pickle for a manifest": (pickled(NAME), "not readable JSON"),
    "pickle for arrays": (pickled(ARRAYS, sealed=False), "its sha256 is not the manifest's"),
    "pickle for arrays, sealed": (pickled(ARRAYS), "announce a header"),
    "pickle for a golden tape, sealed": (pickled(GOLDEN), "announce a header"),
    "pickle in a header's text": (pickle_in_metadata, "header: __metadata__: unknown key 'pickle'"),
    "pickle as an array": (pickle_as_array, "arrays pickle are missing or unknown"),
    "path out of the folder": (
        said("files", to=lambda found: found | {"../../etc/passwd": SHA}),
        "they must be arrays.safetensors, golden.safetensors",
    ),
    "absolute path": (said("files", to={"/etc/passwd": SHA, GOLDEN: SHA}), "files are /etc/passwd"),
    "manifest linked from outside": (linked(NAME), "manifest.json: a link to"),
    "arrays linked from outside": (linked(ARRAYS), "arrays.safetensors: a link to"),
    "link to a device": (linked(ARRAYS, "/dev/zero"), "arrays.safetensors: a link to /dev/zero"),
    "link to nothing": (linked(GOLDEN, "nowhere"), "golden.safetensors: a link to nowhere"),
    "pipe for a file": (replaced_by(os.mkfifo), "arrays.safetensors: no plain file"),
    "folder for a file": (replaced_by(os.mkdir), "holds 'arrays.safetensors'"),
    "file for the folder": (a_file, "a file where the folder of a bundle is needed"),
    "file missing": (replaced_by(lambda _: None), "arrays.safetensors: no such file"),
    "oversized manifest": (grown(NAME), "at most 1,048,576 are read"),
    "oversized arrays": (grown(ARRAYS), "at most 268,435,456 are read"),
    "oversized golden tape": (grown(GOLDEN), "at most 4,194,304 are read"),
    "oversized header": (file_bytes(lambda d: (1 << 62).to_bytes(8, "little") + d[8:]), "announce a header"),
    "header longer than the file": (
        file_bytes(lambda d: (len(d) - 7).to_bytes(8, "little") + d[8:]),
        "announce a header",
    ),
    "header alone": (file_bytes(lambda d: d[:8]), "announce a header"),
    "header that is a list": (header(lambda _: []), "header: a list where an object is needed"),
    "header nested deeply": (header(lambda _: DEEP.encode()), "header"),
    "header not in UTF-8": (header(lambda _: b'{"\xff": 1}'), "header: not readable JSON"),
    "header with a name twice": (
        header(lambda found: (json.dumps(found)[:-1] + ', "knot_x": ' + json.dumps(found["knot_x"]) + "}").encode()),
        "'knot_x' stands twice",
    ),
    "offsets that overlap": (last_offsets(lambda first, last: [first - 8, last - 8]), "not a readable safetensors"),
    "offsets beyond the file": (last_offsets(lambda first, last: [first, last + 8]), "not a readable safetensors"),
    "offsets below 0": (last_offsets(lambda first, last: [-8, last]), "whole numbers from 0 on are needed"),
    "offsets backwards": (last_offsets(lambda first, last: [last, first]), "not a readable safetensors"),
    "a gap between arrays": (last_offsets(lambda first, last: [first + 8, last]), "not a readable safetensors"),
    "bytes behind the arrays": (file_bytes(lambda d: d + b"x"), "not a readable safetensors"),
    "shape larger than memory": (entry(shape=[2**62, 2**62]), "not a readable safetensors"),
    "shape of other size": (entry(shape=[1]), "not a readable safetensors"),
    "dtype nobody has": (entry(dtype="BF16"), "knot_x is BF16"),
    "NaN in the manifest": (said("confluence", "threshold", "base", to=np.nan), "threshold.base is nan"),
    "infinity in the manifest": (said("rule", "value", to=-np.inf), "value is -inf"),
    "number beyond a float": (
        manifest_text(lambda text: text.replace(b'"seed": 11', b'"seed": 1e999')),
        "training.seed is inf",
    ),
    "whole number beyond 64 bits": (said("training", "seed", to=2**64), "a whole number beyond"),
    "whole number of 5,000 digits": (
        manifest_text(lambda text: text.replace(b'"seed": 11', b'"seed": ' + b"9" * 5000)),
        "not readable JSON",
    ),
    "key twice": (manifest_text(lambda text: text.replace(b"{", b'{"format": 2, ', 1)), "'format' stands twice"),
    "nested deeply": (said("context", to=[[json.loads(DEEP)]]), "manifest.json"),
    "nested beyond the parser": (manifest_text(lambda _: b"[" * 100_000), "not readable JSON"),
    "not in UTF-8": (manifest_text(lambda text: text.replace(b"final", b"fin\xe4l")), "not readable JSON"),
    "in UTF-16": (manifest_text(lambda text: text.decode().encode("utf-16")), "not readable JSON"),
    "other bytes for the same values": (manifest_text(lambda text: text + b" "), "in other bytes than are written"),
    "empty manifest": (manifest_text(lambda _: b""), "not readable JSON"),
    "empty arrays": (file_bytes(lambda _: b""), "announce a header"),
    "control characters in a key": (said("\x1b[2J\nmia: OK", to=1), "unknown key '?[2J?mia: OK'"),
    "key of a hundred thousand letters": (said("x" * 100_000, to=1), "unknown key 'xxx"),
    "text where a number multiplies": (said("confluence", "cooldown_minutes", to="x"), "is 'x': a number is needed"),
    "window of no bars": (said("context", "volatility", "trailing_bars", to=0), "trailing_bars is 0"),
    "window longer than memory": (said("features", "atr_bars", to=10**6), "atr_bars is 1000000"),
    "rule nobody knows": (said("rule", "kind", to="odd"), "manifest.json: unknown pass rule 'odd'"),
    "simulated or not, as text": (said("synthetic", to="no"), "synthetic is 'no': bool is needed"),
    "range inverted": (said("ranges", "gamma_levels", to=[1.0, -1.0]), "gamma_levels lies between 1.0 and -1.0"),
    "range missing": (said("ranges", to=lambda r: dict(list(r.items())[1:])), "is missing; retrain it"),
    "range of nothing": (said("ranges", "close", to=[0.0, 1.0]), "ranges: 'close' is neither a component"),
    "range of one end": (said("ranges", "gamma_levels", to=[1.0]), "two numbers or null are needed"),
    "range in text": (said("ranges", "gamma_levels", to=["0", "1"]), "two numbers or null are needed"),
    "tree that goes in circles": (held("node_step", put(1, 0xFFFF)), "a step to two nodes of the same tree"),
    "tree with two ways to a node": (held("node_step", put(0, 2)), "node_step"),
    "tree of no nodes": (held("tree_nodes", put(0, 0)), "tree_nodes[0] is 0"),
    "tree of less than no nodes": (held("tree_nodes", put(0, -1)), "tree_nodes[0] is -1"),
    "tree that compares beyond the inputs": (held("node_slot", put(0, 60_000)), "node_slot[0] is 60000"),
    "tree that compares with NaN": (held("node_threshold", put(0, np.nan)), "node_threshold[0] is nan"),
    "leaf above 1": (held("node_value", put(slice(0, 40), 1.5)), "a share of a forest's leaf"),
    "term of input -1": (held("term_input", put(0, -1)), "term_input[0] is -1"),
    "scale of 0": (held("term_scale", put(0, 0.0)), "term_scale[0] is 0.0"),
    "infinite coefficient": (held("term_coefficient", put(0, np.inf)), "term_coefficient[0] is inf"),
    "knots out of order": (held("knot_x", lambda a: a[::-1]), "below the next one"),
    "calibrated beyond 1": (held("knot_y", put(-1, 1.5)), "in [0, 1]"),
    "weights that sum to less than 1": (held("member_weight", put(0, 0.4)), "they must sum to 1"),
    "weight below 0": (held("member_weight", lambda a: np.array([1.5, -0.5, 0.0])), "member_weight[1] is -0.5"),
    "member of another kind": (said("members", 0, "kind", to="svm"), "a member is of kind 'svm'"),
    "members of more trees than there are": (said("members", 0, "trees", to=10**12), "not a sound ensemble"),
    "tape column missing": (held("price", lambda _: None, GOLDEN), "no array 'price'"),
    "tape that runs backwards": (held("trade_ts", lambda a: a[::-1], GOLDEN), "runs backwards"),
    "tape without sessions": (held("sessions", lambda a: a[:0], GOLDEN), "array 'contracts'"),
    "tape with a session of years": (session(3, lambda close: close + 2 * 10**17), "trading days of at most a day"),
    "tape with a session elsewhere": (session(4, lambda midnight: midnight - 10**15), "around its midnight"),
    "tape with an unnumbered session": (session(1, lambda index: index * 0), "trading days of at most a day"),
    "tape that ends after its sessions": (held("vix", put((-1, 0), 2 * 10**18), GOLDEN), "its last session ends"),
    "tape before time": (held("trade_ts", put(0, np.iinfo(np.int64).min), GOLDEN), "its last session ends"),
}  # fmt: skip

TAPE = {
    "threshold edited": (said("confluence", "threshold", "base", to=0.26), "other decisions"),
    "weight edited": (said("confluence", "terms", "gamma_levels", to=lambda w: w + 0.01), "other decisions"),
    "cost edited": (said("costs", "commission_ticks", to=0.5), "other decisions"),
    "stop edited": (said("execution", "stop", to=lambda stop: stop * 1.1), "other decisions"),
    "feature setting edited": (said("features", "atr_bars", to=15), "other feature rows"),
    "rule edited": (said("rule", "value", to=0.031), "other decisions"),
    "features swapped": (said("inputs", to=swapped), "other decisions"),
    "feature renamed to another": (renamed_whole, "other decisions"),
    "split moved": (held("node_threshold", lambda a: np.where(np.isfinite(a), a + 0.01, a).astype("f4")), "other"),
    "bias by the last digit": (held("member_bias", lambda a: np.nextafter(a, 1)), "other"),
    "weights exchanged": (held("member_weight", lambda a: a[::-1]), "other"),
    "foreign rows hash": (said("golden", "rows_sha256", to=SHA), "other feature rows"),
    "foreign decisions hash": (said("golden", "decisions_sha256", to=SHA), "other decisions"),
    "foreign probabilities hash": (said("golden", "probabilities_sha256", to=SHA), "other probabilities"),
    "other count of rows": (said("golden", "rows", to=7), "the manifest says"),
    "other prices on the tape": (held("price", lambda a: a + 1.0, GOLDEN), "other feature rows"),
    "other inputs on the tape": (held("inputs", lambda a: a[::-1], GOLDEN), "other probabilities"),
    "tape cut": (held("options", lambda a: a[: len(a) // 2], GOLDEN), "other feature rows"),
}  # fmt: skip

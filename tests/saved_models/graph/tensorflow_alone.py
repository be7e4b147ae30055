"""Runs every signature of exports with TensorFlow and nothing of ours.

python tensorflow_alone.py INPUTS.npz OUTPUTS.npz MODEL ...

The session loader runs the first of them only.
"""

import os
import sys

# Importing these fails: a server does not have them.
for absent in ("keras", "keras_lpips", "saved_models", "training"):
    sys.modules[absent] = None

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def run_functions(folder, arrays):
    """Yields results by `tf.saved_model.load`."""
    for name, function in tf.saved_model.load(folder).signatures.items():
        _, specs = function.structured_input_signature
        tensors = {
            role: tf.constant(arrays[f"{kind_of(spec)}_{source(role)}"])
            for role, spec in specs.items()
        }
        for output, value in function(**tensors).items():
            yield name, output, value.numpy()


def run_session(folder, arrays):
    """Yields results by the session loader, as a server does."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        for name, signature in graph.signature_def.items():
            if name.startswith("__"):
                continue
            feeds = {}
            for role, info in signature.inputs.items():
                kind = kind_of(session.graph.get_tensor_by_name(info.name))
                feeds[info.name] = arrays[f"{kind}_{source(role)}"]
            fetches = {
                output: info.name for output, info in signature.outputs.items()
            }
            for output, value in session.run(fetches, feeds).items():
                yield name, output, value


def source(role):
    return "distorted" if role == "images" else role


def kind_of(tensor):
    return {tf.float32: "float", tf.uint8: "uint8", tf.string: "file"}[
        tensor.dtype
    ]


def main(inputs, outputs, *models):
    with np.load(inputs, allow_pickle=False) as archive:
        arrays = dict(archive)
    arrays["float_p0"] = arrays["float_distorted"]
    arrays["float_p1"] = arrays["float_distorted"][::-1]
    for role in ("reference", "distorted"):
        # NumPy drops zeros at the end of bytes, so a mark follows them.
        files = [file[:-1] for file in arrays[f"file_{role}"].tolist()]
        arrays[f"file_{role}"] = np.array(files, object)
    results = {}
    for model in models:
        folder = os.path.join(model, "1")
        loaders = [run_functions]
        if model == models[0]:
            loaders.append(run_session)
        for loader in loaders:
            for name, output, value in loader(folder, arrays):
                key = f"{os.path.basename(model)} {loader.__name__}"
                if value.dtype == object:
                    # Arrays of strings; objects would be pickled.
                    value = value.astype(bytes)
                results[f"{key} {name} {output}"] = value
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])

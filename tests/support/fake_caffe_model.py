"""A small network in Caffe's two files: an AlexNet's beginning, with LRN.

The binary file is a protobuf message; this writes the few fields of Caffe's
`caffe.proto` that weights need.
"""

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTOTXT = """
name: "small"
input: "data"
input_shape { dim: 1 dim: 3 dim: 64 dim: 64 }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 5 stride: 2 pad: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1"
  lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 } }
layer { name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 12 kernel_size: 3 pad: 1 group: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
"""
CLASSIFIER = """
layer { name: "fc6" type: "InnerProduct" bottom: "conv2" top: "fc6"
  inner_product_param { num_output: 4 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
"""
# AlexNet's conv3 to conv7, the last two once its classifier's.
CONVOLUTION = """
layer {{ name: "conv{n}" type: "Convolution" bottom: "conv{last}" top: "conv{n}"
  convolution_param {{ num_output: 12 kernel_size: 1 }} }}
layer {{ name: "relu{n}" type: "ReLU" bottom: "conv{n}" top: "conv{n}" }}
"""
DEEPER = range(3, 8)
# Message: field, number, type, repeated.
FIELDS = {
    "BlobShape": [("dim", 1, "TYPE_INT64", True)],
    "BlobProto": [
        ("shape", 7, "BlobShape", False),
        ("data", 5, "TYPE_FLOAT", True),
    ],
    "LayerParameter": [
        ("name", 1, "TYPE_STRING", False),
        ("type", 2, "TYPE_STRING", False),
        ("blobs", 7, "BlobProto", True),
    ],
    "NetParameter": [("layer", 100, "LayerParameter", True)],
}


def make_weights(seed=0):
    """Kernels (out, in, height, width) and biases, by layer."""
    rng = np.random.default_rng(seed)
    shapes = {"conv1": (8, 3, 5, 5), "conv2": (12, 4, 3, 3), "fc6": (4, 2700)}
    shapes |= {f"conv{n}": (12, 12, 1, 1) for n in DEEPER}
    return {
        name: [
            rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype("f4"),
            rng.normal(0, 1, shape[0]).astype("f4"),
        ]
        for name, shape in shapes.items()
    }


def write_caffe_model(folder, classifier=False, convolutional=False):
    """Writes both files; returns their paths and the weights."""
    weights = make_weights()
    text = PROTOTXT
    if classifier:
        text += CLASSIFIER
    else:
        del weights["fc6"]
    for n in DEEPER:
        if convolutional:
            text += CONVOLUTION.format(n=n, last=n - 1)
        else:
            del weights[f"conv{n}"]
    net = _message("NetParameter")()
    for name, blobs in weights.items():
        kind = "InnerProduct" if name == "fc6" else "Convolution"
        layer = net.layer.add(name=name, type=kind)
        for array in blobs:
            blob = layer.blobs.add(data=array.ravel().tolist())
            blob.shape.dim.extend(array.shape)
    prototxt = folder / "small.prototxt"
    prototxt.write_text(text)
    model = folder / "small.caffemodel"
    model.write_bytes(net.SerializeToString())
    return prototxt, model, weights


def _message(name):
    file = descriptor_pb2.FileDescriptorProto(
        name="small_caffe.proto", package="small_caffe", syntax="proto2"
    )
    for message, fields in FIELDS.items():
        made = file.message_type.add(name=message)
        for field, number, kind, repeated in fields:
            one = descriptor_pb2.FieldDescriptorProto
            added = made.field.add(name=field, number=number)
            added.label = one.LABEL_REPEATED if repeated else one.LABEL_OPTIONAL
            if kind in FIELDS:
                added.type = one.TYPE_MESSAGE
                added.type_name = f".small_caffe.{kind}"
            else:
                added.type = getattr(one, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"small_caffe.{name}")
    return message_factory.GetMessageClass(found)

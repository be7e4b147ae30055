"""Warm-up requests of every signature."""

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from saved_models.store.warm_up import USUAL_SIDES, WARM_UP


def test_every_signature_answers_its_warm_up_requests(loaded, exported_run):
    version = exported_run / "1"
    signatures = loaded(exported_run).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(version / WARM_UP)):
        log = PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        name = request.model_spec.signature_name
        inputs = {
            role: tf.constant(tf.make_ndarray(proto))
            for role, proto in request.inputs.items()
        }
        outputs = signatures[name](**inputs)
        if "distance" in outputs:
            assert outputs["distance"].numpy().tolist() == [0]
        asked.append(name)
    assert "preference" in asked
    assert sorted(asked) == sorted([*signatures] * len(USUAL_SIDES))


def test_the_requests_take_few_bytes(exported):
    assert (exported("alex") / "1" / WARM_UP).stat().st_size < 10_000

"""KServe's ModelServer with an export: kserve_server.py MODEL PORT."""

import base64
import sys
from pathlib import Path

import kserve
import tensorflow as tf
from kserve.errors import InvalidInput


class Export(kserve.Model):
    """Answers the body of TensorFlow Serving's REST API."""

    def __init__(self, folder):
        super().__init__(Path(folder).name)
        self.model = tf.saved_model.load(f"{folder}/1")
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        signature = self.model.signatures[payload["signature_name"]]
        inputs = {
            role: tf.constant(
                [base64.b64decode(x[role]["b64"]) for x in payload["instances"]]
            )
            for role in ("reference", "distorted")
        }
        try:
            outputs = signature(**inputs)
        except tf.errors.InvalidArgumentError as error:
            raise InvalidInput(error.message) from None
        rows = zip(
            outputs["distance"].numpy().tolist(),
            outputs["error"].numpy().tolist(),
            strict=True,
        )
        return {
            "predictions": [
                {"distance": distance, "error": error.decode()}
                for distance, error in rows
            ]
        }


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False).start(
        [Export(sys.argv[1])]
    )

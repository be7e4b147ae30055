"""Ray Serve's gRPC ingress with an export.

ray_server.py MODEL GRPC_PORT HTTP_PORT
"""

import signal
import sys

import ray
from ray import serve
from ray.serve.config import HTTPOptions, gRPCOptions

SERVICER = (
    "tensorflow_serving.apis.prediction_service_pb2_grpc."
    "add_PredictionServiceServicer_to_server"
)


@serve.deployment
class Export:
    """Answers PredictionService's Predict."""

    def __init__(self, folder):
        import tensorflow as tf

        self.model = tf.saved_model.load(f"{folder}/1")

    def Predict(self, request, grpc_context):
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis.predict_pb2 import PredictResponse

        inputs = {
            role: tf.constant(tf.make_ndarray(proto))
            for role, proto in request.inputs.items()
        }
        signature = self.model.signatures[request.model_spec.signature_name]
        response = PredictResponse()
        try:
            outputs = signature(**inputs)
        except tf.errors.InvalidArgumentError as error:
            grpc_context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            grpc_context.set_details(error.message)
            raise ValueError("refused") from None
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


if __name__ == "__main__":
    ray.init(include_dashboard=False)
    serve.start(
        # Ray's proxy speaks both or neither.
        http_options=HTTPOptions(port=int(sys.argv[3])),
        grpc_options=gRPCOptions(
            port=int(sys.argv[2]), grpc_servicer_functions=[SERVICER]
        ),
    )
    serve.run(Export.bind(sys.argv[1]), name="lpips", route_prefix="/")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()

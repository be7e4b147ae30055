"""Small servers of an export on 127.0.0.1, which can be told to fail."""

import base64
import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictResponse


class Behaviour:
    """What a server does before it answers, and what it saw.

    Attributes:
        failures: statuses to give to the next requests, one each.
        delay: seconds before each answer.
        requests: what was asked for: paths or model specs.
        most_at_once: most requests that were being answered at one time.
    """

    def __init__(self):
        self.failures = []
        self.delay = 0
        self.requests = []
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def request(self, asked):
        with self._lock:
            self.requests.append(asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            failure = self.failures.pop(0) if self.failures else None
        time.sleep(self.delay)
        # Before the answer: who has it may ask again before this goes on.
        with self._lock:
            self._now -= 1
        yield failure


@contextlib.contextmanager
def rest_server(model, behaviour):
    """Serves an export as TensorFlow Serving's REST API does; gives a port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            request = json.loads(self.rfile.read(length))
            with behaviour.request(self.path) as failure:
                self.reply(*answer(request, failure))

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    def answer(request, failure):
        if isinstance(failure, bytes):
            return 200, failure
        if failure:
            return failure, json.dumps({"error": "told to fail"}).encode()
        signature = model.signatures[request["signature_name"]]
        inputs = {
            role: tf.constant(
                [
                    base64.b64decode(instance[role]["b64"])
                    for instance in request["instances"]
                ]
            )
            for role in ("reference", "distorted")
        }
        try:
            distances = signature(**inputs)["distance"].numpy().tolist()
        except tf.errors.InvalidArgumentError as error:
            return 400, json.dumps({"error": error.message}).encode()
        return 200, json.dumps({"predictions": distances}).encode()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Looks often whether it is to end, or each test waits for half a second.
    threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    ).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_server(model, behaviour):
    """Serves an export by PredictionService; gives a port."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            # Not the request's own, which would keep all of it in memory.
            asked = ModelSpec()
            asked.CopyFrom(request.model_spec)
            with behaviour.request(asked) as failure:
                if failure:
                    context.abort(failure, "told to fail")
                return answer(request, context)

    def answer(request, context):
        name = request.model_spec.signature_name
        inputs = {
            role: tf.constant(tf.make_ndarray(proto))
            for role, proto in request.inputs.items()
        }
        try:
            outputs = model.signatures[name](**inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        response = PredictResponse()
        for role, value in outputs.items():
            response.outputs[role].CopyFrom(tf.make_tensor_proto(value))
        return response

    server = grpc.server(ThreadPoolExecutor(16))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()

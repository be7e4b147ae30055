"""Small servers of an export on 127.0.0.1, which can be told to fail.

They answer as TensorFlow Serving does: a row of REST is an object if the
signature has several outputs, gRPC rejects requests beyond its threads, and
the requests of several clients may be computed as one batch.
"""

import base64
import concurrent.futures
import contextlib
import json
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictResponse

# What TensorFlow Serving says beyond --grpc_max_threads.
EXHAUSTED = (
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    "Server Threadpool Exhausted",
)
# REST: the connection ends within the response.
HALF_CLOSED = "half-closed"
# Seconds in which requests are merged.
MERGE_WAIT = 0.002


class Behaviour:
    """What a server does before it answers, and what it saw.

    Attributes:
        failures: what the next requests get instead of an answer, one each:
            a status, a `(status, details)`, bytes that REST sends as the body,
            a `PredictResponse` that gRPC returns, or `None` for an answer. A
            function decides for every request.
        delay: seconds before each answer.
        threads: requests of gRPC that are answered at a time; those beyond are
            refused. `None` for no limit.
        merged: most requests that are computed as one batch, or `None`. An
            error then fails all of them.
        versions: of the model, the state of each; `None` for a server without
            versions. The label `stable` is that of the lowest.
        requests: what was asked for: paths or model specs.
        most_at_once: most requests that were being answered at one time.
    """

    def __init__(self):
        self.failures = []
        self.delay = 0
        self.threads = None
        self.merged = None
        self.versions = {1: "AVAILABLE"}
        self.requests = []
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def request(self, asked):
        with self._lock:
            self.requests.append(asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            if callable(self.failures):
                failure = self.failures()
            else:
                failure = self.failures.pop(0) if self.failures else None
            if self.threads and self._now > self.threads:
                failure = EXHAUSTED
        time.sleep(self.delay)
        # Before the answer: who has it may ask again before this goes on.
        with self._lock:
            self._now -= 1
        yield failure

    def status(self, version, label):
        """Returns the states of the versions that were asked for."""
        if label:
            version = min(self.versions)
        return {
            number: state
            for number, state in self.versions.items()
            if version in (None, number)
        }


@contextlib.contextmanager
def merging(model, behaviour):
    """Gives a function that computes requests, of several clients at once."""
    waiting = queue.SimpleQueue()
    ended = threading.Event()

    def run(name, inputs):
        tensors = {role: tf.constant(value) for role, value in inputs.items()}
        outputs = model.signatures[name](**tensors)
        return {role: np.asarray(value) for role, value in outputs.items()}

    def call(name, inputs):
        if not behaviour.merged:
            return run(name, inputs)
        if ended.is_set():
            raise ConnectionAbortedError("The server has ended")
        future = Future()
        waiting.put((name, inputs, future))
        # A request that comes as the server ends is never taken.
        while True:
            try:
                return future.result(timeout=0.1)
            except concurrent.futures.TimeoutError:
                if ended.is_set():
                    raise ConnectionAbortedError("It has ended") from None

    def work():
        while request := waiting.get():
            requests, end = [request], time.monotonic() + MERGE_WAIT
            while len(requests) < behaviour.merged and request:
                try:
                    left = max(end - time.monotonic(), 0)
                    request = waiting.get(timeout=left)
                except queue.Empty:
                    break
                requests += [request] if request else []
            answer(requests)
            if not request:
                return

    def answer(requests):
        names, inputs, futures = zip(*requests, strict=True)
        lengths = [len(x["reference"]) for x in inputs]
        try:
            outputs = run(
                names[0],
                {
                    role: np.concatenate([x[role] for x in inputs])
                    for role in inputs[0]
                },
            )
        except Exception as error:
            for future in futures:
                future.set_exception(error)
            return
        at = 0
        for future, length in zip(futures, lengths, strict=True):
            future.set_result(
                {k: value[at : at + length] for k, value in outputs.items()}
            )
            at += length

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield call
    finally:
        waiting.put(None)
        thread.join()
        ended.set()


@contextlib.contextmanager
def rest_server(model, behaviour, port=0):
    """Serves an export as TensorFlow Serving's REST API does; gives a port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            request = json.loads(self.rfile.read(length))
            with behaviour.request(self.path) as failure:
                # The client may have left.
                with contextlib.suppress(ConnectionError):
                    self.reply(*answer(request, failure))

        def do_GET(self):
            *_, kind, name = self.path.split("/")
            with behaviour.request(self.path) as failure:
                if failure:
                    return self.reply(*answer(None, failure))
            if behaviour.versions is None:
                return self.reply(200, b'{"name": "x", "ready": "True"}')
            found = behaviour.status(
                int(name) if kind == "versions" else None, kind == "labels"
            )
            states = [
                {"version": str(number), "state": state}
                for number, state in found.items()
            ]
            body = json.dumps({"model_version_status": states})
            if not states:
                body = json.dumps({"error": f"It has no version {name}"})
            return self.reply(200 if states else 404, body.encode())

        def reply(self, status, body):
            self.send_response(status)
            if status == 200 and body == HALF_CLOSED:
                body = b'{"predictions": ['
                self.send_header("Content-Length", "1000")
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    def answer(request, failure):
        if isinstance(failure, bytes) or failure == HALF_CLOSED:
            return 200, failure
        if failure:
            return failure, json.dumps({"error": "told to fail"}).encode()
        inputs = {
            role: np.array(
                [
                    base64.b64decode(instance[role]["b64"])
                    for instance in request["instances"]
                ],
                object,
            )
            for role in ("reference", "distorted")
        }
        try:
            outputs = call(request["signature_name"], inputs)
        except tf.errors.InvalidArgumentError as error:
            return 400, json.dumps({"error": error.message}).encode()
        columns = {
            role: [x.decode() if isinstance(x, bytes) else x for x in values]
            for role, values in (
                (role, value.tolist()) for role, value in outputs.items()
            )
        }
        rows = [
            dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ]
        if len(columns) == 1:
            rows = [value for row in rows for value in row.values()]
        return 200, json.dumps({"predictions": rows}).encode()

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    # Looks often whether it is to end, or each test waits for half a second.
    threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    ).start()
    try:
        with merging(model, behaviour) as call:
            yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def grpc_server(model, behaviour, port=0):
    """Serves an export by PredictionService; gives a port."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            # Not the request's own, which would keep all of it in memory.
            asked = ModelSpec()
            asked.CopyFrom(request.model_spec)
            with behaviour.request(asked) as failure:
                if isinstance(failure, PredictResponse):
                    return failure
                if isinstance(failure, tuple):
                    context.abort(*failure)
                if failure:
                    context.abort(failure, "told to fail")
                return answer(request, context)

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            spec = ModelSpec()
            spec.CopyFrom(request.model_spec)
            with behaviour.request(spec) as failure:
                if failure:
                    context.abort(failure, "told to fail")
            if behaviour.versions is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "unknown service")
            asked = spec.version.value if spec.HasField("version") else None
            found = behaviour.status(asked, spec.version_label)
            if not found:
                detail = f"It has no version {asked}"
                context.abort(grpc.StatusCode.NOT_FOUND, detail)
            response = GetModelStatusResponse()
            for number, state in found.items():
                response.model_version_status.add(version=number, state=state)
            return response

    def answer(request, context):
        name = request.model_spec.signature_name
        inputs = {
            role: tf.make_ndarray(proto)
            for role, proto in request.inputs.items()
        }
        try:
            outputs = call(name, inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        except ConnectionError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        response = PredictResponse()
        for role, value in outputs.items():
            response.outputs[role].CopyFrom(tf.make_tensor_proto(value))
        return response

    server = grpc.server(ThreadPoolExecutor(32))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        with merging(model, behaviour) as call:
            yield port
    finally:
        server.stop(None).wait()

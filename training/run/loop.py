"""The training loop for one device, several devices and several machines.

It replaces Keras's `fit`, which fails under `MultiWorkerMirroredStrategy`
(keras#20585), and takes a Keras model, optimizer and callbacks.
"""

import functools
import time

import keras
import numpy as np
import tensorflow as tf

from keras_lpips.metrics.two_afc import two_afc_scores
from training.data.batches import (
    count_steps,
    distributed_batches,
    shuffled_order,
)
from training.model.optimizer import training_step
from training.model.triplet_model import TripletModel, judge_losses
from training.run.checkpoint import Progress


class Loop:
    """Trains a model on triplets and validates it.

    Args:
        strategy: the strategy in whose scope model and optimizer were created.
        model: the model.
        optimizer: its optimizer, built.
        global_batch_size: triplets in a batch, over all replicas.
        jit: whether steps are compiled with XLA. Defaults to `False`.
    """

    def __init__(
        self, strategy, model: TripletModel, optimizer, global_batch_size, jit
    ):
        self._strategy = strategy
        self._model = model
        self._optimizer = optimizer
        self._batch_size = global_batch_size
        self._jit = jit

    def train(
        self, source, rates, seed, progress: Progress, validate, save, callbacks
    ) -> None:
        """Trains from the position in `progress` to the last epoch.

        Args:
            source: triplets; see `training.data.batches`.
            rates: the learning rate of each epoch.
            seed: seed of the orders.
            progress: position of the run; updated after each step.
            validate: function without arguments that returns a dictionary of
                numbers, called after each epoch.
            save: function of whether an epoch has ended, called after each
                step.
            callbacks: Keras callbacks; `on_epoch_*`, `on_train_*` and
                `on_train_batch_end` are called, `model.stop_training` ends
                the run.
        """
        model = self._model
        callbacks = keras.callbacks.CallbackList(callbacks, model=model)
        model.stop_training = False
        callbacks.on_train_begin()
        steps = count_steps(len(source), self._batch_size)
        for epoch in range(progress.step // steps, len(rates)):
            callbacks.on_epoch_begin(epoch)
            self._optimizer.learning_rate.assign(rates[epoch])
            start = time.perf_counter()
            done = progress.step % steps
            batches = distributed_batches(
                self._strategy,
                source,
                shuffled_order(len(source), seed, epoch),
                self._batch_size,
                done,
            )
            for i, batch in enumerate(batches, start=done):
                step = tf.constant(progress.step, tf.int64)
                loss = float(self._train_step(batch, step))
                progress.step += 1
                progress.loss_sum += loss
                callbacks.on_train_batch_end(i, {"loss": loss})
                # The last step is saved with the epoch's metrics.
                if i + 1 < steps:
                    save(False)
            seconds = time.perf_counter() - start
            logs = {
                "epoch": epoch + 1,
                "learning_rate": rates[epoch],
                "loss": progress.loss_sum / steps,
                "triplets_per_second": (steps - done)
                * self._batch_size
                / seconds,
                **validate(),
            }
            progress.history.append(logs)
            progress.loss_sum = 0.0
            save(True)
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        callbacks.on_train_end()

    def validate(self, source) -> tuple[float, float]:
        """Returns mean loss and 2AFC score in percent, without dropout.

        The score is NaN if a distance is not finite.
        """
        batches = distributed_batches(
            self._strategy, source, range(len(source)), self._batch_size
        )
        columns = np.concatenate(
            [self._validation_step(batch) for batch in batches], axis=-1
        )
        distance0, distance1, judge, losses, weights = columns
        # Without the rows that fill up the last batch.
        real = weights > 0
        distances = distance0[real], distance1[real]
        score = float("nan")
        if np.isfinite(distances).all():
            score = float(two_afc_scores(*distances, judge[real]).mean())
        return float(losses[real].mean(dtype=np.float64)), 100 * score

    @functools.cached_property
    def _train_step(self):
        replica = training_step(self._model, self._optimizer, self._jit)

        @tf.function(autograph=False)
        def step(batch, number):
            losses = self._strategy.run(replica, (batch, number))
            return self._strategy.reduce("SUM", losses, axis=None)

        return step

    @functools.cached_property
    def _validation_step(self):
        def replica(batch):
            *distances, logits = self._model(batch)
            judge = batch["judge"]
            loss = judge_losses(judge, logits)
            return tf.stack([*distances, judge, loss, batch["weight"]])

        @tf.function(autograph=False)
        def step(batch):
            columns = self._strategy.run(replica, (batch,))
            return self._strategy.gather(columns, axis=1)

        return step

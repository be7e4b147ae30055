"""The learning rate of each epoch."""

# Reference, `train.py`: --lr, --nepoch, --nepoch_decay.
LEARNING_RATE = 1e-4
BASE_EPOCHS = 5
DECAY_EPOCHS = 5

SCHEDULES = ("reference", "literal")


def learning_rates(schedule: str = "reference") -> tuple[float, ...]:
    """Returns the rate of each epoch, `BASE_EPOCHS + DECAY_EPOCHS` of them.

    Args:
        schedule: "reference" lowers the rate after each epoch from the sixth
            on, as the authors' loop does: six epochs at the full rate, then
            0.8, 0.6, 0.4 and 0.2 of it. "literal" is what their options say:
            five epochs at the full rate, then five that fall evenly, the
            last still above 0. Defaults to "reference".
    """
    if schedule not in SCHEDULES:
        raise ValueError(
            f"`schedule` must be one of {list(SCHEDULES)}. "
            f"Received: schedule={schedule!r}"
        )
    late = schedule == "reference"
    steps_down = DECAY_EPOCHS + (not late)
    epochs = range(1, BASE_EPOCHS + DECAY_EPOCHS + 1)
    falls = (max(0, epoch - BASE_EPOCHS - late) for epoch in epochs)
    return tuple(LEARNING_RATE * (1 - fall / steps_down) for fall in falls)

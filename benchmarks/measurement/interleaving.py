"""Times several implementations in turn."""

import statistics
import time

# torch's threads spin for a while after each call.
PAUSE_SECONDS = 0.03
FEWEST_ROUNDS = 3
MOST_ROUNDS = 25


def interleave(implementations: dict, seconds: float, take=None) -> dict:
    """Times implementations in turn, so that other load affects all of them.

    Args:
        implementations: functions without arguments by name. One that raises
            is left out, and its error is returned.
        seconds: duration of the measurement, after one warm-up call of each.
            Three rounds are always run.
        take: function from an implementation to the seconds that its turn
            took; implementations need not be functions then. Defaults to
            `time_once`.

    Returns:
        By name, `median_ms`, `fastest_ms` and `rounds`; or `failed`.
    """
    take = take or time_once
    results, running = {}, dict(implementations)
    for name, run in implementations.items():
        try:
            take(run)
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            results[name] = {"failed": f"{type(error).__name__}: {lines[0]}"}
            del running[name]
    times = {name: [] for name in running}
    order = list(running)
    start = time.perf_counter()
    for i in range(MOST_ROUNDS):
        if i >= FEWEST_ROUNDS and time.perf_counter() - start > seconds:
            break
        for name in order:
            times[name].append(take(running[name]))
        order = order[1:] + order[:1]
    for name, taken in times.items():
        results[name] = {
            "median_ms": 1e3 * statistics.median(taken),
            "fastest_ms": 1e3 * min(taken),
            "rounds": len(taken),
        }
    return {name: results[name] for name in implementations}


def time_calls(run, wait, calls: int) -> float:
    """Returns the seconds of one of several calls that are awaited together.

    Args:
        run: function without arguments; its result may be asynchronous.
        wait: function of a list of results that returns once all are computed.
        calls: number of calls.
    """
    # The device may have served another implementation since.
    wait([run()])
    return time_once(lambda: wait([run() for _ in range(calls)])) / calls


def time_once(run) -> float:
    """Returns the seconds that one call takes, after a pause."""
    time.sleep(PAUSE_SECONDS)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start

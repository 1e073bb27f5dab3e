# SPDX-License-Identifier: GPL-2.0-only
"""Jobs done by a few threads, with their results as they come."""

import concurrent.futures
import queue
import time

# Seconds without a result after which a line says that they still run.
BEAT = 60


def results(jobs, work, threads, done, beat):
    """Calls work(job) for every job, some threads at a time.

    Yields what work puts into the queue done, as it comes; beat(count) is
    called when nothing has come for a while.  What work raised is raised here
    once all others are done: a job that was not done cannot pass.
    """
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        started = [pool.submit(work, job) for job in jobs]
        said, count = time.monotonic(), 0
        while not all(f.done() for f in started) or not done.empty():
            try:
                yield done.get(timeout=0.2)
                said, count = time.monotonic(), count + 1
            except queue.Empty:
                if time.monotonic() - said >= BEAT:
                    said = time.monotonic()
                    beat(count)
        for future in started:
            future.result()

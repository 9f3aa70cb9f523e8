"""More than one machine: the same jobs on a Dask cluster, whose business are scheduling, lost workers and retries.

Workers reach sources and masters by the same paths, on storage that they share.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.batch.worker import Work
from rt_automix.errors import UserError

if TYPE_CHECKING:
    from distributed import Future

LOCAL = "local"
"""The address of a cluster of this machine's own, for a trial."""

_FIND_S = 10.0
_WAKE_S = 0.2
_MOST_TRIES = 6
"""So often a job is tried where one worker takes it again and again in which it fails."""

_COUNT_S = 1.0
"""So long a count of the workers holds."""

_GONE = "the scheduler has gone, and did not come back. What is done stays; the same command goes on from there."
_LOST = "the workers that worked on it were lost, again and again ({}). Look at their memory and their logs."


class Cluster:
    """A pool, as `rt_automix.batch.pool.Pool` is, whose processes are those of a Dask cluster.

    A worker that is lost costs what it had under way: Dask gives that to another, up to its `allowed-failures`. What
    fails in one is tried once more in another, whose disk may not be full, or which may have what the first lacks.
    After the scheduler has gone and come back within some seconds, what was under way is asked for again.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``; or LOCAL.
    jobs : int
        How many processes a LOCAL one gets.
    scratch : Path
        A folder on the shared storage; each worker gets one of its own in it.

    Raises
    ------
    UserError
        Dask is not installed, or nobody answers there.

    Thread: main. Allocates: yes; no more than the jobs under way.
    """

    def __init__(self, address: str, jobs: int, scratch: Path) -> None:
        try:
            import distributed
        except ImportError:
            raise UserError('--dask needs Dask. Install it: pip install "rt-automix[dask]".') from None
        self._scratch, self._open = scratch, contextlib.ExitStack()
        self._count, self._count_at = 0, 0.0
        self._under_way: dict[Any, tuple[Future, Work, tuple[str, ...]]] = {}
        self._ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        with self._open as opened:
            if address == LOCAL:
                few: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
                place: Any = opened.enter_context(distributed.LocalCluster(n_workers=jobs, **few))
            else:
                place = address
            try:
                self._client = opened.enter_context(distributed.Client(place, timeout=_FIND_S, set_as_default=False))
            except (OSError, ValueError) as error:
                raise UserError(
                    f"--dask {address}: no scheduler answers there ({error}). Start one, dask scheduler, and give "
                    f"the address that it says; or --dask {LOCAL} for a trial."
                ) from None
            self._open = opened.pop_all()

    @property
    def jobs(self) -> int:
        """How many jobs the workers do at once that were there a moment ago; 1 while there are none."""
        if time.monotonic() > self._count_at:
            with contextlib.suppress(OSError):  # while the scheduler is away the last count holds
                self._count = sum(self._client.nthreads().values())
            self._count_at = time.monotonic() + _COUNT_S
        return max(1, self._count)

    def submit(self, job: Work) -> None:
        """Have a job done. Raises UserError where the scheduler has gone."""
        if self._client.status == "closed":
            raise UserError(f"--dask: {_GONE}")
        self._submit(job, (), None)

    def _submit(self, job: Work, failed_in: tuple[str, ...], others: list[str] | None) -> None:
        """Have a job done, by others than the workers in which it has failed: these may still take it, if idle."""
        options: dict[str, Any] = {"pure": False, "workers": others, "allow_other_workers": others is not None}
        future = self._client.submit(_do, job, self._scratch, **options)
        self._under_way[future.key] = future, job, failed_in
        future.add_done_callback(self._ended.put)

    def answer(self, timeout_s: float | None = None) -> tuple[Any, Any] | None:
        """A job and what became of it, in the order in which they end; None if none has within the time."""
        left_s = timeout_s
        while left_s is None or left_s > 0.0:
            step_s = _WAKE_S if left_s is None else min(_WAKE_S, left_s)
            left_s = None if left_s is None else left_s - step_s
            with contextlib.suppress(queue.Empty):
                future = self._ended.get(timeout=step_s)
                _, job, failed_in = self._under_way.pop(future.key)
                if future.status == "finished":
                    answer, worker = future.result()
                    failed_in += (worker,) if job.has_failed(answer) else ()
                    is_sure = len(set(failed_in)) > 1 or len(failed_in) >= _MOST_TRIES
                    if not job.has_failed(answer) or is_sure or not (others := self._others(worker)):
                        return job, answer
                    self._submit(job, failed_in, others)
                    continue
                if future.status == "error":
                    return job, job.died(_LOST.format(future.exception()))
                self.submit(job)  # the scheduler has forgotten it
            if self._client.status == "closed":
                raise UserError(f"--dask: {_GONE}")
        return None

    def _others(self, worker: str) -> list[str]:
        """The workers but one; none while the scheduler is away."""
        try:
            return [other for other in self._client.nthreads() if other != worker]
        except OSError:
            return []

    def close(self) -> None:
        """Leave the cluster; what is under way is nobody's any more."""
        with contextlib.suppress(Exception):
            self._client.cancel([future for future, _, _ in self._under_way.values()])
        self._open.close()


def _do(job: Any, scratch: Path) -> tuple[Any, str]:
    """Do a job in a worker, kernels are loaded by the first, and stay: the answer, and who it was."""
    from distributed import get_worker

    own = scratch / f"{socket.gethostname()}-{threading.get_native_id()}"
    return replace(job, scratch=own).do(), get_worker().address

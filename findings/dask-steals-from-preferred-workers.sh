#!/usr/bin/env bash
# Dask distributed 2026.8.0: Client.submit(..., workers=[B], allow_other_workers=True) reads like "B, or another if B
# is not there". It is a first guess only. A worker that idles steals such tasks from B while B is merely busy, so
# what was sent away from a worker, because it had failed there, comes back to that very worker, which is idle for
# just that reason: it fails so fast. The page on work stealing says that restricted tasks are not stolen; that holds
# for the strict kind alone, which in turn waits for ever when B has gone.
#
# Seen (four tasks that prefer the busy of two workers; then four that must run there):
#   preferred: 0 of 4 ran there
#   required: 4 of 4 ran there
# What follows for us: a failure is believed once two different workers have said so, and a task that is stolen
# back by the one in which it has failed is sent away again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0
cat >steal.py <<'PY'
import time

from distributed import Client, LocalCluster, get_worker


def where(number):
    time.sleep(0.5)
    return get_worker().address


if __name__ == "__main__":
    quiet = {"dashboard_address": None, "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
        idle, busy = sorted(client.nthreads())
        client.submit(where, -1, workers=[idle], pure=False).result()  # so that its duration is known
        for name, others in (("preferred", True), ("required", False)):
            blocked = client.submit(time.sleep, 4, workers=[busy], pure=False)
            time.sleep(0.5)
            how = {"workers": [busy], "allow_other_workers": others, "pure": False}
            ran = [future.result() for future in [client.submit(where, number, **how) for number in range(4)]]
            blocked.result()
            print(f"{name}: {ran.count(busy)} of 4 ran there")
PY
venv/bin/python -W ignore steal.py | tee seen
grep -qx "preferred: 0 of 4 ran there" seen
grep -qx "required: 4 of 4 ran there" seen

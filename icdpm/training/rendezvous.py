"""Rendezvous of the workers in TF_CONFIG before TensorFlow connects them.

TensorFlow itself waits an hour for a missing worker without a message.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from typing import Any, NamedTuple

from icdpm.errors import IcdpmError

_EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
_RETRY_SECONDS = 0.2  # between two attempts to reach the first worker
_LINE_SECONDS = 10.0  # at most, to receive a line


class Cluster(NamedTuple):
    """The workers of a run and this process' place among them, as TF_CONFIG describes them.

    Attributes:
      addresses: {task such as 'worker 0': (host, port)} of all training tasks, the chief first.
      task: the task of this process.
    """

    addresses: dict[str, tuple[str, int]]
    task: str

    @property
    def members(self) -> list[list]:
        """All tasks with their addresses, as JSON represents them. They must be equal for all workers."""
        return [[task, *address] for task, address in self.addresses.items()]

    @property
    def first(self) -> str:
        """The task to which the others report, which is TensorFlow's coordinator as well."""
        return next(iter(self.addresses))


def read_tf_config() -> Cluster:
    """Reads the environment variable TF_CONFIG.

    Raises:
      IcdpmError: TF_CONFIG is missing or malformed, does not contain this task, or this task's port is in use.
    """
    if "TF_CONFIG" not in os.environ:
        raise IcdpmError(f"--strategy=multiworker needs the environment variable TF_CONFIG, for example {_EXAMPLE}.")
    try:
        tf_config = json.loads(os.environ["TF_CONFIG"])
        task = f"{tf_config['task']['type']} {tf_config['task']['index']}"
        addresses = {
            f"{job} {index}": (host.strip("[]"), int(port))
            for job in ("chief", "worker")
            for index, (host, _, port) in enumerate(each.rpartition(":") for each in tf_config["cluster"].get(job, ()))
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IcdpmError(
            f"The environment variable TF_CONFIG does not describe workers. Expected, for example: {_EXAMPLE}."
        ) from error
    if task not in addresses:
        raise IcdpmError(
            f"The environment variable TF_CONFIG describes this process as {task}, but its cluster has "
            f"{', '.join(addresses) or 'no worker'}."
        )
    try:
        _listen(addresses[task][1]).close()
    except (OSError, OverflowError) as error:
        raise IcdpmError(
            f"Port {addresses[task][1]} of {task} in TF_CONFIG cannot be used: another process uses it, or the previous run "
            "has not ended yet."
        ) from error
    return Cluster(addresses, task)


def wait_for_workers(cluster: Cluster, timeout: float) -> None:
    """Waits until all workers have started.

    Args:
      cluster: the workers, by `read_tf_config`.
      timeout: in seconds.

    Raises:
      IcdpmError: a worker did not start in time, or has another TF_CONFIG.
    """
    deadline = time.monotonic() + timeout
    exchange = _collect_reports if cluster.task == cluster.first else _report
    refusal = exchange(cluster, deadline, timeout)
    if refusal:
        raise IcdpmError(refusal)


def _collect_reports(cluster: Cluster, deadline: float, timeout: float) -> str:
    """Receives the reports of the other workers and answers them; returns why the run cannot start, or ""."""
    reported: dict[str, socket.socket] = {}
    refusal = ""
    with _listen(cluster.addresses[cluster.task][1]) as server:
        while not refusal and len(reported) < len(cluster.addresses) - 1:
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection, _ = server.accept()
            except socket.timeout:  # an alias of TimeoutError from Python 3.10 on
                missing = " and ".join(task for task in cluster.addresses if task != cluster.task and task not in reported)
                refusal = f"{missing} of TF_CONFIG did not start within {timeout:g} seconds (--wait). Start all workers."
                break
            report = _read_report(connection)
            if report is None:  # another program
                connection.close()
                continue
            task, members = report
            reported[task] = connection
            if members != cluster.members or task not in cluster.addresses:
                refusal = f"{task} and {cluster.task} have different clusters in TF_CONFIG. Give all workers the same one."
        for connection in reported.values():
            with connection, contextlib.suppress(OSError):
                connection.sendall(json.dumps(refusal).encode() + b"\n")
    return refusal


def _report(cluster: Cluster, deadline: float, timeout: float) -> str:
    """Reports to the first worker and returns its answer."""
    unreached = f"{cluster.first} of TF_CONFIG did not answer within {timeout:g} seconds (--wait). Start all workers."
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(
                cluster.addresses[cluster.first], max(deadline - time.monotonic(), 0.01)
            ) as connection:
                connection.sendall(json.dumps([cluster.task, cluster.members]).encode() + b"\n")
                connection.settimeout(max(deadline - time.monotonic(), 0.0) + _LINE_SECONDS)
                answer = connection.makefile().readline()
                return json.loads(answer) if answer else unreached
        except (OSError, ValueError):  # not started yet, its name not known yet, or another program
            time.sleep(_RETRY_SECONDS)
    return unreached


def _listen(port: int) -> socket.socket:
    """Returns a listening socket; a port that was released a moment ago is available."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _read_report(connection: socket.socket) -> tuple[str, Any] | None:
    """Returns (task, members) that a worker reports, or None for another program."""
    try:
        connection.settimeout(_LINE_SECONDS)
        task, members = json.loads(connection.makefile().readline())
        return str(task), members
    except (OSError, ValueError, TypeError):
        return None

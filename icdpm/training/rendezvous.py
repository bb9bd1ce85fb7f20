"""How the workers of TF_CONFIG find each other, before TensorFlow waits for them without a word and for an hour."""

import contextlib
import json
import os
import socket
import time
from typing import NamedTuple

from icdpm.errors import IcdpmError

_EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
# Seconds between two tries to reach the first worker, and that another may take for a line.
_AGAIN, _LINE = 0.2, 10.0


class Place(NamedTuple):
    """What TF_CONFIG says.

    Attributes:
      addresses: {task such as 'worker 0': (host, port)} of all that train, the chief first.
      task: this one.
    """

    addresses: dict
    task: str

    @property
    def cluster(self):
        """What all have to be told alike, as JSON has it."""
        return [[task, *address] for task, address in self.addresses.items()]

    @property
    def first(self):
        """The task that the others report to, as they do to it in TensorFlow."""
        return next(iter(self.addresses))


def read_tf_config():
    """The `Place` that the environment variable TF_CONFIG gives to this process.

    Raises:
      IcdpmError: it is missing, does not say who the workers are and which of them this is, or this one's port is taken.
    """
    if "TF_CONFIG" not in os.environ:
        raise IcdpmError("strategy multiworker needs the environment variable TF_CONFIG to name the workers and this one")
    try:
        said = json.loads(os.environ["TF_CONFIG"])
        task = f"{said['task']['type']} {said['task']['index']}"
        addresses = {
            f"{job} {index}": (host.strip("[]"), int(port))
            for job in ("chief", "worker")
            for index, (host, _, port) in enumerate(each.rpartition(":") for each in said["cluster"].get(job, ()))
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IcdpmError(f"the environment variable TF_CONFIG does not name the workers; an example: {_EXAMPLE}") from error
    if task not in addresses:
        raise IcdpmError(
            f"the environment variable TF_CONFIG says that this is {task}, and names {', '.join(addresses) or 'none'}"
        )
    try:
        _listening(addresses[task][1]).close()
    except (OSError, OverflowError) as error:
        raise IcdpmError(
            f"the port {addresses[task][1]} that TF_CONFIG gives to {task} cannot be had: another process has it, or the run "
            "that is to continue has not ended yet"
        ) from error
    return Place(addresses, task)


def meet(place, wait):
    """Returns as soon as all workers are there.

    Args:
      place: of `read_tf_config`.
      wait: seconds, at most.

    Raises:
      IcdpmError: not all came in time, or they were not told the same.
    """
    deadline = time.monotonic() + wait
    refusal = _receive(place, deadline, wait) if place.task == place.first else _report(place, deadline, wait)
    if refusal:
        raise IcdpmError(refusal)


def _receive(place, deadline, wait):
    """Hears all others, then tells them, and returns, why there is no run; "": there is one."""
    there, refusal = {}, ""
    with _listening(place.addresses[place.task][1]) as server:
        while not refusal and len(there) < len(place.addresses) - 1:
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                other, _ = server.accept()
            except socket.timeout:  # TimeoutError by its name before Python 3.10
                missing = " and ".join(task for task in place.addresses if task != place.task and task not in there)
                refusal = f"{missing} of TF_CONFIG did not come up in {wait:g} seconds (--wait); start all workers"
                break
            said = _line_of(other)
            if said is None:  # whoever that is
                other.close()
                continue
            there[said[0]] = other
            if said != [said[0], place.cluster] or said[0] not in place.addresses:
                refusal = f"{said[0]} was told of another cluster than {place.task}: give all the same in TF_CONFIG"
        for other in there.values():
            with other, contextlib.suppress(OSError):
                other.sendall(json.dumps(refusal).encode() + b"\n")
    return refusal


def _report(place, deadline, wait):
    """Reports to the first, and returns what that says."""
    unreached = f"{place.first} of TF_CONFIG did not answer in {wait:g} seconds (--wait); start all workers"
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(place.addresses[place.first], max(deadline - time.monotonic(), 0.01)) as first:
                first.sendall(json.dumps([place.task, place.cluster]).encode() + b"\n")
                first.settimeout(max(deadline - time.monotonic(), 0.0) + _LINE)
                answer = first.makefile().readline()
                return json.loads(answer) if answer else unreached
        except (OSError, ValueError):  # nobody there yet, nor perhaps the name, or another program
            time.sleep(_AGAIN)
    return unreached


def _listening(port):
    """A socket that others may connect to; a port that was left a moment ago is free."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _line_of(other):
    """[task, cluster] that a worker says; None for other programs."""
    try:
        other.settimeout(_LINE)
        task, cluster = json.loads(other.makefile().readline())
        return [str(task), cluster]
    except (OSError, ValueError, TypeError):
        return None

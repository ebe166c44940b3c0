"""One process that has everything imported and forks a kernel from itself whenever one is asked for."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import threading

BEYOND_ROOMS = ("ibis.backends.duckdb", "ipykernel.kernelapp", "matplotlib_inline.backend_inline")
NOT_PRELOADED = ("cli", "report")
NOTEBOOK_ROOMS = ("helpers.report.cells",)
COMMAND = "import sys; sys.path[:] = filter(None, sys.path); from helpers.report.forkserver import serve; serve({})"
LENGTH = struct.Struct("!I")
READY = b"ready"
PATIENCE_SECONDS = 60.0


def can_fork() -> bool:
    """Return whether kernels may be forked here: Linux with pidfd, unless STUDIES_FORK=0 says no."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and os.environ.get("STUDIES_FORK") != "0"


class ForkServer:
    """The prepared process, seen from the command that renders; it imports while the command does other things."""

    def __init__(self, environment):
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._ready = None
        self._socket.settimeout(PATIENCE_SECONDS)
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        command = [sys.executable, "-c", COMMAND.format(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], start_new_session=True, **quiet
            )

    def fork(self, argv, *, env, cwd) -> Forked | None:
        """Return a new kernel's process, or None when this server cannot make one.

        Parameters
        ----------
        argv : list of str
            What `python -m ipykernel_launcher` would get.
        env : dict of str to str
            The kernel's whole environment.
        cwd : str
            Absolute folder in which it works.
        """
        request = json.dumps({"argv": argv, "env": env, "cwd": cwd}).encode()
        with self._lock:
            try:
                if self._ready is None:
                    self._ready = self._socket.recv(len(READY)) == READY
                if not self._ready:
                    return None
                self._socket.sendall(LENGTH.pack(len(request)) + request)
                answer, descriptors, _, _ = socket.recv_fds(self._socket, LENGTH.size, 1)
            except OSError:
                self._ready = False
                return None
            return Forked(*LENGTH.unpack(answer), descriptors[0]) if descriptors else None

    def close(self) -> None:
        """End the process; kernels that still run end with it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


class Forked:
    """A forked kernel, with those parts of Popen that Jupyter's provisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid, descriptor):
        self.pid = pid
        self.returncode = None
        self._descriptor = descriptor

    def poll(self) -> int | None:
        """Return None while it runs, and 1 after (its parent alone could know the true status)."""
        if self.returncode is None and select.select([self._descriptor], [], [], 0)[0]:
            self.returncode = 1
            os.close(self._descriptor)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.poll() is None:
            select.select([self._descriptor], [], [])
        return self.poll()

    def send_signal(self, number) -> None:
        """Send a signal to this process and no other, even if it has ended."""
        with contextlib.suppress(OSError):  # it ended in between
            if self.poll() is None:
                signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def serve(descriptor) -> None:
    """Import everything, then fork one kernel a request until the other end closes.

    A request is a length and JSON {argv, env, cwd}; an answer is the process id with a descriptor of the process.
    A process that has Python threads must not fork: then the connection closes and kernels start in the ordinary way.
    """
    with socket.socket(fileno=descriptor) as connection:
        _preload()
        if threading.active_count() > 1:
            return
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        connection.sendall(READY)
        while head := _receive(connection, LENGTH.size):
            _answer(connection, json.loads(_receive(connection, *LENGTH.unpack(head))))


def _preload():
    import helpers

    gc.disable()  # nothing dies while modules load; kernels collect as usual
    rooms = [f"helpers.{m.name}" for m in pkgutil.iter_modules(helpers.__path__) if m.name not in NOT_PRELOADED]
    for name in [*BEYOND_ROOMS, *rooms, *NOTEBOOK_ROOMS]:
        with contextlib.suppress(Exception):  # the notebook that imports it will say what is wrong
            importlib.import_module(name)
    gc.freeze()


def _receive(connection, count):
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            return b""
        content += part
    return content


def _answer(connection, request):
    process = os.fork()
    if process == 0:
        connection.close()
        _become_kernel(**request)
    descriptor = os.pidfd_open(process)
    try:
        socket.send_fds(connection, [LENGTH.pack(process)], [descriptor])
    finally:
        os.close(descriptor)


def _become_kernel(*, argv, env, cwd):
    """Do what `python -m ipykernel_launcher` does, in a session of its own; never returns."""
    status = 1
    try:
        gc.enable()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = ["ipykernel_launcher", *argv]
        import numpy as np
        from ipykernel.kernelapp import IPKernelApp

        np.random.seed()  # noqa: NPY002  (kernels must not share one state of chance)
        IPKernelApp.launch_instance(argv, parent_handle=os.getppid())
        status = 0
    finally:
        os._exit(status)

"""What happens in the process of one run: executed by Papermill, judged, written beside the last good report, swapped.

Only such a process imports this module, which imports all that is heavy.
"""
# ruff: noqa: E402

import gc
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing import parent_process
from queue import Empty

for unused in ("rfc3987_syntax", "rfc3986_validator", "debugpy"):  # half of an import, and nothing asks for them here
    sys.modules.setdefault(unused, None)
import nbformat
import papermill
import zmq
from ipykernel.kernelapp import IPKernelApp
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from matplotlib.backends.registry import backend_registry
from traitlets.config import Config

from helpers import paths
from helpers.report import page, store
from helpers.report.document import find_payload, hide_secrets, list_files, write_json
from helpers.report.runs import read_yaml
from helpers.report.store import DIED, STOPPED, Outcome, judge_disk, leave_page
from helpers.view import words
from helpers.view.html import list_facts

list_facts(())  # this and the next four are made here, once for all runs that are forked
words.open_templates(paths.VIEWS).get_template(f"{words.DEFAULT}.md.j2")  # which half of the studies extend
nbformat.validate(nbformat.v4.new_notebook())
backend_registry.list_all()
NEEDED = [re.match(r"[\w-]+", line)[0] for line in metadata.requires("support-studies") if "extra ==" not in line]
VERSIONS = {"python": platform.python_version(), **{name: metadata.version(name) for name in NEEDED}}
FOREIGN = "something else than a report stands in the folder of that name; choose another name or --out"
LONGEST_SOCKET = 90  # characters; systems take 103 to 107, of which the number of the socket needs some
UNVERSIONED = "not under version control"
CHANGED = "{}: changed while the run read it; run it again once nothing writes to it"
UNFINISHED = "the notebook ended before its last cell had published results"


class Kernel:
    """A kernel forked from this process while it was alone: all that a study imports is there when it begins.

    It has what Jupyter asks of a process.
    """

    stdin = stdout = stderr = returncode = None

    def __init__(self):
        theirs, self.ours = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _be_kernel(theirs)
            finally:
                os._exit(0)
        os.close(theirs)

    def begin(self, arguments, folder, environment) -> None:
        """Let it begin, with arguments of ipykernel's own command."""
        with suppress(BrokenPipeError):  # it has died, which whoever waits for its answer is told
            os.write(self.ours, json.dumps([arguments, folder, environment]).encode())
        os.close(self.ours)

    def poll(self) -> int | None:
        """Return how it ended, None while it works."""
        return self.wait(os.WNOHANG)

    def wait(self, options=0) -> int | None:
        """Return how it ended, when it has."""
        if self.returncode is None:
            number, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if number else None
        return self.returncode

    def send_signal(self, number) -> None:
        """Send a signal to it, and to what it has started."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _be_kernel(pipe):
    """Wait until the run's process says that the kernel begins, then be one; with no other file of it open."""
    os.closerange(3, pipe)
    os.closerange(pipe + 1, os.sysconf("SC_OPEN_MAX"))
    with os.fdopen(pipe, "rb") as told:
        given = told.read()
    if given:
        arguments, folder, environment = json.loads(given)
        os.setsid()
        os.chdir(folder)
        os.environ.update(environment)
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # as a run makes many objects and few circles: a twentieth of its time
        # that of the environment is read when the kernel is imported; with it, one ends when its run is killed
        parent = f"--IPKernelApp.parent_handle={os.getppid()}"
        IPKernelApp.launch_instance([*arguments, "--matplotlib=inline", parent])


class Forked(LocalProvisioner):
    """What begins a kernel that this process has forked, in place of a new process that imports for seconds."""

    async def launch_kernel(self, cmd, **options):
        """Let the kernel begin."""
        self.process, self.cwd = self.parent.kernel, options["cwd"]
        self.pid = self.pgid = self.process.pid
        self.process.begin(cmd[cmd.index("-f") :], self.cwd, options["env"])
        return self.connection_info

    async def kill(self, restart=False):
        """End the kernel with all that it has started, and wait as long as that takes, not for the next look."""
        await super().kill(restart)
        self.process.wait()


class Client(AsyncKernelClient):
    """Jupyter's client, which begins once it hears the kernel; its own waits a fifth of a second for silence."""

    async def wait_for_ready(self, timeout=60):
        """Wait until the kernel answers and what it displays is heard."""
        end = time.monotonic() + timeout
        while await self.is_alive() and time.monotonic() < end:
            self.kernel_info()
            with suppress(Empty):
                answer = await self.shell_channel.get_msg(timeout=1)
                await self.iopub_channel.get_msg(timeout=0.2)
                return self._handle_kernel_info_reply(answer)
        raise RuntimeError("Kernel died before it answered")


class Manager(AsyncKernelManager):
    """Jupyter's manager of the one `kernel` that this process has forked."""

    kernel = None

    def __init__(self, **options):
        super().__init__(**options)
        self.provisioner = Forked(kernel_spec=self.kernel_spec, parent=self)
        self.client_factory = Client


@contextmanager
def own_process(environment):
    """Make this process fit for one run: its environment, nothing said beside the report, an end when one is asked for.

    A request to terminate, and the end of the command, raise KeyboardInterrupt once; Ctrl-C reaches the command alone.
    Where processes are forked, so is the kernel, before a thread runs.
    """

    def interrupt(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    def follow_command():
        parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    os.environ.clear()
    os.environ.update(environment)
    with tempfile.TemporaryDirectory(prefix="studies-") as folder, open(os.devnull, "w") as nowhere:
        os.environ.update(IPYTHONDIR=folder, JUPYTER_RUNTIME_DIR=folder)
        for descriptor in (1, 2):  # what a kernel writes outside of cells may hold values
            os.dup2(nowhere.fileno(), descriptor)
        Manager.kernel = Kernel() if sys.platform == "linux" else None
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, interrupt)
        threading.Thread(target=follow_command, daemon=True).start()
        try:
            yield
        finally:
            if Manager.kernel:
                Manager.kernel.kill()
                Manager.kernel.wait()


def render_run(run, settings, tell) -> Outcome:
    """Return how a run ended; its folder holds a new report, or the last good one and failed.html.

    Parameters
    ----------
    run : Run
    settings : Settings
    tell : callable
        Called with each heading as its section begins.
    """
    try:
        with store.hold_lock(settings.out, run.name):
            if store.is_foreign(settings.out, run.name):
                return Outcome("refused", FOREIGN)
            checksums = store.Checksums(settings.out)
            key = store.make_key(run, checksums, code=settings.code, beside=settings.beside)
            if not settings.force and store.is_fresh(run, key, checksums):
                return Outcome("up to date")
            outcome = produce(run, settings, key, tell, checksums)
            if outcome.failed:
                leave_page(settings.out, run.name, outcome)
            return outcome
    except OSError as error:
        return judge_disk(error)
    except KeyboardInterrupt:
        return STOPPED


def produce(run, settings, key, tell, checksums) -> Outcome:
    """Return how a run ended that had to be rendered; `key` goes into its record.

    What it reads is refused where it is no longer, at the end, what `checksums` knows it as. A database is read as it
    stands: nothing here can know whether it changes meanwhile.
    """
    begun, sections = time.time(), [""]
    before = {file: checksums.of(file) for file in store.list_inputs(run, settings.out)}

    def pass_section(heading):
        sections.append(heading)
        tell(heading)

    try:
        kept = hide_secrets(execute(run, settings.limit, pass_section), run.values)
        notebook = nbformat.from_dict(json.loads(kept))
        payload = find_payload(notebook)
        if payload is None:
            return Outcome("error", UNFINISHED, sections[-1])
        sections.append("")
        tell("report is written")
        again = store.Checksums(settings.out)
        after = {file: again.of(file) for file in store.list_inputs(run, settings.out)}
        if changed := [file.name for file in before | after if after.get(file, "missing") != before.get(file)]:
            return Outcome("refused", CHANGED.format(", ".join(changed)))
        started = datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds")
        record = {"key": key, "started": started, "seconds": round(time.time() - begun, 3)}
        files = {f"private/{run.study}.ipynb": kept.encode()} | list_files(payload, notebook)
        record |= {name: payload[name] for name in ("as_of", "card")}
        _write_report(run, settings, notebook, payload["results"], files, record)
        return Outcome("done", f"{time.time() - begun:.1f} s")
    except (Exception, KeyboardInterrupt) as error:
        store.settle(settings.out, run.name)
        found = judge_error(error, limit=settings.limit)
        return replace(found, section=sections[-1], detail=f"{type(error).__name__}: {error}")


def execute(run, limit, tell):
    """Return a run's notebook as Papermill has executed it, on a kernel that ends with it.

    Parameters
    ----------
    run : Run
    limit : float
        Seconds a cell may take.
    tell : callable
        Called with each heading as its section begins.

    Raises
    ------
    Exception: of Papermill or nbclient, when a cell fails, the kernel dies or takes too long.
    """

    def watch(cell, cell_index):
        heading = re.match(r"#{2,3} +(.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            tell(heading[1].strip())

    return papermill.execute_notebook(
        nbformat.read(run.notebook, as_version=4),
        None,
        parameters=run.given,
        kernel_name="python3",
        kernel_manager_class=Manager if Manager.kernel else AsyncKernelManager,
        language="python",
        progress_bar=False,
        execution_timeout=limit,
        on_cell_start=watch,
        resources={"metadata": {"path": str(run.notebook.parent)}},
        shutdown_kernel="immediate",
        config=Config(KernelManager=choose_transport(os.environ["JUPYTER_RUNTIME_DIR"])),
    )


def choose_transport(folder) -> dict:
    """Return how to speak with a kernel: over sockets in the run's own folder, as ports can be taken meanwhile.

    Ports stay where there are no such sockets, or where the folder's name is too long for one.
    """
    place = os.path.join(folder, "kernel")
    if zmq.has("ipc") and len(place) < LONGEST_SOCKET:
        return {"transport": "ipc", "ip": place}
    return {"transport_encryption": "auto"}


def judge_error(error, *, limit) -> Outcome:
    """Return the outcome of a run that an exception ended.

    Parameters
    ----------
    error : BaseException
        From Papermill, nbclient or the disk, or KeyboardInterrupt.
    limit : float
        Time limit of a cell, seconds.

    Returns
    -------
    Outcome: its message holds the exception's class, and its text only for a refusal, which holds no value.
    """
    in_cell, kind = getattr(error, "ename", ""), type(error).__name__
    if "KeyboardInterrupt" in (in_cell, kind):
        return STOPPED
    if in_cell == "Refused":
        return Outcome("refused", error.evalue)
    if in_cell:
        return Outcome("error", f"{in_cell} in a cell; open the notebook in JupyterLab to see it happen")
    if kind == "CellTimeoutError":
        return Outcome("time limit", f"a cell ran longer than {limit:g} seconds; raise STUDIES_TIME_LIMIT or give less")
    if kind == "DeadKernelError" or (kind == "RuntimeError" and "ernel" in str(error)):
        return DIED
    if isinstance(error, OSError):  # after the time limit, which is one too
        return judge_disk(error)
    return Outcome("error", f"{kind} while the report was made; STUDIES_DEBUG=1 shows more")


def read_commit(file) -> str:
    """Return the commit that last changed a file and its day, whether the file differs now, or that none is known.

    It stands in run.json alone: clones of one repository may know different ones, and give the same report.
    """
    commit = _ask_git(file.parent, "log", "-1", "--format=%H of %cs", "--", file.name)
    told = ", changed since" if _ask_git(file.parent, "status", "--porcelain", "--", file.name) else ""
    is_shallow = _ask_git(file.parent, "rev-parse", "--is-shallow-repository") == "true"
    return f"{commit}{told}{', or earlier: the clone is shallow' if is_shallow else ''}" if commit else UNVERSIONED


def _ask_git(folder, *words):
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    return ""


def _write_report(run, settings, notebook, results, files, record):
    """Write the whole report beside the last good one, then put it in its place."""
    plan = run.values.get("plan")
    file = plan and paths.plan_file(plan, base=run.notebook.parent)
    is_same = file and hashlib.sha256(file.read_bytes()).hexdigest() == results["plan"]["sha256"]
    files["report.html"] = page.render(notebook, results, code=settings.code, beside=settings.beside).encode()
    shared = {name: hashlib.sha256(files[name]).hexdigest() for name in files if not name.startswith("private/")}
    record |= {
        **{key: results[key] for key in ("run", "study")},
        "cells": [cell.metadata.papermill.duration for cell in notebook.cells if cell.cell_type == "code"],
        "files": shared,
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "versions": VERSIONS,
        "head": _ask_git(paths.REPOSITORY, "rev-parse", "HEAD") or UNVERSIONED,
        "plan": read_yaml(file) if is_same else None,  # by which `compare` tells what was changed
        "plan_commit": read_commit(file) if plan else None,
    }
    files["run.json"] = write_json(record).encode()
    store.replace_report(settings.out, run.name, files)

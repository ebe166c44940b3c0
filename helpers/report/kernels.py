"""How a kernel starts: forked from a prepared process where that works, in Jupyter's ordinary way where not."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import EntryPoint
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

NAME = "support-studies"
LAUNCHER = ["-m", "ipykernel_launcher"]


class Provisioner(LocalProvisioner):
    """Jupyter's extension point for starting kernels: it asks the fork server first, then does the ordinary thing."""

    async def launch_kernel(self, cmd, **kwargs):
        """Start the kernel and return its connection."""
        kernel = self.parent
        argv = cmd[1 + len(LAUNCHER) :]
        cwd = str(kwargs.get("cwd") or Path.cwd())
        forked = kernel.server.fork(argv, env=kwargs["env"], cwd=cwd) if kernel.server else None
        if forked is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process, self.pid, self.pgid, self.cwd = forked, forked.pid, forked.pid, cwd
        kernel.start = "forked"
        return self.connection_info


KernelProvisionerFactory.provisioners[NAME] = EntryPoint(
    NAME, f"{__name__}:{Provisioner.__name__}", KernelProvisionerFactory.GROUP_NAME
)


class Kernel(AsyncKernelManager):
    """The kernel of one run: this Python, a fixed environment, an encrypted connection, no profile of the user's."""

    def __init__(self, *, environment, server=None):
        self.folder = tempfile.mkdtemp(prefix="studies-")
        super().__init__(
            kernel_name="python3", transport_encryption="auto", connection_file=str(Path(self.folder) / "kernel.json")
        )
        self.environment = {**environment, "IPYTHONDIR": self.folder}
        self.server = server
        self.start = "cold"

    @property
    def kernel_spec(self):
        """The kernel of this very Python, whatever is installed under its name elsewhere."""
        return KernelSpec(
            argv=[sys.executable, *LAUNCHER, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            metadata={"supported_encryption": ["curve"], "kernel_provisioner": {"provisioner_name": NAME}},
        )

    async def start_kernel(self, **options):
        """Start it; what it writes outside of cells is dropped, for it may hold values."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await super().start_kernel(env=self.environment, **quiet, **options)

    def kill(self) -> None:
        """End the process at once, from any thread; whoever waits for it finds it dead."""
        process = getattr(self.provisioner, "process", None)
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process if it still works, and remove what it left."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Engine(NBClientEngine):
    """Papermill's own engine on a kernel of ours, in the notebook's folder, ended without ceremony."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, kernel, cwd_of_kernel, execution_timeout, **options):
        """Run every cell; the kernel is ended whatever happens."""
        client = PapermillNotebookClient(
            nb_man,
            km=kernel,
            kernel_name=kernel_name,
            timeout=execution_timeout,
            startup_timeout=options["start_timeout"],
            on_cell_start=options["on_cell_start"],
            resources={"metadata": {"path": cwd_of_kernel}},
            extra_arguments=["--matplotlib=inline"],
            shutdown_kernel="immediate",
            record_timing=False,
            log=logging.getLogger("papermill"),
        )
        client.execute(cleanup_kc=True)

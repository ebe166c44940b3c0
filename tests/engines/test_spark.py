"""The studies on tables in a real Spark, in this process and as two workers: every figure is as from files."""

import socket
import subprocess
from pathlib import Path

import engine_samples
import pytest

from helpers.sources import addresses, opening

SMALL = {  # tables are small here, and time goes into the planning and compiling of queries
    "spark.sql.shuffle.partitions": 1,
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "ERROR",
}
TWO_WORKERS = {  # nothing begins before both are there
    "spark.cores.max": 2,
    "spark.executor.memory": "512m",
    "spark.scheduler.minRegisteredResourcesRatio": 1,
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
}
QUICK_JAVA = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", "SPARK_LOCAL_IP": "127.0.0.1"}
QUICK_JAVA |= {"SPARK_DAEMON_MEMORY": "256m"}


@pytest.fixture(scope="module", autouse=True)
def quick_java():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK_JAVA.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def cluster(folder):
    """Return the address of a Spark of its own, a master and two workers on loopback."""
    import pyspark

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{found.getsockname()[1]}"
    start = [Path(pyspark.__file__).parent / "bin" / "spark-class"]
    host, port = place.split(":")
    master = ["org.apache.spark.deploy.master.Master", "--host", host, "--port", port, "--webui-port", "0"]
    worker = ["org.apache.spark.deploy.worker.Worker", f"spark://{place}", "--host", host, "--webui-port", "0"]
    worker += ["--cores", "1", "--memory", "600m", "--work-dir", folder / "work"]
    with open(folder / "log", "w") as log:
        started = [subprocess.Popen([*start, *of], stdout=log, stderr=log) for of in (master, worker, worker)]
    yield place
    for process in reversed(started):
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def spark(request, folder):
    """Return the address of a Spark and its session: `local`, or `cluster`."""
    told = SMALL | {"spark.sql.warehouse.dir": folder / "warehouse"}
    if request.param == "cluster":
        place, told = request.getfixturevalue("cluster"), told | TWO_WORKERS
    else:
        place, told = "local", told | {"spark.master": "local[1]"}
    address = f"pyspark://{place}?" + "&".join(f"{name}={value}" for name, value in told.items())
    session = opening.connect([addresses.read_address(address)])._session
    yield address, session
    session.stop()


def name_tables(session, folder, study) -> None:
    """Name a study's files as tables of a Spark."""
    engine_samples.write_files(folder, study)
    for name in engine_samples.TABLES:
        table = f"{study}_{name}"
        session.catalog.createTable(table, path=str(folder / f"{table}.parquet"), source="parquet")


RUNS = [("local", study) for study in engine_samples.STUDIES] + [("cluster", "experiment")]


@pytest.mark.parametrize(("spark", "study"), RUNS, indirect=["spark"])
def test_every_figure_is_as_from_files(study, folder, spark):
    address, session = spark
    name_tables(session, folder, study)
    engine_samples.assert_same(folder, study, address)
    executors = session.sparkContext._jsc.sc().getExecutorMemoryStatus().size()
    assert executors == (1 if address.startswith("pyspark://local") else 1 + 2)  # and the driver

"""The studies on tables in a real Spark: every figure is as from files."""

import engine_samples
import pytest

from helpers.sources import opening

SMALL = {  # tables are small here, and time goes into the planning of queries
    "spark.sql.shuffle.partitions": 1,
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "ERROR",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def spark(folder):
    """Return the address of a local Spark, and its session."""
    told = SMALL | {"spark.sql.warehouse.dir": folder / "warehouse", "spark.master": "local[1]"}
    address = "pyspark://?" + "&".join(f"{name}={value}" for name, value in told.items())
    session = opening.connect([opening.read_address(address)])._session
    yield address, session
    session.stop()


def write_study(session, folder, study) -> dict:
    """Write a study's files, and its tables into a Spark; return the parameters of a run on the files."""
    given = engine_samples.write_files(folder, study)
    for name in engine_samples.TABLES:
        session.read.parquet(str(folder / f"{study}_{name}.parquet")).write.saveAsTable(
            f"{study}_{name}", mode="overwrite"
        )
    return given


@pytest.mark.parametrize("study", ["proactive_help", "live_support", "customer_milestones", "experiment"])
def test_every_figure_is_as_from_files(study, folder, spark):
    address, session = spark
    files = write_study(session, folder, study)
    tables = engine_samples.point_at(address, study, files)
    found, again = (engine_samples.run_cells(study, changes) for changes in (files, tables))
    assert len(found.estimates) > 50
    assert engine_samples.compare_results(found, again) == []

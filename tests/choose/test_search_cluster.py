"""Trials on a real Ray cluster of two nodes on this machine; one node is killed while they run."""

import json
import os

import pytest

from edgeseq.choose.about_data import task_shape
from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import METRICS
from edgeseq.choose.search.choose import Request, choose
from edgeseq.choose.search.loop import Search, SearchOptions
from edgeseq.choose.search.proposals.space import Space
from edgeseq.choose.search.proposals.target import Target
from edgeseq.choose.search.study.records import RunFolder
from edgeseq.choose.search.trials.ray_workers import RayWorkers
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.data import load_data
from edgeseq.errors import SearchError
from edgeseq.report import as_json
from edgeseq.targets import load_core
from tests.choose.double import predictor

# Ray leaves sockets and files to its processes.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
TRIALS = 4


@pytest.fixture
def cluster(monkeypatch):
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "240",
        "RAY_worker_register_timeout_seconds": "240",
        "RAY_health_check_period_ms": "1000",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }.items():
        monkeypatch.setenv(name, value)
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()


class KillsANode:
    """Kills a node, at once and for good, when the first trial has ended; another is then running on it."""

    def __init__(self, cluster, node):
        self.cluster, self.node = cluster, node

    def stage(self, words, total):
        pass

    def advance(self, done, words):
        if done == 1 and self.node is not None:
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = None


@pytest.mark.slow
def test_a_node_that_is_killed_loses_no_trial(cluster, tmp_path):
    """Two nodes work on the same study; after one is killed every trial is in the result, trained, and one is recommended."""
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    data = prepare(load_data("digits"), 0)
    target = Target("cortex-m0plus", load_core("cortex-m0plus"), predictor(task_shape(data)))
    space = Space(cells=("gru", "lstm"), sizes=(4, 8), layers=1, schemes=("int8",))
    options = SearchOptions(trials=TRIALS, epochs=1, finalists=1, modes=("size",))
    search = Search(space, Budget(16_384, 3072), target, METRICS["classification"], options, RunFolder(tmp_path))
    slots = []

    def workers(given):
        made = RayWorkers(given, cluster.address)
        slots.append(made.slots)
        return made

    progress = KillsANode(cluster, second)
    choose(Request(search, data, workers, as_json.measurement, ["edgeseq", "choose"]), progress)
    assert slots == [2]
    assert progress.node is None
    found = json.loads((tmp_path / "results.json").read_text())
    assert [each["trial"] for each in found["candidates"]] == list(range(TRIALS))
    assert {each["status"] for each in found["candidates"]} <= {"trained", "measured"}
    assert all((tmp_path / each["files"]["esq"]).exists() for each in found["candidates"])
    assert found["recommended"] in [each["name"] for each in found["candidates"] if each["measured"]]


@pytest.mark.slow
def test_no_cluster_is_said_so(monkeypatch):
    """An address where nothing answers, in words."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.pop("RAY_ADDRESS", None)
    with pytest.raises(SearchError, match=r"--cluster auto: no Ray cluster answers .*ray start --head"):
        RayWorkers(prepare(load_data("digits"), 0), "auto")

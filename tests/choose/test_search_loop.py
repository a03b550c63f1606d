"""The ask/tell loop and its study, with workers that train nothing: what is proposed, kept, lost and refused."""

import itertools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgeseq.choose.budget import Budget
from edgeseq.choose.search import reuse
from edgeseq.choose.search.choose import SearchInterrupted, choose
from edgeseq.choose.search.proposals.space import Space
from edgeseq.choose.search.study.records import RunFolder, read_measured, results, write_measured
from edgeseq.choose.search.study.storage import import_optuna, read_study
from edgeseq.choose.search.trials.trial import TrialResult
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.choose.search.trials.workers import Outcome
from edgeseq.errors import SearchError
from tests.choose.made_up import data_set, measured
from tests.choose.made_up_search import SPACE, Instant, Quiet, document, request


def test_a_search_records_every_trial(tmp_path):
    """The largest of each cell that fits comes first; what does not fit is recorded and never handed to a worker."""
    done = choose(request(tmp_path), Quiet())
    found = document(tmp_path)
    assert found == json.loads(json.dumps(done.document))
    worked = [each for each in found["candidates"] if each["status"] in ("trained", "measured")]
    assert len(worked) == 6
    assert [each["trial"] for each in found["candidates"]] == list(range(len(found["candidates"])))
    assert [(each["cell"], each["units"]) for each in found["candidates"][:2]] == [("gru", [32]), ("lstm", [32])]
    assert len({each["name"] for each in found["candidates"]}) == len(found["candidates"])
    for each in found["candidates"]:
        assert each["reason"] is None if each["name"] == found["recommended"] else each["reason"]
        over = each["predicted"]["flash_bytes"] > 12_000 or each["predicted"]["ram_bytes"] > 1200
        assert (each["status"] == "infeasible") == over
        if each["status"] == "trained":
            assert (tmp_path / each["files"]["keras"]).read_bytes() == b"keras"


def test_every_other_candidate_is_for_the_score_alone(tmp_path):
    """Where more units score better, those are as large as fit, the others of any size; a resumed search goes on so."""
    wanted = request(tmp_path, trials=26)
    wanted = replace(wanted, search=replace(wanted.search, space=Space(cells=("gru", "lstm", "rnn"))))
    choose(wanted, Quiet())
    more = replace(wanted, search=replace(wanted.search, options=replace(wanted.search.options, trials=40)), resume=True)
    choose(more, Quiet())
    units = [sum(each["units"]) for each in document(tmp_path)["candidates"] if each["status"] != "infeasible"]
    assert units[:7] == [44, 36, 44, 36, 44, 36, 72]
    # The resumed search takes turns anew.
    for_score, for_all = units[15:26:2] + units[27::2], units[14:26:2] + units[26::2]
    assert statistics.median(for_score) > 50 > 2 * statistics.median(for_all)


def test_a_lost_worker_is_replaced_once(tmp_path):
    """A trial whose worker dies is tried again; if that dies too, it failed. The others are kept."""
    attempts = []

    def ends(spec):
        attempts.append(spec.number)
        dies = spec.number == 1 or (spec.number == 0 and attempts.count(0) == 1)
        return Outcome(0, error="its worker process died", lost=True) if dies else None

    choose(request(tmp_path, Instant(RunFolder(tmp_path), ends)), Quiet())
    found = {each["trial"]: each for each in document(tmp_path)["candidates"]}
    assert attempts.count(0) == attempts.count(1) == 2
    assert found[0]["status"] in ("trained", "measured")
    assert found[1]["status"] == "failed"
    assert found[1]["reason"] == "failed 2 times: its worker process died"
    assert sum(each["status"] != "infeasible" for each in found.values()) == 6


def test_an_interrupted_search_goes_on(tmp_path):
    """Ctrl-C keeps what has ended; what was running is run again under a new number, and nothing is drawn twice."""

    def ends(spec):
        if spec.number >= 3:
            raise KeyboardInterrupt

    with pytest.raises(SearchInterrupted) as caught:
        choose(request(tmp_path, Instant(RunFolder(tmp_path), ends)), Quiet())
    assert json.loads(json.dumps(caught.value.choice.document)) == document(tmp_path)
    assert not document(tmp_path)["complete"]
    assert document(tmp_path)["verdict"][0].startswith("Not finished: ")
    before = document(tmp_path)["candidates"]
    choose(request(tmp_path, resume=True), Quiet())
    after = document(tmp_path)["candidates"]
    assert document(tmp_path)["complete"]
    lost = [each for each in after if str(each["reason"]).startswith("lost with its process")]
    assert lost
    again = [(each["cell"], each["units"], each["scheme"]) for each in after if each not in lost]
    assert all((each["cell"], each["units"], each["scheme"]) in again for each in lost)
    known = {each["name"]: each["scores"]["validation"] for each in after}
    assert all(known[each["name"]] == each["scores"]["validation"] for each in before)
    assert sum(each["status"] in ("trained", "measured") for each in after) == 6


def test_more_trials_may_be_asked_for(tmp_path):
    """--trials counts from the beginning: going on with more of them adds the rest, with none it only measures."""
    choose(request(tmp_path), Quiet())
    choose(request(tmp_path, trials=8, resume=True), Quiet())
    assert sum(each["status"] in ("trained", "measured") for each in document(tmp_path)["candidates"]) == 8


def cut_short(spec):
    """The end of the search comes in the first epoch of every training."""
    history = ({"loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.4},)
    return Outcome(0, TrialResult("trained", "out of time after 1 of 2 epochs", 0.4, 0.4, history, 0.1, b"keras", b"esq"))


def test_what_time_cut_short_is_no_example(tmp_path):
    """It is kept and said; the plainest networks are trained again, and no other search takes it over."""
    begun, workers = [], Instant(RunFolder(tmp_path / "a"), lambda spec: begun.append(spec.proposal) or cut_short(spec))
    choose(request(tmp_path / "a", workers, trials=2), Quiet())
    reasons = [each["reason"] for each in document(tmp_path / "a")["candidates"] if each["status"] == "trained"]
    assert all(reason.startswith("out of time after 1 of 2 epochs; ") for reason in reasons)
    again = []
    workers = Instant(RunFolder(tmp_path / "a"), lambda spec: again.append(spec) or None)
    choose(request(tmp_path / "a", workers, trials=12, resume=True), Quiet())
    assert {str(each.as_json()) for each in begun} <= {str(each.proposal.as_json()) for each in again}
    assert all(not each.rule.curves for each in again[:2])
    choose(request(tmp_path / "b", reuse=(tmp_path / "a",), trials=0), Quiet())
    taken = [each["origin"] for each in document(tmp_path / "b")["candidates"] if each["origin"] is not None]
    assert len(taken) > 4
    assert not any(each.endswith(("trial 0", "trial 1")) for each in taken)


def test_another_search_is_refused(tmp_path):
    """A study is gone on with for the same data, space, budget and training alone."""
    choose(request(tmp_path), Quiet())
    with pytest.raises(SearchError, match=r"already holds the study 'edgeseq'. Add --resume"):
        choose(request(tmp_path), Quiet())
    other = request(tmp_path, resume=True)
    changes = {
        "budget": {"budget": Budget(12_000, 1100)},
        "space": {"space": replace(SPACE, layers=1)},
        "target": {"target": replace(other.search.target, name="cortex-m4")},
        "epochs": {"options": replace(other.search.options, epochs=2)},
    }
    for what, change in changes.items():
        with pytest.raises(SearchError, match=f"the study of another search: {what} was .*, now .*choose another --out"):
            choose(replace(other, search=replace(other.search, **change)), Quiet())
    with pytest.raises(SearchError, match="another search: the data are other windows"):
        choose(replace(other, data=prepare(data_set(windows=66), 0)), Quiet())
    with pytest.raises(SearchError, match="holds no study 'other' to go on with"):
        choose(replace(other, study="other"), Quiet())


def trained(folder):
    """What was trained, by network: validation scores and where."""
    done = [each for each in document(folder)["candidates"] if each["status"] in ("trained", "measured")]
    key = ("cell", "units", "scheme", "input_dtype", "window", "stride", "dropout", "learning_rate")
    return {json.dumps([each[name] for name in key]): (each["scores"]["validation"], each["origin"]) for each in done}


def test_what_another_search_trained_is_taken_over(tmp_path):
    """Another budget costs it anew; none of it is trained again, and it does not count as trials."""
    first, second = tmp_path / "first", tmp_path / "second"
    choose(request(first, trials=12), Quiet())
    workers = Instant(RunFolder(second))
    handed = []
    workers.ends = lambda spec: handed.append(spec.proposal)
    wanted = request(second, workers, trials=3, reuse=(first,))
    smaller = replace(wanted, search=replace(wanted.search, budget=Budget(7_000, 1200)))
    choose(smaller, Quiet())
    found = document(second)["candidates"]
    before = trained(first)
    taken = {key: value for key, value in trained(second).items() if value[1]}
    assert taken
    assert all(score == before[key][0] for key, (score, _) in taken.items())
    assert all(origin.startswith(f"{first}, trial ") for _, origin in taken.values())
    too_large = [each for each in found if each["origin"] and each["status"] == "infeasible"]
    assert too_large
    assert all(each["predicted"]["flash_bytes"] > 7_000 for each in too_large)
    assert len(taken) + len(too_large) == len(before)
    assert len(handed) == 3
    for each in found:
        if each["origin"] and each["status"] == "trained":
            assert (second / each["files"]["keras"]).read_bytes() == b"keras"
    # Going on takes nothing over twice.
    again = replace(smaller, resume=True, search=replace(smaller.search, options=replace(smaller.search.options, trials=4)))
    choose(again, Quiet())
    assert {key for key, value in trained(second).items() if value[1]} == set(taken)
    assert len(handed) == 4


def test_taking_over_goes_on_where_it_was_killed(tmp_path, monkeypatch):
    """What was not taken over yet is, what was is not again, and what was under way is not trained again."""
    first, second = tmp_path / "first", tmp_path / "second"
    choose(request(first, trials=8), Quiet())
    close, calls = reuse.close_trained, itertools.count()

    def killed(*arguments):
        if next(calls) == 2:
            raise RuntimeError("as if killed")
        close(*arguments)

    monkeypatch.setattr(reuse, "close_trained", killed)
    with pytest.raises(RuntimeError, match="as if killed"):
        choose(request(second, trials=1, reuse=(first,)), Quiet())
    monkeypatch.undo()
    workers, handed = Instant(RunFolder(second)), []
    workers.ends = lambda spec: handed.append(spec.proposal)
    choose(request(second, workers, trials=1, reuse=(first,), resume=True), Quiet())
    taken = [each["origin"] for each in document(second)["candidates"] if each["origin"] and each["status"] != "failed"]
    assert sorted(taken) == sorted(f"{first}, trial {each['trial']}" for each in document(first)["candidates"] if each["seconds"])
    assert len(handed) == 1
    assert not {json.dumps(each.as_json()) for each in handed} & {
        json.dumps(proposal.as_json())
        for _, proposal, _ in results(read_study(RunFolder(first).database, "edgeseq"), RunFolder(first))
    }


@pytest.mark.slow
@pytest.mark.parametrize("taking_over", [False, True], ids=["plain", "taking over"])
def test_a_kill_at_any_write_loses_nothing(taking_over, tmp_path, monkeypatch):
    """Whichever write to the study is the last, the search goes on, and every candidate has its own result."""
    reuses = (tmp_path / "other",) if taking_over else ()
    if taking_over:
        choose(request(reuses[0], trials=4), Quiet())
    writes = itertools.count()
    last = -1

    def counted(write):
        def or_killed(*arguments, **named):
            if next(writes) == last:
                raise RuntimeError("as if killed")
            return write(*arguments, **named)

        return or_killed

    storage = import_optuna().storages.RDBStorage
    for name in ("create_new_trial", "set_trial_param", "set_trial_user_attr", "set_trial_system_attr", "set_trial_state_values"):
        monkeypatch.setattr(storage, name, counted(getattr(storage, name)))
    choose(request(tmp_path / "whole", trials=3, reuse=reuses), Quiet())
    total = next(writes)
    assert total > 20
    for last in range(0, total, 3 if taking_over else 1):
        writes, folder = itertools.count(), tmp_path / str(last)
        with pytest.raises(RuntimeError, match="as if killed"):
            choose(request(folder, trials=3, reuse=reuses), Quiet())
        writes = itertools.count(10**9 + 1)
        choose(request(folder, trials=3, reuse=reuses, resume=True), Quiet())
        found = [each for each in document(folder)["candidates"] if each["scores"]["validation"]]
        assert len([each for each in found if each["origin"] is None]) == 3
        for each in found:
            assert each["scores"]["validation"] == 1 - 1 / sum(each["units"])
        origins = [each["origin"] for each in found if each["origin"]]
        assert len(origins) == len(set(origins)) == (4 if taking_over else 0)


def test_another_search_cannot_be_taken_over(tmp_path):
    """Where there is none, or one of other data or training; what the space does not hold is left out."""
    first = tmp_path / "first"
    choose(request(first), Quiet())
    with pytest.raises(SearchError, match=r"no search to take candidates from: it has no study.db"):
        choose(request(tmp_path / "a", reuse=(tmp_path / "none",)), Quiet())
    longer = request(tmp_path / "b", reuse=(first,))
    options = replace(longer.search.options, epochs=2)
    with pytest.raises(SearchError, match="trained otherwise: epochs was 1, now 2"):
        choose(replace(longer, search=replace(longer.search, options=options)), Quiet())
    with pytest.raises(SearchError, match="trained otherwise: the data are other windows"):
        choose(replace(request(tmp_path / "c", reuse=(first,)), data=prepare(data_set(windows=66), 0)), Quiet())
    with pytest.raises(SearchError, match="holds no study 'other' to take candidates from"):
        choose(request(tmp_path / "d", reuse=(first,), study="other"), Quiet())
    assert not any((tmp_path / name).exists() for name in "abcd")
    narrow = request(tmp_path / "e", reuse=(first,))
    choose(replace(narrow, search=replace(narrow.search, space=replace(SPACE, cells=("lstm",)))), Quiet())
    assert {each["cell"] for each in document(tmp_path / "e")["candidates"]} == {"lstm"}


def test_a_damaged_study_is_refused(tmp_path):
    """Not a database, a cut one, and one of someone else."""
    (tmp_path / "study.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(SearchError, match=r"the study is damaged .*choose another --out"):
        choose(request(tmp_path, resume=True), Quiet())
    (tmp_path / "study.db").unlink()
    choose(request(tmp_path), Quiet())
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = (tmp_path / "study.db").read_bytes()
    (tmp_path / "study.db").write_bytes(whole[:20_000] + b"\xff" * (len(whole) - 20_000))
    with pytest.raises(SearchError, match="the study is damaged"):
        choose(request(tmp_path, resume=True), Quiet())


def test_a_measurement_of_another_version_is_refused(tmp_path):
    """What was written is read as it was; with a field missing, unknown or of another kind it is to be measured again."""
    path = tmp_path / "trial_0000.json"
    assert read_measured(path) is None
    write_measured(path, measured([1, 1, 0]))
    assert read_measured(path) == measured([1, 1, 0])
    written = json.loads(path.read_text())
    shown = written["shown"]
    flat = {**{name: value for name, value in written.items() if name != "shown"}, **shown}
    fewer = {name: value for name, value in shown.items() if name != "confusion"}
    others = (flat, {**written, "shown": fewer}, {**written, "shown": {**shown, "more": 1}}, {**written, "shown": []}, [written])
    for other in others:
        path.write_text(json.dumps(other))
        with pytest.raises(SearchError, match=r"not a readable measurement .*Remove it to have it measured again"):
            read_measured(path)


def test_a_study_that_no_search_made_is_refused(tmp_path):
    """Its trials mean something else."""
    study = import_optuna().create_study(
        storage=f"sqlite:///{tmp_path}/study.db", study_name="edgeseq", directions=["maximize"] + ["minimize"] * 3
    )
    study.ask()
    with pytest.raises(SearchError, match="no search of edgeseq made"):
        choose(request(tmp_path, resume=True), Quiet())


def test_a_locked_study_is_refused(tmp_path, monkeypatch):
    """After a while, with what to do."""
    choose(request(tmp_path), Quiet())
    monkeypatch.setattr("edgeseq.choose.search.study.storage.BUSY_S", 0.2)
    connection = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SearchError, match="the study is locked by another process"):
        choose(request(tmp_path, resume=True), Quiet())
    connection.close()


def test_a_study_in_use_is_refused(tmp_path):
    """A process that is alive keeps its study; one that is gone does not."""
    choose(request(tmp_path), Quiet())
    study = import_optuna().load_study(storage=f"sqlite:///{tmp_path}/study.db", study_name="edgeseq")
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = {"host": os.uname().nodename, "pid": other.pid, "time": time.time()}
    owner["started"] = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
    study.set_user_attr("owner", owner)
    try:
        with pytest.raises(SearchError, match=f"in use by process {other.pid}"):
            choose(request(tmp_path, resume=True), Quiet())
    finally:
        other.kill()
        other.wait()
    choose(request(tmp_path, resume=True), Quiet())


def test_a_storage_that_cannot_be_reached_is_refused(tmp_path):
    """A URL of no database that is installed."""
    with pytest.raises(SearchError, match=r"the study cannot be used .*--storage"):
        choose(request(tmp_path, storage="nodatabase://here/there"), Quiet())

"""The folder of a search: nobody else's files, measurements of what is measured, and errors in words."""

import importlib
import shutil
from dataclasses import replace

import pytest

from edgeseq.choose.budget import Budget
from edgeseq.choose.configuration import Configuration
from edgeseq.choose.search.answer.finalists import MeasureSpec, linked_and_run
from edgeseq.choose.search.choose import SearchInterrupted, choose
from edgeseq.choose.search.loop import SearchOptions
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.proposals.target import Clock
from edgeseq.choose.search.study.records import RunFolder
from edgeseq.choose.search.study.storage import import_optuna
from edgeseq.choose.search.trials.trial import TrialSpec
from edgeseq.choose.search.trials.workers import Outcome
from edgeseq.errors import SearchError, ToolchainError
from tests.choose.made_up_search import Instant, Quiet, document, request
from tests.conftest import make_quantized


def measured_by(request_):
    """Run a search; which trials were measured by its workers."""
    workers, numbers = request_.workers(request_.data), []
    submit = workers.submit

    def noted(work, spec):
        numbers.append(getattr(getattr(spec, "trial", None), "number", None))
        return submit(work, spec)

    workers.submit = noted
    choose(replace(request_, workers=lambda _: workers), Quiet())
    return sorted(number for number in numbers if number is not None)


def test_a_new_search_wants_a_folder_of_its_own(tmp_path):
    """Models and measurements of another would be taken for its own: another study, or one whose database is gone."""
    choose(request(tmp_path), Quiet())
    with pytest.raises(SearchError, match=r"models: there already, of another search or comparison. Choose another --out"):
        choose(request(tmp_path, study="other"), Quiet())
    for database in tmp_path.glob("study.db*"):
        database.unlink()
    with pytest.raises(SearchError, match="there already, of another search or comparison"):
        choose(request(tmp_path), Quiet())
    comparison = tmp_path / "comparison"
    comparison.mkdir()
    (comparison / "settings.json").write_text("{}")
    with pytest.raises(SearchError, match=r"settings.json: there already"):
        choose(request(comparison), Quiet())


def test_a_measurement_of_other_integers_is_made_again(tmp_path):
    """A measurement says whose it is; one that lies there for another model is not read as this one's."""
    choose(request(tmp_path), Quiet())
    known = [each["trial"] for each in document(tmp_path)["candidates"] if each["measured"]]
    assert measured_by(request(tmp_path, resume=True)) == []
    RunFolder(tmp_path).model(known[0], ".esq").write_bytes(b"other integers")
    assert measured_by(request(tmp_path, resume=True)) == [known[0]]


def test_finalists_are_measured_again_where_they_are_trained_on(tmp_path):
    """--qat may be added when a search goes on; figures without it are not shown as if they were of it."""
    choose(request(tmp_path), Quiet())
    known = sorted(each["trial"] for each in document(tmp_path)["candidates"] if each["measured"])
    for change in ({"qat": True}, {"qat": True, "qat_epochs": 3}, {"qat": False}):
        again = request(tmp_path, resume=True)
        options = replace(again.search.options, **change)
        assert measured_by(replace(again, search=replace(again.search, options=options))) == known
        assert document(tmp_path)["options"]["qat"] == options.qat
    assert SearchOptions().measured_qat_epochs is None


def test_a_model_that_is_gone_is_no_finalist(tmp_path):
    """The rest of the search stands."""
    choose(request(tmp_path), Quiet())
    best = next(each for each in document(tmp_path)["candidates"] if each["name"] == document(tmp_path)["recommended"])
    (tmp_path / "models" / f"trial_{best['trial']:04d}.keras").unlink()
    choose(request(tmp_path, resume=True), Quiet())
    assert document(tmp_path)["recommended"] not in (None, best["name"])
    shutil.rmtree(tmp_path / "models")
    choose(request(tmp_path, resume=True), Quiet())
    assert document(tmp_path)["recommended"] is None


def test_a_search_is_complete_when_all_was_trained(tmp_path):
    """Not before the first trial, nor when more are asked for and it is interrupted."""

    def at(limit):
        def ends(spec):
            if spec.number >= limit:
                raise KeyboardInterrupt

        return Instant(RunFolder(tmp_path), ends)

    with pytest.raises(SearchInterrupted):
        choose(request(tmp_path, at(0)), Quiet())
    assert not document(tmp_path)["complete"]
    assert document(tmp_path)["verdict"][0] == "Not finished: more candidates are to be trained."
    choose(request(tmp_path, resume=True), Quiet())
    assert document(tmp_path)["complete"]
    more = max(each["trial"] for each in document(tmp_path)["candidates"]) + 1
    with pytest.raises(SearchInterrupted):
        choose(request(tmp_path, at(more), trials=30, resume=True), Quiet())
    assert not document(tmp_path)["complete"]
    assert document(tmp_path)["verdict"][0].startswith("Not finished")


def test_a_study_that_was_only_begun_is_begun_again(tmp_path):
    """A process may be killed between making the study and saying whose it is."""
    import_optuna().create_study(
        storage=f"sqlite:///{tmp_path}/study.db", study_name="edgeseq", directions=["maximize"] + ["minimize"] * 3
    )
    choose(request(tmp_path), Quiet())
    assert document(tmp_path)["complete"]


def test_no_study_is_left_where_there_are_no_workers(tmp_path):
    """The same command must work once there are."""

    def none(_):
        raise SearchError("no cluster")

    with pytest.raises(SearchError, match="no cluster"):
        choose(replace(request(tmp_path), workers=none), Quiet())
    choose(request(tmp_path), Quiet())


def test_taking_over_knows_a_search_by_its_place(tmp_path, monkeypatch):
    """However its path is written; its own folder is none to take over."""
    first, second = tmp_path / "first", tmp_path / "second"
    choose(request(first), Quiet())
    monkeypatch.chdir(tmp_path)
    choose(request(second, reuse=(first.relative_to(tmp_path),), trials=1), Quiet())
    before = sum(each["origin"] is not None for each in document(second)["candidates"])
    assert before
    choose(request(second, reuse=(first,), trials=1, resume=True), Quiet())
    assert sum(each["origin"] is not None for each in document(second)["candidates"]) == before
    # What a third search took over from the first comes from the first.
    third = tmp_path / "third"
    choose(request(third, reuse=(second, first), trials=1), Quiet())
    origins = [each["origin"] for each in document(third)["candidates"] if each["origin"]]
    assert len(set(origins)) == len(origins)
    assert sum(origin.startswith(f"{first}, ") for origin in origins) == before
    with pytest.raises(SearchError, match=r"--reuse .*is the folder of this search itself"):
        choose(request(second, reuse=(second,), resume=True), Quiet())


def test_a_place_where_no_folder_can_be_is_refused(tmp_path):
    """A file stands in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match=r"no folder can be made there .*Choose another --out"):
        choose(request(tmp_path / "file" / "run"), Quiet())


def test_a_finalist_that_cannot_be_measured_is_told(tmp_path):
    """Its reason, and the verdict, say why it is missing; it is not called worse than the finalists."""
    workers = Instant(RunFolder(tmp_path))
    wait = workers.wait

    def unlinked(timeout_s):
        spec = workers.jobs[0][1]
        if getattr(getattr(spec, "trial", None), "number", None) == 0:
            return [Outcome(workers.jobs.pop(0)[0], error="the image does not link")]
        return wait(timeout_s)

    workers.wait = unlinked
    found = choose(request(tmp_path, workers), Quiet()).document
    (first,) = (each for each in found["candidates"] if each["trial"] == 0)
    assert first["reason"] == "could not be measured: the image does not link"
    assert f"{first['name']} could not be measured: the image does not link." in found["verdict"]
    assert found["recommended"] not in (None, first["name"])


@pytest.mark.parametrize("broken", [("speed",), ("speed", "size")])
def test_kernels_that_cannot_be_linked_give_way_to_smaller_ones(broken, monkeypatch):
    """An image beyond the target's memory for speed may fit for size; where none can be linked, the linker's words stand."""
    graph, module = make_quantized("gru", 3, 4, 2), importlib.import_module("edgeseq.measure.profile")
    real = module.profile

    def linked(*given, optimize):
        if optimize in broken:
            raise ToolchainError(f"{optimize}: the image does not fit")
        return real(*given, optimize=optimize)

    monkeypatch.setattr(module, "profile", linked)
    trial = TrialSpec(0, Proposal(Configuration((("gru", 4),), "int8", "int8")), 1, 1, 0)
    spec = MeasureSpec(trial, b"", b"", "cortex-m4", ("speed", "size"), Budget(16_384, 2048), Clock())
    if broken == ("speed",):
        measurement, cost = linked_and_run(graph, spec)
        assert (measurement.optimize, cost.flash_bytes) == ("size", real(graph, "cortex-m4", optimize="size").flash_image_bytes)
    else:
        with pytest.raises(ToolchainError, match="size: the image does not fit"):
            linked_and_run(graph, spec)


def test_a_database_keeps_its_password(tmp_path):
    """Neither the result, which is handed on, nor a message says it; the study is kept where the URL says."""
    places = {"results": f"sqlite:///{tmp_path}/other.db", "refused": "postgresql://es:s3cret@127.0.0.1:1/none"}
    wanted = replace(request(tmp_path / "run", trials=1), command=["edgeseq", "choose", f"--storage={places['refused']}"])
    choose(replace(wanted, storage=places["results"]), Quiet())
    assert document(tmp_path / "run")["command"][-1] == "--storage=postgresql://es:***@127.0.0.1:1/none"
    assert (tmp_path / "other.db").is_file()
    assert not (tmp_path / "run" / "study.db").exists()
    with pytest.raises(SearchError, match=r"postgresql://es:\*\*\*@127") as caught:
        choose(replace(wanted, storage=places["refused"]), Quiet())
    assert "s3cret" not in str(caught.value)

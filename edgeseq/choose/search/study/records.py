"""What a trial of the study keeps, written and read in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from edgeseq.choose.budget import Cost
from edgeseq.choose.metric import Metric
from edgeseq.choose.search.proposals.fit import Fit
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.study.candidate import Candidate, Measured, Status
from edgeseq.choose.search.study.front import point
from edgeseq.choose.search.study.storage import ORIGIN
from edgeseq.choose.search.trials.trial import TrialResult
from edgeseq.errors import SearchError
from edgeseq.files import write_atomically


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a search lies: results.json, study.db, models/ of trials, measured/ of finalists."""

    path: Path

    @property
    def results(self) -> Path:
        """The result, replaced after every trial."""
        return self.path / "results.json"

    @property
    def database(self) -> Path:
        """The study, unless --storage names another place."""
        return self.path / "study.db"

    def leftovers(self) -> tuple[Path, ...]:
        """Return what lies there that a new search would mix with its own: of another search, or of a comparison."""
        names = ("models", "measured", "results.json", "settings.json")
        return tuple(self.path / name for name in names if (self.path / name).exists())

    def model(self, number: int, suffix: str) -> Path:
        """A trial's .keras or .esq."""
        return self.path / "models" / f"trial_{number:04d}{suffix}"

    def measurement(self, number: int) -> Path:
        """A finalist's measurement."""
        return self.path / "measured" / f"trial_{number:04d}.json"


def propose(trial: Any, proposal: Proposal, found: Fit) -> None:
    """Write what was predicted of a trial's candidate: the proposal last, since a process may be killed between any two."""
    trial.set_user_attr("optimize", found.optimize)
    trial.set_user_attr("predicted", asdict(found.cost))
    for name, share in found.excess.items():
        trial.set_constraint(name, share)
    trial.set_user_attr("proposal", proposal.as_json())


def close_infeasible(study: Any, trial: Any, reason: str) -> None:
    """End a trial whose candidate does not fit; the sampler learns by how much from its constraints."""
    from optuna.trial import TrialState

    trial.set_user_attr("status", "infeasible")
    trial.set_user_attr("reason", reason)
    study.tell(trial, state=TrialState.PRUNED)


def close_failed(study: Any, trial: Any, reason: str) -> None:
    """End a trial that has no result; the sampler counts it as a poor one, so that it does not ask for the like again."""
    from optuna.trial import TrialState

    trial.set_user_attr("status", "failed")
    trial.set_user_attr("reason", reason)
    study.tell(trial, state=TrialState.PRUNED)


def close_trained(study: Any, trial: Any, result: TrialResult, folder: RunFolder, metric: Metric) -> None:
    """Keep a result: files first, so that a told trial has them."""
    from optuna.trial import TrialState

    write_atomically(folder.model(trial.number, ".keras"), result.keras)
    write_atomically(folder.model(trial.number, ".esq"), result.esq)
    trial.set_user_attr("status", result.status)
    trial.set_user_attr("reason", result.reason)
    trial.set_user_attr("scores", {"validation": result.score, "float_validation": result.float_score})
    trial.set_user_attr("history", list(result.history))
    trial.set_user_attr("seconds", result.seconds)
    if result.status == "trained":
        cost = Cost(**trial.user_attrs["predicted"])
        study.tell(trial, values=objectives(result.score, cost, metric))
    else:
        study.tell(trial, state=TrialState.PRUNED)


def results(study: Any, folder: RunFolder) -> Iterator[tuple[str, Proposal, TrialResult]]:
    """Yield what `close_trained` kept, with its origin and candidate; not of trials whose files are gone.

    origin: the search and trial that trained it, which may be a third one.
    """
    for trial in study.get_trials(deepcopy=False):
        kept, number = trial.user_attrs, trial.number
        keras, esq = folder.model(number, ".keras"), folder.model(number, ".esq")
        if trial.state.is_finished() and "seconds" in kept and keras.is_file() and esq.is_file():
            result = TrialResult(
                kept["status"],
                kept["reason"],
                kept["scores"]["float_validation"],
                kept["scores"]["validation"],
                tuple(kept["history"]),
                kept["seconds"],
                keras.read_bytes(),
                esq.read_bytes(),
            )
            origin = kept.get(ORIGIN) or f"{folder.path.resolve()}, trial {number}"
            yield origin, Proposal.from_json(kept["proposal"]), result


def directions(metric: Metric, *, energy: bool) -> list[str]:
    """Return the directions of `objectives` on a target that has an energy or not."""
    return ["maximize" if metric.higher_is_better else "minimize"] + ["minimize"] * (4 if energy else 3)


def objectives(score: float, cost: Cost, metric: Metric) -> list[float]:
    """Return what the study optimises: score, flash, RAM, latency (or its cycles), and energy where the target has it."""
    costs = point(0.0, cost)[1:]
    return [score, *costs[: 4 if cost.energy_uj is not None else 3]]


def candidates(study: Any, folder: RunFolder, qat_epochs: int | None) -> list[Candidate]:
    """Return what is known of every trial that has ended. qat_epochs: of the finalists; what was measured otherwise was not."""
    ended = [each for each in study.get_trials(deepcopy=False) if each.state.is_finished() and "proposal" in each.user_attrs]
    return [_candidate(each, folder, qat_epochs) for each in ended]


def source_of(folder: RunFolder, number: int, qat_epochs: int | None) -> dict[str, Any]:
    """Return what a measurement of a trial depends on: its integers, and whether they are trained on."""
    digest = hashlib.sha256(folder.model(number, ".esq").read_bytes()).hexdigest()
    return {"esq_sha256": digest, "qat_epochs": qat_epochs}


def _candidate(trial: Any, folder: RunFolder, qat_epochs: int | None) -> Candidate:
    kept = trial.user_attrs
    files = all(folder.model(trial.number, suffix).is_file() for suffix in (".keras", ".esq"))
    measured = read_measured(folder.measurement(trial.number)) if files else None
    if measured is not None and measured.source != source_of(folder, trial.number, qat_epochs):
        measured = None
    place = "measured" if measured else "models"
    status = cast("Status", kept.get("status", "failed"))
    # A process that was killed before it told the study may have written scores; the candidate was queued again.
    scores = {} if status == "failed" else kept.get("scores", {})
    return Candidate(
        trial.number,
        Proposal.from_json(kept["proposal"]),
        kept["optimize"],
        "measured" if measured else status,
        status != "infeasible",
        Cost(**kept["predicted"]),
        kept.get("reason"),
        scores.get("validation"),
        scores.get("float_validation"),
        tuple(kept.get("history", ())),
        kept.get("seconds"),
        measured,
        {kind: f"{place}/trial_{trial.number:04d}.{kind}" for kind in ("keras", "esq") if scores and files},
        kept.get(ORIGIN),
    )


def write_measured(path: Path, measured: Measured) -> None:
    """Keep a measurement. Raises OutputError."""
    write_atomically(path, json.dumps(measured.as_json()) + "\n")


def read_measured(path: Path) -> Measured | None:
    """Read a measurement, None if there is none. Raises SearchError where it is damaged."""
    try:
        return Measured.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SearchError(f"{path}: not a readable measurement ({error}). Remove it to have it measured again") from error

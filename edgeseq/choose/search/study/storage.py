"""The study: an Optuna storage that outlives the process, and says whose it is."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edgeseq.errors import MissingExtraError, SearchError

# A driver on another machine that was silent for so long is gone.
SILENCE_S = 120.0
BEAT_S = 15.0
# A database in use by others is waited for so long.
BUSY_S = 10.0
LOST = "lost with its process"
# Where a trial's candidate was trained, if another search did it.
ORIGIN = "origin"
# What may differ when a study goes on.
_OWNER = "owner"
_IDENTITY = "search"


def import_optuna() -> Any:
    """Import Optuna, quietly, or say how to install it."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "choose") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def open_study(
    storage: str | Path,
    name: str,
    identity: dict[str, Any],
    directions: Sequence[str],
    *,
    resume: bool,
    seed: int,
    leftovers: Sequence[Path] = (),
) -> Any:
    """Open or create a study and take it over from a process that is gone; return the optuna.Study.

    storage: a file for SQLite, or a URL of a relational database. identity: what the study's trials depend on. leftovers:
    files of others that a new study would take for its own.
    Raises SearchError where the file is damaged or locked, or the study exists (without resume), does not (with it), is in
    use, or is of another search, or there are leftovers.
    """
    optuna = import_optuna()
    url, place = str(storage), without_password(str(storage))
    if "://" not in url:
        _check_file(Path(storage), resume=resume)
        url = f"sqlite:///{Path(storage).resolve()}"
    engine = {"connect_args": {"timeout": BUSY_S}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    with _explained(place):
        opened = optuna.storages.RDBStorage(url, engine_kwargs=engine)
        # One that a process was killed in while it made it is none yet.
        known = any(
            each.study_name == name and (each.user_attrs or each.n_trials) for each in optuna.get_all_study_summaries(opened)
        )
    if known and not resume:
        raise SearchError(f"{place}: already holds the study {name!r}. Add --resume to go on with it, or choose another --out")
    if resume and not known:
        raise SearchError(f"{place}: holds no study {name!r} to go on with. Leave --resume out to begin one")
    if not known and leftovers:
        raise SearchError(
            f"{leftovers[0]}: there already, of another search or comparison. Choose another --out, or move that one away whole"
        )
    with _explained(place):
        study = optuna.create_study(storage=opened, study_name=name, directions=list(directions), load_if_exists=True)
        if known:
            _check_identity(place, study.user_attrs.get(_IDENTITY), identity)
            _check_owner(place, study.user_attrs.get(_OWNER))
        else:
            study.set_user_attr(_IDENTITY, json.loads(json.dumps(identity)))
        # A resumed search must not draw the candidates of its beginning again.
        study.sampler = optuna.samplers.TPESampler(seed=seed + 7919 * len(study.trials), multivariate=True, group=True)
        beat(study)
    return study


def without_password(text: str) -> str:
    """Hide what a URL of a database says of a password, for results that are handed on and messages that are kept.

    >>> without_password("postgresql://es:s3cr:t@host/db"), without_password("--storage=mysql://host/db?user=es&password=s3cret")
    ('postgresql://es:***@host/db', '--storage=mysql://host/db?user=es&password=***')
    >>> without_password("postgresql://es:a/b@c@host/db"), without_password("mysql://host/db?ssl_passwd=a&x=1")
    ('postgresql://es:***@host/db', 'mysql://host/db?ssl_passwd=***&x=1')
    >>> without_password("run/study.db"), without_password("sqlite:////tmp/a@b.db")
    ('run/study.db', 'sqlite:////tmp/a@b.db')
    """
    # Up to the last @: a password may hold any other sign, encoded or not.
    named = re.sub(r"(://[^:/?@]*:).*@", r"\1***@", text)
    return re.sub(r"(?i)([?&][a-z_]*(?:password|passwd|passphrase|pwd)=)[^&]*", r"\1***", named)


def read_study(path: Path, name: str) -> Any:
    """Return the study of another search, to read; its process may go on.

    Raises SearchError where the file is damaged or locked, or holds no such study.
    """
    optuna = import_optuna()
    _check_file(path, resume=True)
    with _explained(str(path)):
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}", engine_kwargs={"connect_args": {"timeout": BUSY_S}})
        if name not in {each.study_name for each in optuna.get_all_study_summaries(storage)}:
            raise SearchError(f"{path}: holds no study {name!r} to take candidates from. Name the right one with --study")
        return optuna.load_study(study_name=name, storage=storage)


def identity_of(study: Any) -> dict[str, Any]:
    """Return what the study's trials depend on, as `open_study` was told; nothing where no search of edgeseq made it."""
    found = study.user_attrs.get(_IDENTITY)
    return found if isinstance(found, dict) else {}


def _check_file(path: Path, *, resume: bool) -> None:
    """Raise SearchError unless the file is absent or a sound SQLite database that can be written; set its journal."""
    if not path.exists():
        if resume:
            raise SearchError(f"{path}: no such study to go on with. Leave --resume out to begin one")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SearchError(f"{path.parent}: no folder can be made there ({error.strerror}). Choose another --out") from error
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
            # Readers do not wait for the writer, and a killed writer leaves a database that is whole.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise _locked_or_unwritable(str(path), error) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(str(path), str(error)) from error
    if verdict != "ok":
        raise _damaged(str(path), verdict)


def _damaged(place: str, why: str) -> SearchError:
    return SearchError(f"{place}: the study is damaged ({why}). Put a copy back, or choose another --out")


def _locked_or_unwritable(place: str, error: Exception) -> SearchError:
    if "locked" in str(error) or "busy" in str(error):
        return SearchError(f"{place}: the study is locked by another process for over {BUSY_S:g} s. End that one, or wait")
    return SearchError(f"{place}: the study cannot be opened ({error}). Choose another --out or --storage")


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn what the storage raises into SearchError."""
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, ImportError) as error:
        cause = error.__cause__ or error
        words = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]
        if "locked" in words:
            raise _locked_or_unwritable(place, sqlite3.OperationalError(words)) from error
        if "malformed" in words or "not a database" in words:
            raise _damaged(place, words) from error
        raise SearchError(
            f"{place}: the study cannot be used ({words}). Check --storage, and that its driver is installed"
        ) from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise SearchError(f"{place}: the study cannot be used ({error}). Choose another --out or --storage") from error


def _check_identity(place: str, found: Any, wanted: dict[str, Any]) -> None:
    wanted = json.loads(json.dumps(wanted))
    if not isinstance(found, dict):
        raise SearchError(f"{place}: holds a study that no search of edgeseq made. Choose another --out or --study")
    other = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
    if other:
        told = "; ".join(changed(key, found.get(key), wanted.get(key)) for key in sorted(other))
        raise SearchError(f"{place}: is the study of another search: {told}. Ask for the same, or choose another --out")


def changed(key: str, was: Any, now: Any) -> str:
    """Say what changed of a search. Data are known by a checksum, which tells a reader nothing.

    >>> changed("epochs", 20, 10), changed("data", "b84e", "ba72")
    ('epochs was 20, now 10', 'the data are other windows, or another share of them validates')
    """
    if key == "data":
        return "the data are other windows, or another share of them validates"
    return f"{key} was {_short(was)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def beat(study: Any) -> None:
    """Say that this process drives the study now."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid()), "time": time.time()}
    study.set_user_attr(_OWNER, owner)


def release(study: Any) -> None:
    """Say that no process drives the study any more."""
    study.set_user_attr(_OWNER, None)


def _check_owner(place: str, owner: dict[str, Any] | None) -> None:
    if not owner or (owner["pid"] == os.getpid() and owner["host"] == socket.gethostname()):
        return
    here = owner["host"] == socket.gethostname()
    alive = _started(owner["pid"]) == owner["started"] is not None if here else time.time() - owner["time"] < SILENCE_S
    if alive:
        raise SearchError(
            f"{place}: the study is in use by process {owner['pid']} on {owner['host']}. End that one first"
            + ("" if here else f"; one that is gone is known by {SILENCE_S:g} s of silence")
        )


def _started(pid: int) -> str | None:
    """Return when a process of this machine began, in its own unit; None if it is gone (or where /proc does not tell)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def rerun_lost(study: Any) -> list[int]:
    """End trials that a killed process left running, and queue the same candidates again; return their numbers."""
    optuna = import_optuna()
    lost = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    for each in lost:
        trial = optuna.trial.Trial(study, each._trial_id)  # noqa: SLF001 - Optuna has no other way to write to a trial by number
        trial.set_user_attr("status", "failed")
        trial.set_user_attr("reason", f"{LOST}; the same candidate was queued again")
        study.tell(each.number, state=optuna.trial.TrialState.FAIL)
        # A queued candidate may have been taken, but not yet asked for all of its parameters.
        known = {**each.system_attrs.get("fixed_params", {}), **each.params}
        # What another search trained is not trained again, but taken over again.
        if known and ORIGIN not in each.user_attrs:
            study.enqueue_trial(known, user_attrs={"again": each.number})
    return [each.number for each in lost]

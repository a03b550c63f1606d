"""The space of candidates: proposals and parameters of a study say the same, and void choices are refused."""

import json

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.choose.configuration import REFERENCES, Configuration, TaskShape
from edgeseq.choose.search.proposals.space import CELLS, HYBRID, SIZES, Proposal, Space, default_space, parameters, plain, suggest
from edgeseq.errors import SearchError

SPACE = Space(windows=(None, 16), strides=(1, 2, 4))
SHAPE = TaskShape(features=3, outputs=5, window_steps=64)


@st.composite
def proposals(draw):
    cell = draw(st.sampled_from(CELLS))
    if cell == HYBRID:
        names = draw(st.sampled_from([("lstm", "gru"), ("gru", "lstm")]))
    else:
        names = (cell,) * (1 if cell in REFERENCES else draw(st.integers(1, SPACE.layers)))
    layers = tuple((name, draw(st.sampled_from(SIZES))) for name in names)
    choices = (st.sampled_from(each) for each in (SPACE.schemes, SPACE.inputs, SPACE.windows, SPACE.strides))
    dropout = 0.0 if cell in REFERENCES else draw(st.integers(0, 8)) / 20
    low, high = SPACE.learning_rates
    return Proposal(Configuration(layers, *map(draw, choices)), round(dropout, 2), draw(st.floats(low, high)))


@given(proposals())
@settings(max_examples=200, deadline=None)
def test_parameters_of_a_proposal_suggest_it_again(proposal):
    """Proposal -> parameters -> proposal is the identity, for every candidate of the space."""
    trial = optuna.trial.FixedTrial(parameters(proposal, SPACE))
    assert suggest(trial, SPACE) == proposal


@given(proposals())
@settings(max_examples=100, deadline=None)
def test_a_proposal_survives_json(proposal):
    """What a study stores is read back as it was."""
    assert Proposal.from_json(json.loads(json.dumps(proposal.as_json()))) == proposal


def test_a_study_suggests_only_what_the_space_holds():
    """Every draw is a valid network, and every cell is drawn."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [suggest(study.ask(), SPACE) for _ in range(200)]
    assert {each.configuration.cell for each in drawn} >= set(CELLS) - {HYBRID} | {"lstm+gru", "gru+lstm"}
    for each in drawn:
        assert suggest(optuna.trial.FixedTrial(parameters(each, SPACE)), SPACE) == each


def test_defaults_follow_the_data():
    """Long windows are also seen in part; targets per step are all seen, and by recurrent cells alone."""
    assert default_space(SHAPE, "classification").windows == (None, 32)
    assert default_space(SHAPE, "classification").strides == (1, 2, 4)
    assert default_space(TaskShape(3, 5, 8), "classification").windows == (None,)
    stepwise = default_space(TaskShape(3, 1, 64, per_step=True), "forecast")
    assert stepwise.windows == (None,)
    assert stepwise.strides == (1,)
    assert not set(stepwise.cells) & set(REFERENCES)


def test_a_plain_candidate_has_one_layer():
    """Except a hybrid, which is two."""
    assert plain("gru", 8, SPACE).configuration.layers == (("gru", 8),)
    assert plain(HYBRID, 8, SPACE).configuration.layers == (("lstm", 8), ("gru", 8))


REFUSALS = {
    "an unknown cell": ({"cells": ("gru", "esn")}, "classification", "unknown cell 'esn'; known: gru, lstm"),
    "no cell": ({"cells": ()}, "classification", "list: it is empty"),
    "a cell twice": ({"cells": ("gru", "gru")}, "classification", "each may be named once"),
    "an unknown scheme": ({"schemes": ("int7",)}, "classification", "unknown scheme 'int7'"),
    "sizes out of order": ({"sizes": (8, 4)}, "classification", "ascending"),
    "a window too long": ({"windows": (65,)}, "classification", "a window of 65 time steps; the data have windows of 64"),
    "a stride too long": ({"strides": (65,)}, "classification", "a stride of 65"),
    "a reference for a forecast": ({"cells": ("tcn",)}, "forecast", "tcn: maps a whole window to one class"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_void_choices_are_refused(name):
    """A choice that the data rule out is named, with what to do."""
    given_, task, words = REFUSALS[name]
    with pytest.raises(SearchError, match=words):
        default_space(SHAPE, task, **given_)


def test_steps_with_targets_are_all_seen():
    """A window or a stride would leave targets out."""
    with pytest.raises(SearchError, match="leave --windows and --strides out"):
        default_space(TaskShape(3, 1, 64, per_step=True), "forecast", strides=(2,))

"""Sequences of unequal length that are one labelled window each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeseq.data.from_streams import SPLIT_SEED, TEST_SHARE, Recording
from edgeseq.data.labels import checked_labels
from edgeseq.data.npz import pad_in_front
from edgeseq.data.streams import hold_out, padded
from edgeseq.data.types import DataOptions, DataSet, Part
from edgeseq.errors import DataError


def whole_sequences(recording: Recording, options: DataOptions) -> DataSet:
    """Pad sequences in front to the longest and hold some out: whole subjects where there are any, else a seeded draw.

    Every stream carries one label on all of its steps.
    """
    streams = [*recording.train, *(recording.test or ())]
    for stream in streams:
        assert stream.y is not None
        if len(np.unique(stream.y)) > 1:
            raise DataError(f"{recording.name}: sequence {stream.subject!r} changes its label; give --window, or --task tagging")
    part = padded(streams)
    y = np.array([stream.y[0] for stream in streams if stream.y is not None], np.int64)
    x = part.x if part.lengths is None else pad_in_front(part.x, part.lengths)
    whole = Part(x, y, part.lengths, part.subjects)
    if recording.test is not None:
        held = np.arange(len(streams)) >= len(recording.train)
    elif recording.grouped and whole.subjects is not None and len(np.unique(whole.subjects)) > 1:
        held = hold_out(whole.subjects, options.test_share or TEST_SHARE, np.random.default_rng(SPLIT_SEED))
    else:
        held = _stratified(y, options.test_share or TEST_SHARE)
    if not held.any() or held.all():
        raise DataError(f"{recording.name}: {len(y)} sequences; at least 2 of a class are needed to train and to test")
    if not recording.grouped:
        whole = replace(whole, subjects=None)
    train, test = whole.take(~held), whole.take(held)
    return checked_labels(
        DataSet(
            recording.name,
            train,
            test,
            class_names=recording.class_names,
            feature_names=recording.feature_names,
            own_split=recording.test is not None,
            notes=recording.notes,
        )
    )


def _stratified(y: np.ndarray, share: float) -> np.ndarray:
    """Hold out the same share of each class, by a seeded draw."""
    rng = np.random.default_rng(SPLIT_SEED)
    held = np.zeros(len(y), np.bool_)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        held[members[: round(share * len(members))]] = True
    return held

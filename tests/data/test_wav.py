"""Folders of .wav: classes from folders or names, formats and rates, features equal to their definition."""

import numpy as np
import pytest
from scipy.io import wavfile
from scipy.signal import stft

from edgeseq.data import DataOptions, load_data, load_windows
from edgeseq.data.logmel import features, filters, log_mel
from edgeseq.errors import DataError


def tone(hz: float, rate: int = 8000, seconds: float = 0.3) -> np.ndarray:
    return np.round(12000 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def fill(folder, names: dict[str, np.ndarray], rate: int = 8000) -> None:
    for name, samples in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / name, rate, samples)


def pairs(count: int) -> dict[str, np.ndarray]:
    return {f"{kind}/{kind}_{i}.wav": tone(hz + 10 * i) for kind, hz in (("low", 300), ("high", 2000)) for i in range(count)}


def test_features_are_the_definition():
    """Power of scipy's short-time Fourier transform through the mel filters, in dB."""
    settings = log_mel(8000, 32.0, 16.0, 20)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    _, _, spectrum = stft(samples, 8000, "hann", 256, 128, 256, boundary=None, padded=False, scaling="spectrum")
    window_sum = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)).sum()
    power = np.abs(spectrum.T * window_sum) ** 2 / 256
    wanted = 10 * np.log10(power @ filters(settings).T + 1e-7)
    # float32 holds values of up to 70 dB to 4e-6; the two transforms differ by rounding only.
    assert np.abs(features(samples, settings) - wanted).max() < 1e-5


def test_filters_peak_at_one_and_cover_the_band():
    """Each mel filter rises to at most 1, and their peaks climb."""
    bank = filters(log_mel(16000, 32.0, 16.0, 30))
    assert bank.max() <= 1
    assert (np.diff(bank.argmax(axis=1)) >= 0).all()


def test_folders_are_classes(tmp_path):
    """One folder per class; a quarter of each class tests; settings that firmware needs are kept."""
    fill(tmp_path, pairs(8))
    data = load_data(str(tmp_path))
    assert (data.class_names, data.x_train.shape, data.x_test.shape) == (("high", "low"), (12, 17, 20), (4, 17, 20))
    assert np.bincount(data.y_test).tolist() == [2, 2]
    # The louder half of the spectrum tells the tones apart: windows and labels belong together.
    loud = data.x_train.mean(axis=1).argmax(axis=1)
    assert loud[data.y_train == 0].min() > loud[data.y_train == 1].max()
    assert data.feature_settings["frame_samples"] == 256
    assert np.array_equal(load_windows(str(tmp_path)), data.x_train)


def test_names_are_classes_and_speakers(tmp_path):
    """<class>_<speaker>_<take>.wav: speakers are held out whole."""
    fill(tmp_path, {f"{d}_{who}_{i}.wav": tone(300 + 500 * d) for d in (0, 1) for who in ("ann", "bob", "cy") for i in range(3)})
    data = load_data(str(tmp_path), DataOptions(subject="_([a-z]+)_"))
    assert data.class_names == ("0", "1")
    assert len({*data.train.subjects}) == 2
    assert not {*data.train.subjects} & {*data.test.subjects}


def test_given_split(tmp_path):
    """Folders named train and test are kept as they are."""
    fill(tmp_path / "train", pairs(3))
    fill(tmp_path / "test", pairs(2))
    data = load_data(str(tmp_path))
    assert (len(data.train), len(data.test), data.own_split) == (6, 4, True)


def test_unequal_files(tmp_path):
    """Shorter files are padded in front; stereo is averaged, other rates resampled, formats scaled alike, each noted."""
    fill(tmp_path, pairs(6))
    plain = tone(1000)
    fill(tmp_path, {"low/stereo.wav": np.stack([plain, plain], axis=1), "low/float.wav": (plain / 32768).astype(np.float32)})
    fill(tmp_path, {"low/eight.wav": (plain // 256 + 128).astype(np.uint8), "high/short.wav": plain[:1000]})
    fill(tmp_path, {"high/fast.wav": tone(1000, 16000)}, 16000)
    data = load_data(str(tmp_path))
    assert any("1 files are not at 8000 Hz (such as fast.wav at 16000)" in note for note in data.notes)
    assert any("1 files have several channels (such as stereo.wav)" in note for note in data.notes)
    lengths = np.concatenate([part.lengths for part in (data.train, data.test)])
    assert sorted(set(lengths.tolist())) == [6, 17]
    windows = np.concatenate([data.x_train, data.x_test])
    # 1 kHz at full rate, in stereo, as float and at twice the rate: the same loudest band.
    assert len(windows) == 17
    assert np.isfinite(windows).all()


def bad_folders(root) -> dict:
    (root / "empty").mkdir()
    fill(root / "one", {f"a/{i}.wav": tone(300) for i in range(3)})
    fill(root / "zero", {"a/x.wav": tone(300), "b/x.wav": np.zeros(0, np.int16)})
    fill(root / "junk", {"a/x.wav": tone(300), "b/x.wav": tone(300)})
    (root / "junk" / "b" / "x.wav").write_bytes(b"RIFF\x10\x00\x00\x00WAVEjunk")
    fill(root / "cut", {"a/x.wav": tone(300), "b/x.wav": tone(300)})
    (root / "cut" / "b" / "x.wav").write_bytes((root / "cut" / "b" / "x.wav").read_bytes()[:30])
    fill(root / "mixed", {"a/x.wav": tone(300), "b_1.wav": tone(300)})
    fill(root / "unnamed", {"one.wav": tone(300), "two.wav": tone(300)})
    fill(root / "good", pairs(4))
    return {
        "empty": ({}, "holds no .wav files"),
        "one": ({}, "at least two classes"),
        "zero": ({}, r"x.wav: (holds no samples|not a readable)"),
        "junk": ({}, "not a readable .wav file"),
        "cut": ({}, "not a readable .wav file"),
        "mixed": ({}, "keep one way"),
        "unnamed": ({}, "no class in its name"),
        "good": ({"subject": "(unclosed"}, "no regular expression"),
        "good ": ({"subject": "_(x)_"}, "finds no speaker"),
        "good  ": ({"task": "forecast"}, "does not fit"),
        "good   ": ({"mel_bands": 200}, "too many for an FFT"),
        "good    ": ({"label": "x"}, "--label does not apply"),
    }


def test_bad_folders(tmp_path):
    """Each unusable folder or file is named, with what was expected."""
    for name, (settings, words) in bad_folders(tmp_path).items():
        with pytest.raises(DataError, match=words):
            load_data(str(tmp_path / name.strip()), DataOptions(**settings))

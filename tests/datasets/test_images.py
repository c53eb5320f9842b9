"""Images are what was written; damaged files are refused before arrays are made; Gaussian rows match the real ones."""

import gzip

import numpy as np
import pytest
from sklearn.datasets import load_digits

from widelearn.datasets import gaussian_beside, image_files, images


def written(folder, images, labels, stem="train", dot="-", compressed=False):
    """Write images (n, h, w) and labels (n,) as MNIST has them."""
    for name, values in ((f"images{dot}idx3", images), (f"labels{dot}idx1", labels)):
        head = np.array([0x0800 + values.ndim, *values.shape], ">i4").tobytes()
        path = folder / f"{stem}-{name}-ubyte{'.gz' * compressed}"
        body = head + values.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(body) if compressed else body)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("split", "stem", "dot"), [("train", "train", "-"), ("test", "t10k", ".")])
def test_digits_come_back(tmp_path, compressed, split, stem, dot):
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8)
    written(tmp_path, images, digits.target, stem, dot, compressed)
    found = image_files(tmp_path, split=split, labels=[0, 1])
    kept = digits.target < 2
    np.testing.assert_array_equal(found.X, (images[kept].reshape(-1, 64).astype(np.float32)) / np.float32(255))
    np.testing.assert_array_equal(found.y, digits.target[kept])
    assert found.shape == (8, 8)
    assert found.X.dtype == np.float32
    assert len(image_files(str(tmp_path), split=split).X) == len(images)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_refused(tmp_path, compressed):
    images, labels = np.arange(24).reshape(3, 2, 4), np.arange(3)
    end = ".gz" * compressed
    file = tmp_path / f"train-images-idx3-ubyte{end}"

    def refused(body, says, raw=False):
        file.write_bytes(gzip.compress(body) if compressed and not raw else body)
        with pytest.raises((ValueError, MemoryError), match=says):
            image_files(tmp_path)

    written(tmp_path, images, labels, compressed=compressed)
    raw = file.read_bytes()
    whole = gzip.decompress(raw) if compressed else raw
    refused(whole[:-1], "damaged")
    refused(whole + b"\0", "damaged")
    refused(whole[:7], "not a file of images")
    refused(b"", "not a file of images")
    refused(b"\x80\x04" + whole[2:], "not a file of images")
    refused(np.array([0x0803, 0, 2, 4], ">i4").tobytes(), "empty")
    # 2^96 bytes are claimed
    refused(np.array([0x0803, -1, -1, -1], ">i4").tobytes(), "damaged|Take fewer")
    refused(np.array([0x0803, 2, 2, 4], ">i4").tobytes() + bytes(16), "do not belong together")
    if compressed:
        refused(raw[:-12], "damaged", raw=True)
        refused(raw[:20] + bytes(10) + raw[30:], "damaged", raw=True)
        refused(b"plain", "damaged", raw=True)


def test_folders_and_labels_that_do_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds them"):
        image_files(tmp_path)
    written(tmp_path, np.zeros((2, 1, 1)), np.array([3, 4]))
    with pytest.raises(ValueError, match=r"there are \[3, 4\]"):
        image_files(tmp_path, labels=[5])
    with pytest.raises(ValueError, match="whole numbers"):
        image_files(tmp_path, labels=["3"])
    with pytest.raises(ValueError, match="split"):
        image_files(tmp_path, split="valid")


@pytest.mark.parametrize("covariance", ["isotropic", "matched"])
@pytest.mark.parametrize("exponent", [-700, 600])
def test_rows_of_any_size_are_matched_and_teachers_may_write(covariance, exponent):
    X = np.random.default_rng(0).standard_normal((40, 3))

    def teacher(rows):
        found = rows[:, 0].copy()
        rows *= 0
        return found

    small, scaled = (
        gaussian_beside(rows, teacher, 30, random_state=0, covariance=covariance) for rows in (X, np.ldexp(X, exponent))
    )
    np.testing.assert_array_equal(np.ldexp(small.X, exponent), scaled.X)
    np.testing.assert_array_equal(small.y, np.where(small.X[:, 0] > 0, 1, -1))


@pytest.mark.parametrize("covariance", ["isotropic", "matched"])
def test_gaussian_rows_match_the_real_ones(covariance):
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(4000, 3)) @ np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.1]]) + 7
    data = gaussian_beside(X, lambda rows: rows[:, 0] - 9, 8000, 0.75, random_state=1, covariance=covariance)
    assert data.real.sum() == 2000
    drawn, real = data.X[~data.real], data.X[data.real]
    assert len(np.unique(real, axis=0)) == 2000
    assert np.isin(real[:, 0], X[:, 0]).all()
    expected = np.cov(X.T) if covariance == "matched" else np.eye(3) * X.var(axis=0).mean()
    spread = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=5 * spread.max() / np.sqrt(6000))
    np.testing.assert_allclose(
        np.cov(drawn.T) / np.outer(spread, spread), expected / np.outer(spread, spread), atol=0.1
    )
    np.testing.assert_array_equal(data.y, np.where(data.X[:, 0] > 9, 1, -1))
    # shuffled: real rows are spread over the whole
    assert abs(data.real[:4000].sum() - 1000) < 5 * np.sqrt(8000 * 0.25 * 0.75) / 2
    again = gaussian_beside(X, lambda rows: rows[:, 0] - 9, 8000, 0.75, random_state=1, covariance=covariance)
    np.testing.assert_array_equal(again.X, data.X)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"X": np.ones((2, 2)), "n": 30}, ValueError, "lower n"),
        ({"X": np.full((9, 2), np.nan)}, ValueError, "finite"),
        ({"gaussian_share": 1.5}, ValueError, "gaussian_share"),
        ({"covariance": "full"}, ValueError, "covariance"),
        ({"teacher": None}, TypeError, "teacher"),
        ({"teacher": lambda X: X}, ValueError, "one a row"),
        ({"teacher": lambda X: X[:, 0] * np.inf}, ValueError, "finite"),
        ({"n": 0}, ValueError, "n must be"),
        ({"X": np.ones((9, 2)) * 1j}, ValueError, "real"),
        ({"teacher": lambda X: X[:, 0] * 1j}, ValueError, "real"),
        ({"teacher": lambda X: X[:, 0].astype(str)}, ValueError, "one a row"),
        ({"covariance": np.eye(2)}, ValueError, "covariance"),
        ({"X": np.outer([1, -1] * 5, [1.7e308, 1.7e308]), "n": 40, "gaussian_share": 0.9}, ValueError, "scale X down"),
    ],
)
def test_wrong_mixtures_are_refused(change, error, says):
    options = {"X": np.ones((9, 2)), "teacher": lambda X: X[:, 0], "n": 4} | change
    with pytest.raises(error, match=says):
        gaussian_beside(options.pop("X"), options.pop("teacher"), options.pop("n"), **options)


def test_what_is_read_is_what_memory_is_asked_for(tmp_path, monkeypatch):
    n, asked = 3000, []
    written(tmp_path, np.zeros((n, 28, 28)), np.arange(n) % 10)
    monkeypatch.setattr(images, "check_memory", lambda need, *_: asked.append(need))
    image_files(tmp_path, labels=[1])
    assert max(asked) == n * 784 + 5 * 784 * n // 10

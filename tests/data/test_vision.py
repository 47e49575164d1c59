"""Fashion-MNIST and CIFAR-10, from small files in their formats."""

import gzip
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from tiny_data import idx, write_cifar10, write_fashion_mnist

from reds_torch.data.download import DownloadError
from reds_torch.data.images.idx import read_idx
from reds_torch.data.images.vision import CIFAR10, FashionMNIST


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    return write_fashion_mnist(tmp_path / "clothes", 300, 40)


def numbers(pixels: torch.Tensor) -> list[int]:
    return (pixels[:, 0, 0, 0].int() + 256 * pixels[:, 0, 0, 1].int()).tolist()


def ready(data: FashionMNIST) -> FashionMNIST:
    data.prepare_data()
    data.setup()
    return data


def test_batches(clothes: Path) -> None:
    data = ready(FashionMNIST(root=str(clothes), validation=60, batch_size=50))
    assert (len(data.train_dataloader()), len(data.val_dataloader()), len(data.test_dataloader())) == (4, 2, 1)
    images, labels = next(iter(data.train_dataloader()))
    assert images.shape == (50, *data.input_shape) == (50, 1, 28, 28)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert data.example_input.shape == (1, 1, 28, 28)
    assert len(data.classes) == 10


def test_each_stage_reads_what_it_needs(clothes: Path) -> None:
    def sets(stage: str) -> set[str]:
        data = FashionMNIST(root=str(clothes), validation=60)
        data.setup(stage)
        return {*data._sets}

    assert sets("test") == {"test"}
    assert sets("validate") == {"val"}
    (clothes / "t10k-labels-idx1-ubyte").write_bytes(b"nonsense")
    assert sets("validate") == {"val"}
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte is damaged"):
        sets("fit")  # which is tested in the end


def test_images_keep_their_labels(clothes: Path) -> None:
    data = ready(FashionMNIST(root=str(clothes), validation=60))
    for name in ("calibration", "val", "test"):
        chosen = data._sets[name]
        assert [n % 10 for n in numbers(chosen.pixels)] == chosen.labels.tolist()


def test_held_out_and_limited_images_are_the_same_for_every_seed(clothes: Path) -> None:
    whole = ready(FashionMNIST(root=str(clothes), validation=60))._sets
    limited = ready(FashionMNIST(root=str(clothes), validation=60, train_limit=100, seed=7))._sets
    train, held_out = numbers(whole["train"].pixels), numbers(whole["val"].pixels)
    assert sorted(train + held_out) == list(range(300))
    assert numbers(limited["val"].pixels) == held_out
    assert numbers(limited["train"].pixels) == numbers(limited["calibration"].pixels) == train[:100]


def test_order_depends_on_seed_and_epoch(clothes: Path) -> None:
    def labels(seed: int, epoch: int) -> list[int]:
        loader = ready(FashionMNIST(root=str(clothes), validation=60, seed=seed)).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return torch.cat([labels for _, labels in loader]).tolist()

    assert labels(0, 0) == labels(0, 0)
    assert labels(0, 0) != labels(0, 1)
    assert labels(0, 0) != labels(1, 0)


def test_settings_make_the_same_evaluation_sets_again(clothes: Path) -> None:
    data = FashionMNIST(root=str(clothes), validation=60, batch_size=10, seed=3)
    again = ready(FashionMNIST(root=str(clothes), **data.settings))
    assert numbers(again._sets["val"].pixels) == numbers(ready(data)._sets["val"].pixels)


def test_files_as_torchvision_leaves_them(clothes: Path, tmp_path: Path) -> None:
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in clothes.iterdir():
        unpacked = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (raw / path.stem).write_bytes(unpacked)
    data = ready(FashionMNIST(root=str(tmp_path / "root"), validation=60))
    expected = torchvision.datasets.FashionMNIST(tmp_path / "root", train=False)
    assert torch.equal(data._sets["test"].pixels[:, 0], expected.data)
    assert torch.equal(data._sets["test"].labels, expected.targets)


def offline(*_: object, **__: object) -> None:
    raise URLError("no route to host")


@pytest.mark.parametrize(("module", "content"), [(FashionMNIST, r"\*-ubyte.gz"), (CIFAR10, "cifar-10-batches-py")])
def test_missing_data_name_the_choices(module: type, content: str, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(FileNotFoundError, match=rf"data.download is off.*data.root=PATH.*{content}"):
        module(root=str(tmp_path / "absent"), download=False).prepare_data()
    monkeypatch.setattr(torchvision.datasets, module.__name__, offline)
    monkeypatch.setattr(offline, "base_folder", CIFAR10.folder, raising=False)
    with pytest.raises(DownloadError, match=rf"can't be downloaded.*no route.*data.root=PATH.*{content}"):
        module(root=str(tmp_path / "absent")).prepare_data()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f\x8bnonsense",
        gzip.compress(idx(np.zeros((3, 2), np.uint8)))[:-9],
        idx(np.zeros((3, 2), np.uint8))[:-1],
        idx(np.zeros((3, 2), np.uint8)).replace(b"\x08", b"\x0d", 1),
    ],
    # A gzip file holds the time when it was made, so that its bytes would name the test differently in every process.
    ids=["empty", "not gzip", "gzip cut short", "a byte short", "floats"],
)
def test_damaged_files_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte is damaged"):
        read_idx(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"validation": 0}, r"validation must lie in 1 \.\.\. 59999"),
        ({"train_limit": 0}, "train_limit"),
        ({"padding": -1}, "padding"),
        ({"workers": -1}, "workers"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FashionMNIST(**settings)


def test_too_few_images_are_refused(clothes: Path) -> None:
    with pytest.raises(ValueError, match="300 training images"):
        ready(FashionMNIST(root=str(clothes), validation=300))


@pytest.fixture
def small_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's files with 20 images each, and torchvision's checksums changed to theirs."""
    for name, value in write_cifar10(tmp_path / "cifar", 20).items():
        monkeypatch.setattr(torchvision.datasets.CIFAR10, name, value)
    return tmp_path / "cifar"


def test_cifar(small_cifar: Path) -> None:
    data = CIFAR10(root=str(small_cifar), validation=30, batch_size=35)
    data.prepare_data()
    data.setup()
    images, _ = next(iter(data.train_dataloader()))
    assert images.shape == (35, *data.input_shape) == (35, 3, 32, 32)
    expected = torchvision.datasets.CIFAR10(small_cifar, train=False)
    assert torch.equal(data._sets["test"].pixels, torch.from_numpy(expected.data).permute(0, 3, 1, 2))
    assert data._sets["test"].labels.tolist() == expected.targets
    assert tuple(expected.classes) == data.classes


def test_damaged_cifar_is_refused(small_cifar: Path) -> None:
    (small_cifar / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="remove it to download it again"):
        CIFAR10(root=str(small_cifar)).setup()


def test_real_fashion_mnist(test_data: Path) -> None:
    data = FashionMNIST(root=str(test_data / "fashion_mnist"), train_limit=10_000, download=False)
    data.prepare_data()
    data.setup()
    assert [len(data._sets[name]) for name in ("train", "val", "test")] == [10_000, 5_000, 10_000]
    images = torch.cat([images for images, _ in data.calibration_dataloader()])
    assert abs(images.mean()) < 0.01
    assert abs(images.std() - 1) < 0.01

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_data import write_image_folder

from reds_torch.data.images.image_folder import ImageFolder


def files(data: ImageFolder, name: str) -> set[str]:
    return set(data._sets[name].paths)


def ready(root: Path, **settings: object) -> ImageFolder:
    data = ImageFolder(root=str(root), size=8, **settings)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup()
    return data


def test_folders_for_sets(tmp_path: Path) -> None:
    root = write_image_folder(
        tmp_path, {"train/cat": 5, "train/dog": 6, "val/cat": 2, "val/dog": 2, "test/cat": 3, "test/dog": 1}
    )
    (root / "train" / "dog" / "notes.txt").write_text("no image")
    (root / "train" / ".hidden").mkdir()
    data = ready(root, batch_size=4)
    assert data.classes == ("cat", "dog")
    assert [len(data._sets[name]) for name in ("train", "calibration", "val", "test")] == [11, 11, 4, 4]
    images, labels = next(iter(data.test_dataloader()))
    assert images.shape == (4, *data.input_shape) == (4, 3, 8, 8)
    assert labels.tolist() == [0, 0, 0, 1]


def test_val_is_tested_on_without_a_test_folder(tmp_path: Path) -> None:
    data = ready(write_image_folder(tmp_path, {"train/a": 3, "train/b": 3, "val/a": 2, "val/b": 2}))
    assert files(data, "test") == files(data, "val")


@pytest.mark.parametrize("places", [{"train": 3, "val": 2, "test": 1}, {".": 60}])
def test_each_stage_makes_what_it_needs(places: dict[str, int], tmp_path: Path) -> None:
    root = write_image_folder(tmp_path, {f"{place}/{name}": count for place, count in places.items() for name in "ab"})
    whole = ready(root)
    for stage, sets in (("fit", ("train", "calibration", "val")), ("validate", ("val",)), ("test", ("test",))):
        data = ImageFolder(root=str(root), size=8)
        data.setup(stage)
        assert {*data._sets} == {*sets}
        assert all(files(data, name) == files(whole, name) for name in sets)


def test_one_folder_for_each_class_is_split_by_name(tmp_path: Path) -> None:
    data = ready(write_image_folder(tmp_path, {"cat": 200, "dog": 200}))
    sets = [files(data, name) for name in ("train", "val", "test")]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 400
    assert 280 < len(sets[0]) < 360
    Image.new("RGB", (12, 10)).save(tmp_path / "cat" / "another.png")
    after = ready(tmp_path)
    for name, before in zip(("train", "val", "test"), sets, strict=True):
        assert before <= files(after, name), "an image added must not move the others"


def test_train_limit_takes_the_same_images_for_every_seed(tmp_path: Path) -> None:
    root = write_image_folder(tmp_path, {"train/a": 20, "train/b": 20, "val/a": 1, "val/b": 1})
    first, second = ready(root, train_limit=10), ready(root, train_limit=10, seed=5)
    assert len(files(first, "train")) == 10
    assert files(first, "train") == files(second, "train") == files(first, "calibration")


def test_settings_make_the_same_inputs_again(tmp_path: Path) -> None:
    root = write_image_folder(tmp_path, {"train/a": 3, "train/b": 3, "val/a": 2, "val/b": 2})
    data = ready(root, centre=0.5, mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7])
    again = ImageFolder(root=str(root), **data.settings)
    again.setup()
    for (ours, _), (theirs, _) in zip(data.val_dataloader(), again.val_dataloader(), strict=True):
        assert torch.equal(ours, theirs)


def test_workers_hand_out_the_same_batches(tmp_path: Path) -> None:
    root = write_image_folder(tmp_path, {"train/a": 5, "train/b": 5, "val/a": 1, "val/b": 1})

    def batches(workers: int) -> torch.Tensor:
        return torch.cat([images for images, _ in ready(root, batch_size=5, workers=workers).train_dataloader()])

    assert torch.equal(batches(0), batches(2))


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"train/a": 1, "train/b": 1}, "no folder val"),
        ({"train/a": 1, "train/b": 1, "val/a": 1}, "differs by b"),
        ({"train/a": 1, "val/a": 1}, "holds 1 folders of images"),
        ({"a": 1, "b": 1}, "leaves no images for"),
    ],
)
def test_other_layouts_are_refused(places: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        ready(write_image_folder(tmp_path, places))


def test_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent is no folder"):
        _ = ImageFolder(root=str(tmp_path / "absent")).classes
    with pytest.raises(ValueError, match=r"give data.root=PATH"):
        ImageFolder()
    with pytest.raises(ValueError, match="three numbers"):
        ImageFolder(root=str(tmp_path), mean=[0.5])

import json
from pathlib import Path

import pytest
from PIL import Image

from reds_torch.data.visual_wake_words import VisualWakeWords, label_persons

PERSON, DOG = {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}


def image(number: int, width: int = 100, height: int = 100) -> dict:
    return {"id": number, "file_name": f"{number:012}.jpg", "width": width, "height": height}


def box(number: int, category: int, width: float, height: float) -> dict:
    return {"image_id": number, "category_id": category, "bbox": [1.0, 2.0, width, height]}


def test_a_person_of_more_than_half_a_percent_counts() -> None:
    annotations = {
        "categories": [PERSON, DOG],
        "images": [image(n) for n in range(5)] + [image(5, 1000, 1000)],
        "annotations": [
            box(0, 1, 10, 5.1),  # 0.51 %
            box(1, 1, 10, 5),  # exactly 0.5 %: not more
            box(2, 18, 90, 90),  # a dog
            box(3, 1, 6, 6),  # two small persons don't make a large one
            box(3, 1, 6, 6),
            box(4, 1, 1, 1),
            box(4, 1, 50, 50),  # one of them is large
            box(5, 1, 60, 60),  # 0.36 % of a larger image
        ],
    }
    assert [*label_persons(annotations).values()] == [1, 0, 0, 0, 1, 0]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """60 images to train on and 8 to test on; those of odd numbers show a person."""
    (tmp_path / "annotations").mkdir()
    for part, count in (("train2017", 60), ("val2017", 8)):
        (tmp_path / part).mkdir()
        for n in range(count):
            Image.new("RGB", (100, 100), (n, n, n)).save(tmp_path / part / image(n)["file_name"])
        annotations = {
            "categories": [PERSON, DOG],
            "images": [image(n) for n in range(count)],
            "annotations": [box(n, 1 if n % 2 else 18, 30, 30) for n in range(count)],
        }
        (tmp_path / "annotations" / f"instances_{part}.json").write_text(json.dumps(annotations))
    return tmp_path


def test_sets(coco: Path) -> None:
    data = VisualWakeWords(root=str(coco), size=32, batch_size=8)
    data.prepare_data()
    data.setup()
    images, labels = next(iter(data.test_dataloader()))
    assert images.shape == (8, *data.input_shape) == (8, 3, 32, 32)
    assert labels.tolist() == [0, 1] * 4
    assert data.classes[1] == "person"
    train, held_out = set(data._sets["train"].paths), set(data._sets["val"].paths)
    assert len(train) + len(held_out) == len(train | held_out) == 60
    assert 1 <= len(held_out) <= 15


def test_testing_reads_no_annotations_of_training(coco: Path) -> None:
    (coco / "annotations" / "instances_train2017.json").write_text("nonsense")
    data = VisualWakeWords(root=str(coco))
    data.setup("test")
    assert {*data._sets} == {"test"}
    with pytest.raises(ValueError, match=r"instances_train2017.json is no annotation of COCO"):
        data.setup("validate")


def test_what_is_missing_is_named(coco: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"instances_train2014.json.*COCO 2014"):
        VisualWakeWords(root=str(coco), year=2014).prepare_data()
    (coco / "annotations" / "instances_val2017.json").write_text('{"images": []}')
    with pytest.raises(ValueError, match=r"instances_val2017.json is no annotation of COCO"):
        VisualWakeWords(root=str(coco)).setup()
    with pytest.raises(ValueError, match=r"give data.root=PATH"):
        VisualWakeWords()
    with pytest.raises(ValueError, match="2014 or 2017"):
        VisualWakeWords(root=str(coco), year=2015)  # type: ignore[arg-type]

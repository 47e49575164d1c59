from pathlib import Path

import pytest
from tiny_data import DOG, PERSON, coco_box, coco_image, write_coco

from reds_torch.data.images.visual_wake_words import VisualWakeWords, label_persons


def test_a_person_of_more_than_half_a_percent_counts() -> None:
    annotations = {
        "categories": [PERSON, DOG],
        "images": [coco_image(n) for n in range(5)] + [coco_image(5, 1000, 1000)],
        "annotations": [
            coco_box(0, 1, 10, 5.1),  # 0.51 %
            coco_box(1, 1, 10, 5),  # exactly 0.5 %: not more
            coco_box(2, 18, 90, 90),  # a dog
            coco_box(3, 1, 6, 6),  # two small persons don't make a large one
            coco_box(3, 1, 6, 6),
            coco_box(4, 1, 1, 1),
            coco_box(4, 1, 50, 50),  # one of them is large
            coco_box(5, 1, 60, 60),  # 0.36 % of a larger image
        ],
    }
    assert [*label_persons(annotations).values()] == [1, 0, 0, 0, 1, 0]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    return write_coco(tmp_path / "coco", 60, 8)


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

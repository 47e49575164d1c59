"""Visual Wake Words: is there a person in the picture?

Source: Chowdhery et al., "Visual Wake Words Dataset", arXiv 1906.05721, section 3: an image of COCO shows a
person if the box around one takes more than 0.5 % of the image's area.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from ..splits import Split, split_by_hash
from .arrays import Normalisation
from .photo_module import Photographs, PhotoModule, given_folder
from .photos import PhotoSettings

LARGEST_IGNORED_PERSON = 0.005  # share of the image's area
PERSON = "person"


class VisualWakeWords(PhotoModule):
    """COCO's photographs as batches (B, 3, size, size), and whether they show a person (B,).

    The root holds COCO as it is unpacked: `annotations/instances_train2017.json` and `...val2017.json`, and
    the images in `train2017/` and `val2017/` (or all of 2014). COCO's validation images are tested on; a tenth
    of its training images, by a hash of their names, is held out for validation.

    Training images are cropped at random and every other one is mirrored, as a function of (seed, epoch,
    image); evaluated are whole images. Either is resized to size x size pixels with values in -1 ... 1.

    Args:
        root: the folder of COCO.
        year: of the annotations and images.
        size: height and width of the inputs in pixels.
        batch_size: images per batch.
        train_limit: train on so many images only, the same ones for every seed.
        smallest_crop: training crops have at least this share of the image's area.
        seed: fixes the order and the variations.
        workers: processes that decode images; 0 decodes them in the training process.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        year: Literal[2014, 2017] = 2017,
        size: int = 96,
        batch_size: int = 100,
        train_limit: int | None = None,
        smallest_crop: float = 0.6,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        self.root = given_folder(root, f"a folder with COCO {year}")
        photos = PhotoSettings(size, None, smallest_crop, Normalisation((0.5,) * 3, (0.5,) * 3))
        super().__init__(photos, batch_size=batch_size, seed=seed, workers=workers, train_limit=train_limit)
        if year not in (2014, 2017):
            raise ValueError(f"year must be 2014 or 2017, not {year}")
        self.year = year

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, inputs and evaluation sets: `VisualWakeWords(root=…, **settings)`."""
        return {"year": self.year, "size": self.photos.size}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return ("no person", PERSON)

    def prepare_data(self) -> None:
        """Look whether COCO is there.

        Raises:
            FileNotFoundError: a part of it is missing; the message says where it belongs.
        """
        for part in ("train", "val"):
            for path in (self._annotations(part), self._images(part)):
                if not path.exists():
                    raise FileNotFoundError(
                        f"there is no {path}: data.root must be a folder with COCO {self.year}, that is annotations/, "
                        f"train{self.year}/ and val{self.year}/, as they are unpacked from https://cocodataset.org/#download"
                    )

    def list_photos(self, splits: Collection[Split]) -> dict[Split, Photographs]:
        """The files and classes of these sets; COCO's annotations are large, so only those are read that are needed."""
        listed: dict[Split, Photographs] = {}
        with Console().status("reading the annotations of COCO"):
            if {*splits} & {"train", "val"}:
                photos = self._list("train")
                listed["train"] = [photo for photo in photos if split_by_hash(photo[0].name) != "val"]
                listed["val"] = [photo for photo in photos if split_by_hash(photo[0].name) == "val"]
            if "test" in splits:
                listed["test"] = self._list("val")
        return listed

    def _list(self, part: str) -> Photographs:
        path = self._annotations(part)
        try:
            labels = label_persons(json.loads(path.read_text()))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no annotation of COCO, or damaged: {error!r}") from error
        if not labels:
            raise ValueError(f"{path} names no images")
        return [(self._images(part) / name, label) for name, label in sorted(labels.items())]

    def _annotations(self, part: str) -> Path:
        return self.root / "annotations" / f"instances_{part}{self.year}.json"

    def _images(self, part: str) -> Path:
        return self.root / f"{part}{self.year}"


def label_persons(annotations: Mapping[str, Any]) -> dict[str, int]:
    """The label of each image of COCO's instance annotations, by file name: 1 where it shows a person.

    Args:
        annotations: with `images`, `annotations` and `categories` as in instances_*.json; boxes are (left, top,
            width, height) in pixels.

    Raises:
        KeyError, TypeError, ValueError: something is missing or of another kind.
    """
    persons = {category["id"] for category in annotations["categories"] if category["name"] == PERSON}
    if not persons:
        raise ValueError(f"there is no category '{PERSON}'")
    names = {image["id"]: image["file_name"] for image in annotations["images"]}
    areas = {image["id"]: image["width"] * image["height"] for image in annotations["images"]}
    labels = dict.fromkeys(names.values(), 0)
    for annotation in annotations["annotations"]:
        _, _, width, height = annotation["bbox"]
        image = annotation["image_id"]
        if annotation["category_id"] in persons and width * height > LARGEST_IGNORED_PERSON * areas[image]:
            labels[names[image]] = 1
    return labels

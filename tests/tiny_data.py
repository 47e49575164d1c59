"""Small data sets in the formats of the large ones."""

import gzip
import hashlib
import json
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torchvision
from PIL import Image

PERSON, DOG = {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}


def idx(array: np.ndarray) -> bytes:
    """An array as a file of MNIST."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_fashion_mnist(root: Path, train: int, test: int) -> Path:
    """Images whose first pixel is their number; one pair of files is packed, the other is not."""
    root.mkdir()
    for part, count in (("train", train), ("t10k", test)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
        labels = (np.arange(count) % 10).astype(np.uint8)
        (root / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (root / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return root


def write_cifar10(root: Path, images: int) -> dict[str, object]:
    """So many random images in each of CIFAR-10's files; torchvision's attributes with the checksums of these."""
    original = torchvision.datasets.CIFAR10
    folder = root / original.base_folder
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)

    def write(name: str, content: dict[str, object]) -> tuple[str, str]:
        packed = pickle.dumps(content)
        (folder / name).write_bytes(packed)
        return name, hashlib.md5(packed).hexdigest()

    def batch() -> dict[str, object]:
        pixels = random.integers(0, 256, (images, 3072), np.uint8)
        return {"data": pixels, "labels": random.integers(0, 10, images).tolist()}

    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    meta, checksum = write("batches.meta", {"label_names": names})
    return {
        "train_list": [write(name, batch()) for name, _ in original.train_list],
        "test_list": [write("test_batch", batch())],
        "meta": {"filename": meta, "key": "label_names", "md5": checksum},
    }


def write_image_folder(root: Path, places: Mapping[str, int]) -> Path:
    """So many images in each folder; their shade is their number."""
    for place, count in places.items():
        (root / place).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (12, 10), (i, i, i)).save(root / place / f"photo{i}.png")
    return root


def coco_image(number: int, width: int = 100, height: int = 100) -> dict[str, object]:
    """An entry of COCO's list of images."""
    return {"id": number, "file_name": f"{number:012}.jpg", "width": width, "height": height}


def coco_box(number: int, category: int, width: float, height: float) -> dict[str, object]:
    """An annotation of an image."""
    return {"image_id": number, "category_id": category, "bbox": [1.0, 2.0, width, height]}


def write_coco(root: Path, train: int, test: int) -> Path:
    """Images to train and to test on; those of odd numbers show a person."""
    (root / "annotations").mkdir(parents=True)
    for part, count in (("train2017", train), ("val2017", test)):
        (root / part).mkdir()
        for n in range(count):
            Image.new("RGB", (100, 100), (n, n, n)).save(root / part / str(coco_image(n)["file_name"]))
        annotations = {
            "categories": [PERSON, DOG],
            "images": [coco_image(n) for n in range(count)],
            "annotations": [coco_box(n, 1 if n % 2 else 18, 30, 30) for n in range(count)],
        }
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(annotations))
    return root

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reds_torch.data.images.arrays import Normalisation
from reds_torch.data.images.photos import (
    WHOLE,
    AugmentedPhotos,
    CleanPhotos,
    PhotoSettings,
    central_square,
    random_crop,
    read_photo,
)

PLAIN = Normalisation((0.0,) * 3, (1 / 255,) * 3)  # bytes as they are


def settings(size: int = 16, centre: float | None = 0.875, smallest_crop: float = 0.1) -> PhotoSettings:
    return PhotoSettings(size, centre, smallest_crop, PLAIN)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Smooth pictures of several sizes."""
    paths = []
    for i, (width, height) in enumerate(((64, 48), (50, 90), (33, 33), (200, 120))):
        x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 3, height))
        picture = 127 + 120 * np.stack([np.sin(x + i), np.cos(y), np.sin(x * y)], axis=-1)
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(picture.astype(np.uint8)).save(paths[-1])
    return paths


def test_the_centre_is_cut_out_and_resized(photos: list[Path]) -> None:
    data = CleanPhotos(photos, np.arange(4), settings(centre=0.5))
    images, labels = data.__getitems__([(0, 0), (0, 3)])
    assert images.shape == (2, 3, 16, 16)
    assert labels.tolist() == [0, 3]
    # of 64 x 48, half of 48 in the middle: 20 ... 44 across, 12 ... 36 down; at its edges, resizing a part of
    # an image also sees the pixels beyond
    expected = Image.open(photos[0]).crop((20, 12, 44, 36)).resize((16, 16), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(images[0].permute(1, 2, 0), np.asarray(expected), atol=3)


def test_whole_images_are_squeezed(photos: list[Path]) -> None:
    images, _ = CleanPhotos(photos, np.arange(4), settings(centre=None)).__getitems__([(0, 1)])
    expected = Image.open(photos[1]).resize((16, 16), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(images[0].permute(1, 2, 0), np.asarray(expected), atol=1)


def test_variations_depend_on_seed_epoch_and_index_only(photos: list[Path]) -> None:
    def batch(seed: int, *pairs: tuple[int, int]) -> torch.Tensor:
        return AugmentedPhotos(photos, np.arange(4), settings(), seed).__getitems__(list(pairs))[0]

    whole = batch(0, *((2, i) for i in range(4)))
    assert torch.equal(batch(0, (2, 3), (2, 1)), whole[[3, 1]])
    assert not torch.equal(batch(0, *((3, i) for i in range(4))), whole)
    assert not torch.equal(batch(1, *((2, i) for i in range(4))), whole)


def test_half_of_the_images_are_mirrored(photos: list[Path]) -> None:
    """Crops of the whole image leave the mirror as the only variation."""
    data = AugmentedPhotos(photos[2:3], np.zeros(1), settings(smallest_crop=1.0), seed=0)
    as_it_is = read_photo(str(photos[2]), 16, lambda *_: WHOLE).astype(float)
    images, _ = data.__getitems__([(epoch, 0) for epoch in range(200)])
    errors = [np.abs(image.permute(1, 2, 0).numpy() - as_it_is).mean() for image in images]
    mirrored = [np.abs(image.permute(1, 2, 0).numpy() - as_it_is[:, ::-1]).mean() for image in images]
    assert 70 < sum(m < e for m, e in zip(mirrored, errors, strict=True)) < 130


@given(
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.tuples(*4 * [st.floats(0, 1, exclude_max=True)]),
    st.floats(0.01, 1),
)
def test_random_crops_lie_inside(width: int, height: int, draws: tuple[float, ...], smallest: float) -> None:
    left, top, right, bottom = random_crop(width, height, draws, smallest)
    assert 0 <= left < right <= 1 + 1e-9
    assert 0 <= top < bottom <= 1 + 1e-9
    if width == height and draws[0] < 0.5 and smallest < 0.3:  # then no side is cut short
        area = (right - left) * (bottom - top)
        assert area == pytest.approx(smallest + (1 - smallest) * draws[0])
        assert 3 / 4 - 1e-6 <= (right - left) / (bottom - top) <= 4 / 3 + 1e-6


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0.01, 1))
def test_central_square(width: int, height: int, share: float) -> None:
    left, top, right, bottom = central_square(width, height, share)
    assert (right - left) * width == pytest.approx(share * min(width, height))
    assert (bottom - top) * height == pytest.approx(share * min(width, height))
    assert math.isclose(left + right, 1)
    assert math.isclose(top + bottom, 1)


def test_jpegs_decoded_at_a_fraction_look_the_same(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(0, 5, 640), np.linspace(0, 4, 480))
    picture = Image.fromarray((127 + 100 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)).astype(np.uint8))
    picture.save(tmp_path / "large.jpg", quality=95)

    def box(*_: int) -> tuple[float, float, float, float]:
        return (0.1, 0.2, 0.7, 0.9)

    expected = picture.resize((48, 48), Image.Resampling.BILINEAR, (64, 96, 448, 432))
    np.testing.assert_allclose(read_photo(str(tmp_path / "large.jpg"), 48, box), np.asarray(expected), atol=6)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_image_becomes_colours(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.new("RGB", (20, 10), (255, 255, 255)).convert(mode).save(path)
    result = read_photo(str(path), 8, lambda *_: WHOLE)
    assert result.shape == (8, 8, 3)
    assert (result == 255).all()


def test_damaged_images_are_refused_by_name(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("nonsense")
    (tmp_path / "short.png").write_bytes(photos[3].read_bytes()[:200])
    for name in ("text.png", "short.png", "absent.png"):
        with pytest.raises(ValueError, match=f"{name} is no readable image"):
            read_photo(str(tmp_path / name), 8, lambda *_: WHOLE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "size"),
        ({"centre": 1.5}, "centre"),
        ({"smallest_crop": 0.0}, "smallest_crop"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**values)

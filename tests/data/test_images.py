import numpy as np
import torch

from reds_torch.data.images.arrays import AugmentedImages, CleanImages, Normalisation, crop_and_flip

NORMALISATION = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.1))


def pixels(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 6, 5), dtype=torch.uint8)


def test_normalisation_is_that_of_torchvision() -> None:
    from torchvision.transforms.v2.functional import normalize, to_dtype

    images = pixels(4)
    expected = normalize(to_dtype(images, torch.float32, scale=True), [0.5, 0.4, 0.3], [0.2, 0.3, 0.1])
    torch.testing.assert_close(NORMALISATION(images), expected)


def test_crop_and_flip_equals_one_image_at_a_time() -> None:
    images, padding = pixels(50), 2
    random = np.random.default_rng(0)
    top, left = random.integers(0, 2 * padding + 1, (2, 50))
    flipped = random.random(50) < 0.5
    result = crop_and_flip(images, padding, top, left, flipped)
    for i, image in enumerate(images.numpy()):
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        cut = padded[:, top[i] : top[i] + 6, left[i] : left[i] + 5]
        np.testing.assert_array_equal(result[i].numpy(), cut[..., ::-1] if flipped[i] else cut)


def augmented(images: torch.Tensor, seed: int = 0, padding: int = 2, flip: bool = True) -> AugmentedImages:
    labels = torch.arange(len(images))
    return AugmentedImages(images, labels, NORMALISATION, padding=padding, flip=flip, seed=seed)


def test_variations_depend_on_seed_epoch_and_index_only() -> None:
    images = pixels(40)
    whole, labels = augmented(images).__getitems__([(3, i) for i in range(40)])
    part, part_labels = augmented(images).__getitems__([(3, 17), (3, 5)])
    assert torch.equal(whole[[17, 5]], part)
    assert torch.equal(labels[[17, 5]], part_labels)
    assert not torch.equal(whole, augmented(images).__getitems__([(4, i) for i in range(40)])[0])
    assert not torch.equal(whole, augmented(images, seed=1).__getitems__([(3, i) for i in range(40)])[0])


def test_every_shift_and_flip_occurs_equally_often() -> None:
    """One bright pixel tells where an image went."""
    images = torch.zeros(2000, 1, 9, 9, dtype=torch.uint8)
    images[:, :, 4, 3] = 255
    data = AugmentedImages(images, torch.zeros(2000), Normalisation((0,), (1,)), padding=1, flip=True, seed=0)
    moved, _ = data.__getitems__([(0, i) for i in range(2000)])
    places, counts = torch.unique(moved.flatten(1).argmax(1), return_counts=True)
    # rows 3 ... 5; columns 2 ... 4, or 4 ... 6 mirrored; 4 both ways
    assert {divmod(int(p), 9) for p in places} == {(row, column) for row in (3, 4, 5) for column in range(2, 7)}
    expected = [2000 / 18 * (2 if int(p) % 9 == 4 else 1) for p in places]
    np.testing.assert_allclose(counts, expected, rtol=0.25)


def test_nothing_is_varied_where_nothing_shall_be() -> None:
    images = pixels(30)
    pairs = [(2, i) for i in range(30)]
    clean = CleanImages(images, torch.arange(30), NORMALISATION).__getitems__(pairs)[0]
    assert torch.equal(augmented(images, padding=0, flip=False).__getitems__(pairs)[0], clean)

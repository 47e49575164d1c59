"""Images, from arrays and from folders."""

from .image_folder import ImageFolder
from .vision import CIFAR10, FashionMNIST
from .visual_wake_words import VisualWakeWords

__all__ = ["CIFAR10", "FashionMNIST", "ImageFolder", "VisualWakeWords"]

"""The old address of `bench.data.readers.images`, kept for plug-ins that import it."""

from bench.data.readers.images import Folders, ImageFile, list_images, read_image

__all__ = ["Folders", "ImageFile", "list_images", "read_image"]

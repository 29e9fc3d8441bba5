"""Commands on indexes of images for several platforms."""

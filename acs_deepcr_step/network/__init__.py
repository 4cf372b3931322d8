"""The networks: weights, U-Net, tiles, and what they make of an image. PyTorch, and no exposure files."""

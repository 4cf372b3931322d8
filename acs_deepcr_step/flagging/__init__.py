"""From a chip's pixels and probabilities to the reasons of its flags. Arrays only, no PyTorch."""

"""Training: recipe, network with its optimiser, batches, checkpoints, the loop over epochs."""

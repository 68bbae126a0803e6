"""The head's texture: visibility, sampling, masks, Poisson fusion, and what no photo shows."""

"""From landmarks to a shape: the sparse model, depth, the MAP solver, and thin plate splines for the rest."""

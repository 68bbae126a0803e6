"""The paper's experiments and the product's own accuracy and speed figures, as commands."""

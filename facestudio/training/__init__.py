"""Makes every shipped model and data file. The only place that may import torch."""

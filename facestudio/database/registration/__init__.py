"""Registration: head meshes brought to the template by feature points, segmentation and re-sampling."""

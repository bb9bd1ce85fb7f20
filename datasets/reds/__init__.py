"""REDS (Nah et al., CVPR Workshops 2019)."""

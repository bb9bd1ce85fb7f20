"""RealBlur-J and RealBlur-R (Rim et al., ECCV 2020)."""

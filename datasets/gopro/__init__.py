"""GoPro (Nah, Kim and Lee, CVPR 2017)."""

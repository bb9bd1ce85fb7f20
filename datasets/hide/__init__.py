"""HIDE (Shen et al., ICCV 2019)."""

"""Networks of HI-Diff (Chen et al., *Hierarchical Integration Diffusion Model for Realistic Image Deblurring*, 2023)."""

"""Structural similarity (Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity")."""

from skimage.metrics import structural_similarity

from icdpm.metrics.pictures import as_uint8_pair

# Other readings exist and differ in the second decimal: MATLAB's `ssim` on a colour picture filters across the
# channels too, and some measure luma only.
PROTOCOL = (
    "SSIM of uint8 RGB pictures, 2-D in each channel and averaged, 11×11 Gaussian window with σ 1.5, "
    "K1 0.01, K2 0.03, over the valid region, without downsampling"
)
WINDOW = 11


def ssim(restored, sharp):
    """SSIM of one picture, 1 where the two are equal."""
    restored, sharp = as_uint8_pair(restored, sharp)
    if min(sharp.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs pictures of {WINDOW}×{WINDOW} or more, not {sharp.shape[1]}×{sharp.shape[0]}")
    # The window is 11 wide by scikit-image's truncation at 3.5 σ, and its mean leaves out the border.
    return float(
        structural_similarity(
            restored,
            sharp,
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            K1=0.01,
            K2=0.03,
        )
    )

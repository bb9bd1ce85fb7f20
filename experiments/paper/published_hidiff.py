"""Published values of HI-Diff and of the methods it is compared with (Chen et al., NeurIPS 2023): PSNR, SSIM, sizes.

None: the paper leaves the cell empty. What it calls FLOPs are multiply-adds.
"""

# The SSIM of HI-Diff's values, by its published evaluation scripts: MATLAB's ssim of the RGB array on GoPro and HIDE, and on
# RealBlur the masked SSIM of the official protocol, which follows an alignment (`scale.alignment`).
SSIM = {"gopro": "ssim_matlab_rgb", "hide": "ssim_matlab_rgb", "realblur_r": "ssim", "realblur_j": "ssim"}

# Trained on GoPro: GoPro, HIDE, RealBlur-R, RealBlur-J.
GOPRO_SETS = ("gopro", "hide", "realblur_r", "realblur_j")
TRAINED_ON_GOPRO = {
    "DeblurGAN": ((28.70, 0.858), (24.51, 0.871), (33.79, 0.903), (27.97, 0.834)),
    "DeepDeblur": ((29.08, 0.914), (25.73, 0.874), (32.51, 0.841), (27.87, 0.827)),
    "DeblurGAN-v2": ((29.55, 0.934), (26.61, 0.875), (35.26, 0.944), (28.70, 0.866)),
    "SRN": ((30.26, 0.934), (28.36, 0.915), (35.66, 0.947), (28.56, 0.867)),
    "DBGAN": ((31.10, 0.942), (28.94, 0.915), (33.78, 0.909), (24.93, 0.745)),
    "MT-RNN": ((31.15, 0.945), (29.15, 0.918), (35.79, 0.951), (28.44, 0.862)),
    "DMPHN": ((31.20, 0.940), (29.09, 0.924), (35.70, 0.948), (28.42, 0.860)),
    "SAPHN": ((31.85, 0.948), (29.98, 0.930), None, None),
    "SPAIR": ((32.06, 0.953), (30.29, 0.931), None, (28.81, 0.875)),
    "MIMO-UNet+": ((32.45, 0.957), (29.99, 0.930), (35.54, 0.947), (27.63, 0.837)),
    "TTFA": ((32.50, 0.958), (30.55, 0.935), None, None),
    "MPRNet": ((32.66, 0.959), (30.96, 0.939), (35.99, 0.952), (28.70, 0.873)),
    "HINet": ((32.71, 0.959), (30.32, 0.932), (35.75, 0.949), (28.17, 0.849)),
    "Restormer": ((32.92, 0.961), (31.22, 0.942), (36.19, 0.957), (28.96, 0.879)),
    "Stripformer": ((33.08, 0.962), (31.03, 0.940), (36.08, 0.954), (28.82, 0.876)),
    "HI-Diff": ((33.33, 0.964), (31.46, 0.945), (36.28, 0.958), (29.15, 0.890)),
}

# Each trained on the set that it is tested on: RealBlur-R, RealBlur-J.
REALBLUR_SETS = ("realblur_r", "realblur_j")
TRAINED_ON_REALBLUR = {
    "DeblurGAN-v2": ((36.44, 0.935), (29.69, 0.870)),
    "SRN": ((38.65, 0.965), (31.38, 0.909)),
    "MIMO-UNet+": (None, (31.92, 0.919)),
    "MPRNet": ((39.31, 0.972), (31.76, 0.922)),
    "BANet": ((39.55, 0.971), (32.00, 0.923)),
    "Stripformer": ((39.84, 0.974), (32.48, 0.929)),
    "HI-Diff": ((41.01, 0.978), (33.70, 0.941)),
}

# The ablation: parameters in millions, FLOPs in G at 256×256, PSNR in dB and SSIM on GoPro.
ABLATION = {
    "Baseline": (19.13, 117.25, 31.96, 0.9528),
    "Single-Guide": (21.98, 125.39, 32.00, 0.9534),
    "Split-Training": (23.99, 125.47, 30.73, 0.9434),
    "HI-Diff": (23.99, 125.47, 32.24, 0.9558),
}

# The model sizes: parameters in millions, FLOPs in G at 256×256, PSNR in dB on GoPro.
MODEL_SIZES = {
    "DMPHN": (21.70, 195.44, 31.20),
    "MIMO-UNet+": (16.11, 150.68, 32.45),
    "MPRNet": (20.13, 760.02, 32.66),
    "HINet": (88.67, 67.51, 32.71),
    "Restormer": (26.13, 154.88, 32.92),
    "Stripformer": (19.71, 155.03, 33.08),
    "HI-Diff": (28.49, 142.62, 33.33),
    "HI-Diff-2": (23.99, 125.47, 33.28),
}

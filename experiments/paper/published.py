"""Published values that the results are compared with.

`TABLE1` to `TABLE11` are the tables of the icDPM paper (Ren et al., arXiv 2212.01789) in its own units: KID is multiplied by
100 in Table 1 and by 1000 elsewhere. The paper plots the points of Figures 5 and 7 without listing them. The constants that
begin with `HIDIFF` are the values of HI-Diff and of the methods that it is compared with (Chen et al., NeurIPS 2023); what that
paper calls FLOPs are multiply-adds. None marks a cell that the papers leave empty.
"""

# Table 1, GoPro against RealBlur-J: FID, KID × 100.
TABLE1 = {
    "input": (61.115, 3.07),
    "input ×2": (58.266, 3.02),
    "guidance ×2": (49.437, 3.00),
    "input ×4": (56.313, 3.60),
    "guidance ×4": (47.984, 3.46),
    "input ×8": (49.684, 4.91),
    "guidance ×8": (44.649, 4.70),
}

# Table 2: best LPIPS and best PSNR on GoPro, best LPIPS and best PSNR on RealBlur-J.
TABLE2 = {
    "a": (0.077, 30.555, 0.150, 28.209),
    "b": (0.058, 32.105, 0.156, 27.996),
    "c": (0.068, 31.298, 0.145, 28.286),
    "d": (0.072, 30.977, 0.132, 28.496),
    "e": (0.058, 32.220, 0.128, 28.742),
    "f": (0.057, 32.254, 0.123, 28.711),
}

# Tables 3 to 6: LPIPS, NIQE, FID, KID × 1000, PSNR, SSIM.
TABLE3 = {  # GoPro
    "HINet": (0.088, 4.01, 17.91, 8.15, 32.77, 0.960),
    "MPRNet": (0.089, 4.09, 20.18, 9.10, 32.66, 0.959),
    "MIMO-UNet+": (0.091, 4.03, 18.05, 8.17, 32.44, 0.957),
    "SAPHNet": (0.101, 3.99, 19.06, 8.48, 31.89, 0.953),
    "SimpleNet": (0.108, None, None, None, 31.52, 0.950),
    "DeblurGANv2": (0.117, 3.68, 13.40, 4.41, 29.08, 0.918),
    "DvSR": (0.059, 3.39, 4.04, 0.98, 31.66, 0.948),
    "DvSR-SA": (0.078, 4.07, 17.46, 8.03, 33.23, 0.963),
    "UFormer": (0.087, 4.08, 19.66, 9.09, 32.97, 0.967),
    "Restormer": (0.084, 4.12, 19.33, 8.75, 32.92, 0.961),
    "Ours-SA": (0.078, 4.10, 8.69, 7.06, 33.20, 0.963),
    "Ours": (0.057, 3.27, 3.50, 0.77, 31.19, 0.943),
}
TABLE4 = {  # RealBlur-J
    "UNet": (0.175, 3.911, 22.24, 8.07, 28.06, 0.857),
    "DeblurGAN": (None, None, None, None, 27.97, 0.834),
    "DeblurGAN-v2": (0.139, 3.870, 14.40, 4.64, 28.70, 0.866),
    "MPRNet": (0.153, 3.967, 20.25, 7.57, 28.70, 0.873),
    "DvSR": (0.153, 3.277, 18.73, 6.00, 28.02, 0.851),
    "DvSR-SA": (0.156, 3.783, 20.09, 7.43, 28.46, 0.863),
    "Restormer": (0.149, 3.916, 19.55, 7.12, 28.96, 0.879),
    "UFormer-B": (0.140, 3.857, 18.56, 7.02, 29.06, 0.884),
    "Ours-SA": (0.139, 3.809, 16.84, 6.25, 28.81, 0.872),
    "Ours": (0.123, 2.976, 12.95, 3.58, 28.56, 0.862),
}
TABLE5 = {  # REDS
    "HINet": (0.195, 3.223, 21.48, 7.91, 26.72, 0.818),
    "DeblurGAN-v2": (0.181, 3.172, 14.98, 5.12, 27.08, 0.814),
    "MPRNet": (0.204, 3.282, 23.90, 8.94, 26.80, 0.814),
    "Restormer": (0.213, 3.326, 24.86, 9.30, 26.91, 0.818),
    "UFormer-B": (0.192, 3.272, 21.48, 7.91, 27.31, 0.842),
    "Ours-SA": (0.178, 3.248, 17.27, 6.21, 26.95, 0.834),
    "Ours": (0.147, 2.610, 11.91, 3.51, 26.36, 0.810),
}
TABLE6 = {  # HIDE
    "HINet": (0.120, 3.20, 15.17, 7.33, 30.33, 0.932),
    "MIMO-UNet+": (0.124, 3.24, 16.01, 7.91, 29.99, 0.930),
    "MPRNet": (0.114, 3.46, 16.58, 8.35, 30.96, 0.940),
    "SAPHNet": (0.128, 3.21, 16.78, 8.39, 29.99, 0.930),
    "DeblurGAN-v2": (0.159, 2.96, 15.51, 6.96, 27.51, 0.885),
    "DvSR-SA": (0.105, 3.29, 15.34, 8.00, 30.94, 0.940),
    "DvSR": (0.089, 2.69, 5.43, 1.61, 29.77, 0.922),
    "UFormer": (0.113, 3.40, 16.27, 8.51, 30.89, 0.920),
    "Restormer": (0.108, 3.41, 15.84, 8.28, 31.22, 0.923),
    "Ours-SA": (0.104, 3.40, 14.62, 7.62, 30.96, 0.938),
    "Ours": (0.088, 2.91, 5.28, 1.68, 29.14, 0.910),
}

# Table 7, RealBlur-J: the fraction of times that raters preferred the row over the column.
TABLE7_METHODS = ("DGANv2", "UFormer", "DvSR", "icDPM", "Ours-SA", "Ours")
TABLE7 = {
    "DGANv2": (None, 0.28, 0.43, 0.56, 0.26, 0.17),
    "UFormer": (0.72, None, 0.53, 0.58, 0.44, 0.35),
    "DvSR": (0.57, 0.47, None, 0.61, 0.32, 0.29),
    "icDPM": (0.44, 0.42, 0.39, None, 0.28, 0.21),
    "Ours-SA": (0.74, 0.56, 0.68, 0.72, None, 0.38),
    "Ours": (0.83, 0.65, 0.71, 0.79, 0.62, None),
}

# Table 8, RealBlur-J: LPIPS, PSNR.
TABLE8 = {
    "a": (0.156, 28.21),
    "b": (0.145, 28.34),
    "c": (0.143, 28.45),
    "d": (0.141, 28.45),
    "e": (0.137, 28.63),
}

# Table 9: PSNR and LPIPS in-domain (GoPro), PSNR and LPIPS out-of-domain (RealBlur-J).
TABLE9 = {
    "w/o input concatenation": (25.20, 0.230, 28.29, 0.177),
    "w/ concatenation": (30.65, 0.090, 28.45, 0.141),
}

# Table 11: parameters and FLOPs of one step at 720×1280, as it rounds them.
TABLE11 = {
    "a": (6e6, 1200e9),
    "b": (27e6, 4800e9),
    "c": (10e6, 2500e9),
    "d": (30e6, 6400e9),
    "e": (30e6, 6100e9),
    "f": (52e6, 10000e9),
}


# HI-Diff, the SSIM of its published evaluation scripts: MATLAB's `ssim` of the RGB array on GoPro and HIDE, and on RealBlur the
# masked SSIM of the official protocol, which follows an alignment (`scale.alignment`).
HIDIFF_SSIM = {"gopro": "ssim_matlab_rgb", "hide": "ssim_matlab_rgb", "realblur_r": "ssim", "realblur_j": "ssim"}

# HI-Diff, models trained on GoPro, PSNR and SSIM on GoPro, HIDE, RealBlur-R, RealBlur-J.
HIDIFF_TEST_SETS = ("gopro", "hide", "realblur_r", "realblur_j")
HIDIFF_TRAINED_ON_GOPRO = {
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

# HI-Diff, models trained on the set that they are tested on, PSNR and SSIM on RealBlur-R, RealBlur-J.
REALBLUR_SETS = ("realblur_r", "realblur_j")
HIDIFF_TRAINED_ON_REALBLUR = {
    "DeblurGAN-v2": ((36.44, 0.935), (29.69, 0.870)),
    "SRN": ((38.65, 0.965), (31.38, 0.909)),
    "MIMO-UNet+": (None, (31.92, 0.919)),
    "MPRNet": ((39.31, 0.972), (31.76, 0.922)),
    "BANet": ((39.55, 0.971), (32.00, 0.923)),
    "Stripformer": ((39.84, 0.974), (32.48, 0.929)),
    "HI-Diff": ((41.01, 0.978), (33.70, 0.941)),
}

# HI-Diff, ablation: parameters in millions, FLOPs in G at 256×256, PSNR in dB and SSIM on GoPro.
HIDIFF_ABLATION = {
    "Baseline": (19.13, 117.25, 31.96, 0.9528),
    "Single-Guide": (21.98, 125.39, 32.00, 0.9534),
    "Split-Training": (23.99, 125.47, 30.73, 0.9434),
    "HI-Diff": (23.99, 125.47, 32.24, 0.9558),
}

# HI-Diff, model sizes: parameters in millions, FLOPs in G at 256×256, PSNR in dB on GoPro.
HIDIFF_SIZES = {
    "DMPHN": (21.70, 195.44, 31.20),
    "MIMO-UNet+": (16.11, 150.68, 32.45),
    "MPRNet": (20.13, 760.02, 32.66),
    "HINet": (88.67, 67.51, 32.71),
    "Restormer": (26.13, 154.88, 32.92),
    "Stripformer": (19.71, 155.03, 33.08),
    "HI-Diff": (28.49, 142.62, 33.33),
    "HI-Diff-2": (23.99, 125.47, 33.28),
}

"""HI-Diff's "blur images gradually become sharp as the reverse process proceeds", as a strip over the reverse chain.

Each picture of the strip is the transformer's output with the prior as it is after so many steps of the chain. The slides
state neither the pictures nor the model: a picture of GoPro and the GoPro model are chosen here.
"""

from __future__ import annotations

import tensorflow as tf

from icdpm.images.pixels import pad_to_multiple, to_pixels, to_values
from icdpm.metrics.psnr import PROTOCOL, psnr
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.hidiff import GOPRO_MODEL
from icdpm_experiments.paper.scales import IN_DOMAIN
from icdpm_experiments.paper.visual_comparison import caption_of, cut, find_pairs, parse_crop
from icdpm_experiments.results import RESULTS_FOLDER, make_command, write_results

CROPS = {
    "paper": ("GOPR0410_11_00/000205", "GOPR0384_11_00/000001=1016,110,256,256"),
    "micro": ("photo_chelsea_2=112,32,112,112", "photo_camera_1=40,16,112,112"),
}


def restorings(scale):
    """What the strip needs restored: its few pictures, by the transformer, once a step."""
    return restorings_by([GOPRO_MODEL], scale, [IN_DOMAIN], pictures=len(CROPS[scale.name]))


def run(runs, crops):
    """Writes results/hidiff_chain, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      crops: texts of `visual_comparison.parse_crop` in place of `CROPS`; may be empty.
    """
    given = {"CROPS": " ".join(crops)}
    crops = [parse_crop(crop) for crop in crops or CROPS[runs.scale.name]]
    pairs, label = runs.scale.test_pairs(IN_DOMAIN), runs.scale.label(IN_DOMAIN)
    model = runs.system(GOPRO_MODEL.variant)
    rows, cells, headings, places = [], [], [], []
    for crop, index in zip(crops, find_pairs(pairs, crops)):
        blurry, sharp = pairs.load(index)
        priors, outputs = outputs_along_chain(model, blurry)
        headings = ["blurry", "noise", *(f"step {step}" for step in range(1, len(outputs))), "sharp"]
        distances = [float(tf.reduce_mean(tf.abs(prior - priors[-1]))) for prior in priors]
        rows += [
            {"picture": crop.name, "step": step, "psnr": round(psnr(output, sharp), 4), "prior_to_last": round(distance, 4)}
            for step, (output, distance) in enumerate(zip(outputs, distances))
        ]
        box = crop.within(blurry)
        places.append(crop.described(box))
        cells.append([cut(each, box) for each in (blurry, *outputs, sharp)])
    picture = RESULTS_FOLDER / "hidiff_chain.png"
    title = "HI-Diff: blur becomes sharp along the reverse chain"
    write_gallery(picture, headings, cells, caption_of(title, label, places, runs.scale))
    path = write_results(
        "hidiff_chain",
        command=make_command("bench-hidiff-chain", SCALE=runs.scale.name, **given),
        data=f"pictures of {label}, restored by {GOPRO_MODEL.variant} with the prior of each step of its chain",
        scale=runs.scale.name,
        rows=rows,
        title=title,
        notes=[
            "Step 0: the noise that the chain starts with. prior_to_last: mean absolute difference of the prior from that of "
            f"the last step. PSNR of whole pictures; hidiff_chain.png shows crops. {PROTOCOL}."
        ],
    )
    print(f"written to {path} and {picture}")


def outputs_along_chain(model, picture):
    """Restores a picture with the prior of each step of the reverse chain.

    Args:
      model: a HI-Diff after its second stage.
      picture: the blurry picture, uint8 [height, width, 3].

    Returns:
      ([z_T, …, z_0], float32 [1, tokens, width]; [the output with each, uint8 [height, width, 3]]).
    """
    blurry = tf.constant(pad_to_multiple(to_values(picture), model.size_multiple)[None])
    priors = priors_along_chain(model, blurry)
    height, width = picture.shape[:2]
    images = [model.denoise(None, blurry, None, {"prior": prior})[0, :height, :width].numpy() for prior in priors]
    return priors, [to_pixels(image, picture) for image in images]


def priors_along_chain(model, blurry):
    """[z_T, …, z_0], the prior before each step of the chain and after the last; `blurry` is float32 [1, h, w, 3] in [−1, 1].

    The chain passes each state to the network; the states are recorded there.
    """
    condition = model.condition_encoder(0.5 * blurry + 0.5)
    priors = []

    def network(noisy, step):
        priors.append(noisy)
        return model.denoiser(noisy, condition, step=step)

    last = model.chain.sample(network, model._start_of_chain(1))
    return [*priors, last]


EXPERIMENTS = {"hidiff-chain": Experiment(run, restorings, ("crops",))}

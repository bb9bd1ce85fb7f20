"""icdpm-evaluate: measures restored images against sharp images.

Images are paired by name. The usual naming schemes of GoPro, HIDE, RealBlur, REDS and of published results are recognized;
--sharp may be a published folder, or a folder inside it. If images have no partner, the command lists them and measures
nothing.

Examples:
  icdpm-evaluate --restored=mine --restored=others --sharp=gopro/sharp --blurry=gopro/blur --output=evaluation
  icdpm-evaluate --restored=mine --dataset=realblur_j --metrics=psnr,ssim --align=ecc --output=evaluation
  icdpm-evaluate --workdir=/tmp/tiny --dataset=embedded --output=evaluation
  icdpm-evaluate fit-niqe --photos=sharp_photos --output=model.npz
  icdpm-evaluate preference --method=ours=mine --method=theirs=others --blurry=gopro/blur --output=page.html
  icdpm-evaluate preference-table answers-*.json

The folder --output gets METHOD.csv with the values of each image, summary.json and summary.md. An interrupted command continues
when it is repeated.

fit-niqe fits a NIQE model to sharp photos. preference writes a page on which raters compare each pair of methods on random
crops, determined by --seed; preference-table computes from the saved answers how often raters preferred one method over
another.
"""

from absl import app, flags

from icdpm.cli import import_tensorflow, run_command
from icdpm.commands import settings_flags
from icdpm.errors import IcdpmError
from icdpm.files import mirrored_folder
from icdpm_datasets.published.sets import NAMES

FLAGS = flags.FLAGS
flags.DEFINE_multi_string(
    "restored", [], "Folder of restored images, or NAME=DIR to name the method; one table compares all methods"
)
flags.DEFINE_string("sharp", None, "Folder of the sharp images.")
flags.DEFINE_string("blurry", None, "Folder of the blurry images, measured as a separate row; preference: shown on demand.")
flags.DEFINE_string(
    "dataset",
    None,
    f"Test data instead of --sharp and --blurry: 'embedded', the name of a published data set ({', '.join(NAMES)}), or a "
    "folder with blur/ and sharp/.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Published data sets: output of icdpm-prepare, local or in a bucket (gs://…). Default: ~/tensorflow_datasets.",
)
flags.DEFINE_list(
    "metrics",
    "psnr,ssim,lpips_alex,niqe,fid,kid",
    "Comma-separated metrics; available: psnr, psnr_y, ssim, ssim_matlab_rgb, ssim_y, ms_ssim, lpips_alex, lpips_vgg, niqe, "
    "fid, kid.",
)
flags.DEFINE_enum(
    "align", "none", ["none", "ecc"], "ecc: PSNR and SSIM by RealBlur's official protocol, as psnr_ecc and ssim_ecc."
)
flags.DEFINE_integer("patch_size", None, "FID and KID: side in pixels of patches to measure instead of whole images.", 32)
flags.DEFINE_string("niqe_model", None, "NIQE: a model of fit-niqe instead of the published one.")
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of a training run, a .keras file, or 'packaged' for the packaged model: first restores the images of --dataset to "
    "--output.",
)
flags.DEFINE_string("checkpoint", "latest", "--workdir: checkpoint of the run: latest, best or a step.")
flags.DEFINE_string("output", None, "Folder of the results; for fit-niqe and preference the file to write.")
flags.DEFINE_string("photos", None, "fit-niqe: folder of sharp photos.")
flags.DEFINE_multi_string("method", [], "preference: folder of restored images, or NAME=DIR to name the method")
flags.DEFINE_integer("images", 30, "preference: number of randomly selected images.", 1)
flags.DEFINE_integer("crop", 512, "preference: side in pixels of the random crop of each image.", 16)
flags.adopt_module_key_flags(settings_flags)

# Flags of each subcommand. Measuring has no name; with --workdir it also has the flags of restoration.
_MEASURE_FLAGS = set("restored sharp blurry dataset data_dir metrics align patch_size niqe_model workdir output".split())
_RESTORE_FLAGS = {"checkpoint", "preset", "seed", *settings_flags.SETTINGS}
# {flag: the metrics that it concerns}
_METRIC_FLAGS = {"align": ("psnr", "ssim"), "patch_size": ("fid", "kid"), "niqe_model": ("niqe",)}
_SUBCOMMAND_FLAGS = {
    "fit-niqe": {"photos", "output"},
    "preference": {"method", "blurry", "images", "crop", "seed", "output"},
    "preference-table": {"output"},
}


def main(argv: list[str]) -> None:
    """Runs one subcommand."""
    subcommand, arguments = (argv[1], argv[2:]) if len(argv) > 1 else (None, [])
    if subcommand not in (None, *_SUBCOMMAND_FLAGS):
        raise app.UsageError(f"unknown subcommand {subcommand!r}; the subcommands are {', '.join(_SUBCOMMAND_FLAGS)}")
    if arguments and subcommand != "preference-table":
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    _check_flags(subcommand)
    if subcommand == "fit-niqe":
        from icdpm.evaluation.metric_selection import fit_niqe

        count = fit_niqe(FLAGS.photos, FLAGS.output)
        print(f"fitted to {count} photos; to measure with this model: --niqe_model={FLAGS.output}")
    elif subcommand == "preference":
        _write_preference_page()
    elif subcommand == "preference-table":
        _write_preference_table(arguments)
    else:
        _measure()


def _measure() -> None:
    from icdpm.evaluation.measure import measure
    from icdpm.evaluation.metric_selection import select_metrics
    from icdpm.evaluation.results import summarize, write_summary

    metrics = select_metrics(FLAGS.metrics, FLAGS.align, FLAGS.niqe_model, FLAGS.patch_size)
    with mirrored_folder(FLAGS.output) as output:
        pairs = _pair_images(output)
        print(f"measuring {', '.join(pairs.methods)} on {pairs.description}", flush=True)
        print(write_summary(output, summarize(measure(pairs, metrics, output))))
    print(f"written to {FLAGS.output}")


def _pair_images(output):
    """Returns the `PairedSet` that the flags describe. With --workdir, restores the data set to `output` first."""
    from icdpm.evaluation.pairing import pair_folders, pair_with_source, parse_named_folders

    if FLAGS.sharp:
        return pair_folders(parse_named_folders(FLAGS.restored), FLAGS.sharp, FLAGS.blurry)
    from icdpm_datasets.load import load_pairs

    source = load_pairs(FLAGS.dataset, "test", FLAGS.data_dir)
    if not FLAGS.workdir:
        return pair_with_source(parse_named_folders(FLAGS.restored), source)
    import_tensorflow()
    from icdpm import pretrained
    from icdpm.evaluation.restore_dataset import restore_dataset
    from icdpm.models.workdir import load

    workdir = f"packaged={pretrained.WORKDIR}" if FLAGS.workdir == "packaged" else FLAGS.workdir
    folders = parse_named_folders([*FLAGS.restored, workdir])
    name, workdir = folders.popitem()
    folders[name] = str(output / name)
    model = load(workdir, FLAGS.checkpoint)
    settings = settings_flags.settings_from_flags(model)
    description = restore_dataset(model, source, settings, FLAGS.seed, folders[name])
    return pair_with_source(folders, source, f"{name} restores with {description}")


def _write_preference_page() -> None:
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.evaluation.preference_study import write_preference_page

    methods = parse_named_folders(FLAGS.method)
    count = write_preference_page(methods, FLAGS.output, FLAGS.blurry, FLAGS.images, FLAGS.crop, FLAGS.seed)
    print(f"{FLAGS.output}: {count} comparisons for each rater; then run icdpm-evaluate preference-table answers-*.json")


def _write_preference_table(paths) -> None:
    from icdpm.evaluation.preference_study import format_preferences, read_answers, write_preferences

    answers = read_answers(paths)
    print(format_preferences(answers), end="")
    if FLAGS.output:
        write_preferences(FLAGS.output, answers)


def _check_flags(subcommand) -> None:
    """Raises `UsageError` for missing flags and for flags that the subcommand would ignore."""
    own = _SUBCOMMAND_FLAGS.get(subcommand, _MEASURE_FLAGS | (_RESTORE_FLAGS if FLAGS.workdir else set()))
    for name in sorted(_MEASURE_FLAGS.union(_RESTORE_FLAGS, *_SUBCOMMAND_FLAGS.values()) - own):
        if FLAGS[name].present:
            if subcommand:
                raise app.UsageError(f"--{name} is not a flag of {subcommand}")
            problem = "requires --workdir" if name in _RESTORE_FLAGS else "cannot be used without a subcommand"
            raise app.UsageError(f"--{name} {problem}")
    for name in ("photos", "output"):
        if name in own and subcommand != "preference-table" and not FLAGS[name].value:
            raise app.UsageError(f"--{name} is missing")
    if subcommand is None:
        if bool(FLAGS.sharp) == bool(FLAGS.dataset):
            raise app.UsageError("give exactly one of --sharp and --dataset")
        if FLAGS.dataset and FLAGS.blurry:
            raise app.UsageError("--blurry requires --sharp; --dataset has its own blurry images")
        if FLAGS.workdir and not FLAGS.dataset:
            raise app.UsageError("--workdir requires --dataset, whose images it restores")
        if FLAGS.sharp and not FLAGS.restored:
            raise app.UsageError("--restored is missing")
        if FLAGS.data_dir and not FLAGS.dataset:
            raise app.UsageError("--data_dir requires --dataset")
        _check_metrics()


def _check_metrics() -> None:
    """Raises `UsageError` for unknown metrics and for flags of metrics that are not measured."""
    from icdpm.evaluation.metric_selection import check_names

    try:
        check_names(FLAGS.metrics)
    except IcdpmError as error:
        raise app.UsageError(str(error)) from error
    for name, metrics in _METRIC_FLAGS.items():
        if FLAGS[name].value not in (None, "none") and not set(metrics) & set(FLAGS.metrics):
            raise app.UsageError(f"--{name} requires --metrics with {' or '.join(metrics)}")


def run() -> None:
    """Runs the console script."""
    run_command(main)

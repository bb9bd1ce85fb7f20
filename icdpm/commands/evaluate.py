"""icdpm-evaluate: measures restored pictures against sharp ones, as the field does.

Pictures are paired by name. The names of GoPro, HIDE, RealBlur and REDS are known in the forms that results of them
commonly have, and --sharp may be (in) their published folders. What has no partner is listed, and nothing is measured.

Examples:
  icdpm-evaluate --restored=mine --restored=others --sharp=gopro/sharp --blurry=gopro/blur --output=evaluation
  icdpm-evaluate --restored=mine --dataset=realblur_j --metrics=psnr,ssim --align=ecc --output=evaluation
  icdpm-evaluate --workdir=/tmp/tiny --dataset=embedded --output=evaluation
  icdpm-evaluate fit-niqe --photos=sharp_photos --output=model.npz
  icdpm-evaluate preference --method=ours=mine --method=theirs=others --blurry=gopro/blur --output=page.html
  icdpm-evaluate preference-table answers-*.json

--output gets METHOD.csv with the values of each picture, summary.json and summary.md. Interrupted, the same command
continues.

fit-niqe fits NIQE's model of natural pictures to sharp photos. preference makes a page for raters that shows every two
methods beside each other on crops of the pictures, drawn by --seed; preference-table turns the answers that they save from
it into the fractions of times that one method was preferred over another.
"""

from absl import app, flags

from icdpm.cli import import_tensorflow, run_command
from icdpm.commands import settings_flags
from icdpm.files import mirrored_folder
from icdpm_datasets.published.sets import NAMES

FLAGS = flags.FLAGS
flags.DEFINE_multi_string(
    "restored", [], "Folder of restored pictures, or NAME=DIR to name what made them. Repeatable: one table compares all."
)
flags.DEFINE_string("sharp", None, "Folder of the sharp pictures.")
flags.DEFINE_string("blurry", None, "Folder of the blurry pictures: measured as one more row; preference: shown on demand.")
flags.DEFINE_string(
    "dataset",
    None,
    f"In place of --sharp and --blurry: the test split of embedded, a published set ({', '.join(NAMES)}), or a folder "
    "with blur/ and sharp/ in it, as icdpm-train takes them.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Published sets: where icdpm-prepare recorded them, here or in a bucket (gs://…); ~/tensorflow_datasets where not given.",
)
flags.DEFINE_list(
    "metrics",
    "psnr,ssim,lpips_alex,niqe,fid,kid",
    "Of psnr, psnr_y, ssim, ssim_matlab_rgb, ssim_y, ms_ssim, lpips_alex, lpips_vgg, niqe, fid, kid.",
)
flags.DEFINE_enum(
    "align", "none", ["none", "ecc"], "ecc: PSNR and SSIM by RealBlur's official protocol, as psnr_ecc and ssim_ecc."
)
flags.DEFINE_integer("patch_size", None, "FID and KID: of patches of this side, not of whole pictures.", 32)
flags.DEFINE_string("niqe_model", None, "NIQE: a pristine model of fit-niqe, not that of the original release.")
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of a training run, or 'packaged' for the packaged model, which restores the pictures of --dataset into the output "
    "folder first.",
)
flags.DEFINE_string("checkpoint", "latest", "--workdir: which of the run's checkpoints: latest, best or a step.")
flags.DEFINE_string("output", None, "Folder for the results; of fit-niqe and preference the file to write.")
flags.DEFINE_string("photos", None, "fit-niqe: folder of sharp photos.")
flags.DEFINE_multi_string(
    "method", [], "preference: folder of restored pictures, or NAME=DIR to name what made them. Repeatable."
)
flags.DEFINE_integer("pictures", 30, "preference: how many pictures are drawn.", 1)
flags.DEFINE_integer("crop", 512, "preference: side of the crop that is drawn from each.", 16)
flags.adopt_module_key_flags(settings_flags)

# What each job looks at: measuring has no name, and looks at the first set, with --workdir at the second too.
_OF_MEASURING = set("restored sharp blurry dataset data_dir metrics align patch_size niqe_model workdir output".split())
_OF_RESTORING = {"checkpoint", "preset", "seed", *settings_flags.SETTINGS}
_OF_JOBS = {
    "fit-niqe": {"photos", "output"},
    "preference": {"method", "blurry", "pictures", "crop", "seed", "output"},
    "preference-table": {"output"},
}


def main(argv):
    """Parses, does one job, says what came out."""
    _, job, *further = *argv, *([None] if len(argv) == 1 else [])
    if job not in (None, *_OF_JOBS):
        raise app.UsageError(f"{job} is not a job; the jobs are {', '.join(_OF_JOBS)}, and measuring, which has no name")
    if further and job != "preference-table":
        raise app.UsageError(f"unexpected argument {further[0]!r}")
    _check_flags(job)
    if job == "fit-niqe":
        from icdpm.evaluation.metric_selection import fit_niqe

        print(f"fitted to {fit_niqe(FLAGS.photos, FLAGS.output)} photos; measure with it: --niqe_model={FLAGS.output}")
    elif job == "preference":
        _write_preference_page()
    elif job == "preference-table":
        _write_preference_table(further)
    else:
        _measure()


def _measure():
    from icdpm.evaluation.measure import measure
    from icdpm.evaluation.metric_selection import select_metrics
    from icdpm.evaluation.results import summarise, write_summary

    choice = select_metrics(FLAGS.metrics, FLAGS.align, FLAGS.niqe_model, FLAGS.patch_size)
    with mirrored_folder(FLAGS.output) as output:
        pairs = _pairs(output)
        print(f"measuring {', '.join(pairs.methods)} on {pairs.description}", flush=True)
        print(write_summary(output, summarise(measure(pairs, choice, output))))
    print(f"written to {FLAGS.output}")


def _pairs(output):
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

    model = f"packaged={pretrained.WORKDIR}" if FLAGS.workdir == "packaged" else FLAGS.workdir
    folders = parse_named_folders([*FLAGS.restored, model])
    name, workdir = folders.popitem()
    folders[name] = output / name
    system = load(workdir, FLAGS.checkpoint)
    settings = settings_flags.settings_from_flags(system)
    making = restore_dataset(system, source, settings, FLAGS.seed, folders[name])
    return pair_with_source(folders, source, f"{name} restores with {making}")


def _write_preference_page():
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.evaluation.preference_study import write_preference_page

    methods = parse_named_folders(FLAGS.method)
    count = write_preference_page(methods, FLAGS.output, FLAGS.blurry, FLAGS.pictures, FLAGS.crop, FLAGS.seed)
    print(f"{FLAGS.output} asks each rater for {count} comparisons; then: icdpm-evaluate preference-table answers-*.json")


def _write_preference_table(paths):
    from icdpm.evaluation.preference_study import read_answers, table_text, write_table

    answers = read_answers(paths)
    print(table_text(answers), end="")
    if FLAGS.output:
        write_table(FLAGS.output, answers)


def _check_flags(job):
    """A flag that the job would not look at is a mistake to be told, not passed over."""
    own = _OF_JOBS.get(job, _OF_MEASURING | (_OF_RESTORING if FLAGS.workdir else set()))
    for name in sorted(_OF_MEASURING.union(_OF_RESTORING, *_OF_JOBS.values()) - own):
        if FLAGS[name].present:
            raise app.UsageError(f"--{name} is not for {job or 'measuring'}")
    for name in ("photos", "output"):
        if name in own and job != "preference-table" and not FLAGS[name].value:
            raise app.UsageError(f"--{name} is missing")
    if job is None:
        if bool(FLAGS.sharp) == bool(FLAGS.dataset):
            raise app.UsageError("give --sharp or --dataset, one of the two")
        if FLAGS.dataset and FLAGS.blurry:
            raise app.UsageError("--blurry is for --sharp; --dataset has blurry pictures of its own")
        if FLAGS.workdir and not FLAGS.dataset:
            raise app.UsageError("--workdir restores the pictures of a --dataset; name one")
        if FLAGS.sharp and not FLAGS.restored:
            raise app.UsageError("--restored is missing")


def run():
    """The console script."""
    run_command(main)

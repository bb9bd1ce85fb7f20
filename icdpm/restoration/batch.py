"""Restores photo files, one after the other."""

import sys

import tqdm

from icdpm.errors import IcdpmError
from icdpm.restoration.pictures import check_suffix, read_picture, write_picture
from icdpm.restoration.restore import restore


def plan_outputs(photos, output, overwrite):
    """Pairs each photo with the file that its restoration goes to.

    Args:
      photos: paths.
      output: a folder, in which the photos keep their names; or, for one photo, a name that ends as a picture does.
      overwrite: whether restored photos that are already there may be replaced.

    Returns:
      [(photo, restored)].

    Raises:
      IcdpmError: two photos would go to one file, a photo would be replaced by its restoration, or a file is there already.
    """
    if len(photos) == 1 and output.suffix and not output.is_dir():
        check_suffix(output)
        jobs = [(photos[0], output)]
    else:
        jobs = [(photo, output / photo.name) for photo in photos]
    taken = {}
    for photo, restored in jobs:
        if restored in taken:
            raise IcdpmError(f"{taken[restored]} and {photo} would both be restored to {restored}; restore them apart")
        taken[restored] = photo
        if restored.resolve() == photo.resolve():
            raise IcdpmError(f"{photo} would be replaced by its restoration; choose another --output")
        if restored.exists() and not overwrite:
            raise IcdpmError(f"{restored} is there already; choose another --output or add --overwrite")
    return jobs


def restore_files(system, jobs, *, steps, max_noise_variance, samples, seed):
    """Restores files with a progress bar over photos and steps. A photo that fails does not stop the rest.

    Args:
      system, steps, max_noise_variance, samples, seed: see `restore`.
      jobs: of `plan_outputs`.

    Returns:
      One sentence for each photo that failed.
    """
    failures = []
    interval = 0.1 if sys.stderr.isatty() else 30.0
    for number, (photo, restored) in enumerate(jobs, 1):
        with tqdm.tqdm(total=steps * samples, unit="step", mininterval=interval, dynamic_ncols=True) as bar:
            bar.set_description(f"{number}/{len(jobs)} {photo.name}")
            try:
                image = restore(
                    system,
                    read_picture(photo),
                    steps=steps,
                    max_noise_variance=max_noise_variance,
                    samples=samples,
                    seed=seed,
                    on_step=bar.update,
                )
                write_picture(restored, image)
            except IcdpmError as error:
                failures.append(str(error))
    return failures

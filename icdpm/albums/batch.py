"""Restores many photos with a model of this machine."""

import tensorflow as tf

from icdpm.albums.interrupts import held_interrupts
from icdpm.albums.work import work_through
from icdpm.errors import IcdpmError
from icdpm.restoration.restore import restore


def restore_jobs(system, jobs, settings, *, match_color=False, verbose=False, **options):
    """Restores photos with a progress bar over photos, steps and tiles. A photo that fails does not stop the rest.

    Ctrl-C ends it after the step at hand, and leaves whole photos only.

    Args:
      system, settings, **options: see `restore`; the jobs say whether samples are kept and their spread is wanted.
      jobs: of `plan_jobs`.
      match_color, verbose: see `icdpm.albums.work.work_through`.

    Returns:
      (sentences that tell what of photos was not kept and how others are to be read, one sentence for each photo that
      failed).
    """
    with held_interrupts() as check_interrupt:

        def restore_photo(photo, job, on_step):
            try:
                return restore(
                    system,
                    photo.pixels,
                    settings,
                    keep_samples=bool(job.beside.samples),
                    spread=job.beside.spread is not None,
                    on_step=on_step,
                    **options,
                )
            except IcdpmError as error:
                raise IcdpmError(f"{job.name}: {error}") from error
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError from error

        return work_through(
            jobs,
            restore_photo,
            steps=settings.evaluations,
            unit="step",
            check=check_interrupt,
            match_color=match_color,
            verbose=verbose,
        )

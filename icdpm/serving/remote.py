"""Restores many photos by a server. Nothing here needs TensorFlow."""

from icdpm.batch.restoring import work_through
from icdpm.restoration.result import Restored


def restore_jobs_remotely(server, jobs, **options):
    """Restores photos as `icdpm.batch.restoring.restore_album` does, by an `icdpm.serving.client.Server`.

    Only pixels go to the server and come back: alpha, EXIF and colour profile stay here and are put together with them.

    Args:
      server: the Server.
      jobs: of `plan_jobs`, without samples and spread.
      **options: match_color and verbose of `icdpm.batch.restoring.work_through`.

    Returns:
      As `restore_album`.
    """

    def restore_photo(photo, job, _):
        return Restored(server.restore(photo.pixels, job.name))

    # What is waited for is an answer.
    return work_through(jobs, restore_photo, at_once=True, **options)

"""NIQE's pristine model from one's own sharp photos."""

from icdpm.batch.selection import select_photos
from icdpm.errors import IcdpmError
from icdpm.evaluation.pictures import FilePicture
from icdpm.metrics.pristine_model import fit_pristine_model, save_pristine_model
from icdpm.progress import progress_bar


def fit_niqe(folder, output):
    """Fits a pristine model to all photos in a folder and the folders in it, and writes it (.npz).

    Returns:
      The number of photos.

    Raises:
      IcdpmError: no photos, one that cannot be read, or too little texture in them.
    """
    photos = select_photos([str(folder)]).photos
    with progress_bar("fitting", len(photos), "photo") as bar:

        def pictures():
            for photo in photos:
                yield FilePicture(photo.source).read()
                bar.update()

        try:
            model = fit_pristine_model(pictures())
        except IcdpmError:
            raise
        except ValueError as error:
            raise IcdpmError(f"{folder}: {error}") from error
    save_pristine_model(output, model)
    return len(photos)

import numpy as np
import pytest
from scipy.io import savemat

from icdpm.errors import IcdpmError
from icdpm.metrics.luma import matlab_gray
from icdpm.metrics.natural_scenes import block_features
from icdpm.metrics.pristine_model import PristineModel, fit_pristine_model, load_pristine_model, save_pristine_model


@pytest.fixture(scope="module")
def photos():
    return [np.random.RandomState(seed).randint(0, 256, (300, 200, 3)).astype(np.uint8) for seed in range(7)]


def test_fits_the_sharp_blocks(photos):
    duller = np.concatenate([photos[0], photos[0] // 4 + 96])  # six sharp blocks above six that are not
    model = fit_pristine_model([duller, *photos[1:], photos[0][:95]])
    features = np.concatenate([block_features(matlab_gray(photo))[0] for photo in photos])
    np.testing.assert_allclose(model.mean, features.mean(axis=0), rtol=1e-2)
    # The block in which both meet is the only difference.
    without = fit_pristine_model(photos)
    np.testing.assert_allclose(without.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(without.covariance, np.cov(features, rowvar=False), rtol=1e-12)


def test_too_few_sharp_blocks_are_told(photos):
    with pytest.raises(ValueError, match="needs 37 sharp blocks of 96×96 or more.*; 6 photos of that size gave 36"):
        fit_pristine_model(photos[:6])


def test_saved_and_loaded(tmp_path):
    model = PristineModel(np.arange(36.0), np.eye(36))
    save_pristine_model(tmp_path / "deep" / "model.npz", model)
    savemat(tmp_path / "model.mat", {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance})
    for path in (tmp_path / "deep" / "model.npz", tmp_path / "model.mat"):
        loaded = load_pristine_model(path)
        np.testing.assert_array_equal(loaded.mean, model.mean)
        np.testing.assert_array_equal(loaded.covariance, model.covariance)


def test_what_is_not_a_model_is_told(tmp_path):
    (tmp_path / "text.npz").write_text("not a model")
    (tmp_path / "text.mat").write_text("not a model")
    np.savez(tmp_path / "other.npz", weights=np.eye(3))
    np.savez(tmp_path / "small.npz", mu_pris_param=np.zeros(35), cov_pris_param=np.eye(35))
    np.savez(tmp_path / "nan.npz", mu_pris_param=np.full(36, np.nan), cov_pris_param=np.eye(36))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(IcdpmError, match=f"{path.name}: it is not a pristine model of NIQE"):
            load_pristine_model(path)
    with pytest.raises(FileNotFoundError):
        load_pristine_model(tmp_path / "missing.npz")

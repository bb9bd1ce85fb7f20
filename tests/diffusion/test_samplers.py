"""Samplers against closed forms, on data with a known optimal denoiser and probability flow."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import tensorflow as tf

from icdpm.diffusion import SAMPLERS
from icdpm.diffusion.samplers import SamplingSchedule, ancestral, ddim, make_sampling_schedule
from icdpm.diffusion.sampling_loops import run_sampling_loop
from icdpm.diffusion.schedules import linear_beta, log_snr
from icdpm.errors import IcdpmError

MEAN, STD = 0.3, 0.4
STOCHASTIC = [("ancestral", 0.0), ("ddim", 0.5), ("dpmpp_2m_sde", 0.0)]  # sampler, η


class Mixture:
    """Gaussian mixture x ~ Σ w·N(m, s²) in one dimension, float64."""

    def __init__(self, weights, means, stds):
        self.weights, self.means, self.stds = (np.array(values, np.float64) for values in (weights, means, stds))

    def noisy(self, gamma):
        """Returns means and standard deviations of the components of x_γ."""
        return np.sqrt(gamma) * self.means, np.sqrt(gamma * self.stds**2 + 1.0 - gamma)

    def denoise(self, x, gamma):
        """Returns E[x | x_γ]: the posterior means of the components, weighted by their probabilities."""
        gamma = float(gamma)
        means, stds = self.noisy(gamma)
        scaled = (x[:, None] - means) / stds
        exponents = np.log(self.weights / stds) - scaled**2 / 2
        share = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        component = self.means + np.sqrt(gamma) * self.stds**2 / stds * scaled
        return (share * component).sum(axis=1) / share.sum(axis=1)

    def below(self, x, gamma):
        """Returns P(x_γ < x)."""
        means, stds = self.noisy(gamma)
        return (self.weights * scipy.stats.norm.cdf((np.asarray(x)[..., None] - means) / stds)).sum(axis=-1)

    def flow(self, x, gamma, after):
        """Transports x from γ to `after` by the probability flow, which keeps P(x_γ < x) in one dimension."""
        probabilities = self.below(x, gamma)
        return np.array(
            [scipy.optimize.brentq(lambda y, p=p: self.below(y, after) - p, -9, 9, xtol=1e-15) for p in probabilities]
        )

    def sample(self, count, rng):
        component = rng.choice(len(self.weights), count, p=self.weights)
        return self.means[component] + self.stds[component] * rng.standard_normal(count)


GAUSSIAN = Mixture([1.0], [MEAN], [STD])
TWO = Mixture([0.3, 0.7], [-0.5, 0.4], [0.15, 0.1])


def numpy_noise(count, seed=0):
    return lambda step: np.random.default_rng([seed, step]).standard_normal(count)


def samples_of(data, schedule, count, seed=0):
    noise = numpy_noise(count, seed)
    return run_sampling_loop(data.denoise, noise(schedule.steps), noise, schedule)


def exact_moments(schedule):
    """Returns mean and variance of samples for N(MEAN, STD²): every step is affine in (x_t, x̂_{t+1}, 1)."""
    gammas, weights = (np.asarray(part) for part in schedule)
    mean, covariance = np.array([0.0, 0.0]), np.diag([1.0, 0.0])
    for t in range(schedule.steps, 0, -1):
        on_x, on_image, on_previous, on_noise = weights[t - 1]
        slope = np.sqrt(gammas[t]) * STD**2 / (gammas[t] * STD**2 + 1.0 - gammas[t])
        offset = (1.0 - slope * np.sqrt(gammas[t])) * MEAN
        step = np.array([[on_x + on_image * slope, on_previous], [slope, 0.0]])
        mean = step @ mean + np.array([on_image, 1.0]) * offset
        covariance = step @ covariance @ step.T + np.diag([on_noise**2, 0.0])
    return mean[0], covariance[0, 0]


def limit_moments(gamma):
    """Returns mean and variance of E[x | x_γ], the result of every sampler's last step, for x ~ N(MEAN, STD²)."""
    return MEAN, gamma * STD**4 / (gamma * STD**2 + 1.0 - gamma)


def order(steps, errors):
    """Returns p of the fit error = const·T^−p."""
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


# Weights.


def test_posterior_step_is_bayes_rule():
    """q(x_{t−1} | x_t, x) is the product of the two Gaussians q(x_t | x_{t−1}) and q(x_{t−1} | x)."""
    x_t, x, gamma, after = 0.7, -0.2, 0.3, 0.55
    alpha = gamma / after
    precision = alpha / (1 - alpha) + 1 / (1 - after)
    mean = (np.sqrt(alpha) * x_t / (1 - alpha) + np.sqrt(after) * x / (1 - after)) / precision
    on_x, on_image, _, on_noise = ancestral(tf.constant([1.0, after, gamma], tf.float64))[1].numpy()
    np.testing.assert_allclose(on_x * x_t + on_image * x, mean, rtol=1e-12)
    np.testing.assert_allclose(on_noise, 1 / np.sqrt(precision), rtol=1e-12)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("schedule", ["linear_beta", "log_snr"])
def test_last_step_gives_the_denoised_image(sampler, schedule):
    for steps in (1, 2, 3, 10):
        np.testing.assert_array_equal(make_sampling_schedule(sampler, steps, 0.9, schedule).weights[0], [0, 1, 0, 0])


def test_a_schedule_that_leaves_no_signal_is_refused():
    assert np.isfinite(make_sampling_schedule("ancestral", 1000, 0.5).weights).all()
    with pytest.raises(IcdpmError, match="must be smaller for the schedule linear_beta, .* Received: 2500 and 0.5."):
        make_sampling_schedule("ancestral", 2500, 0.5)


@pytest.mark.parametrize("gammas", [linear_beta(500, 0.05), log_snr(10, 0.99)])
def test_ddim_with_all_noise_is_ancestral(gammas):
    np.testing.assert_allclose(ddim(gammas, 1.0), ancestral(gammas), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_step_leads_to_the_next_level(sampler):
    """From x_t = √γ_t·x + √(1−γ_t)·ε and x̂ = x a step returns mean √γ_{t−1}·x and variance 1 − γ_{t−1}."""
    for eta in (0.0, 0.4) if sampler == "ddim" else (0.0,):
        schedule = make_sampling_schedule(sampler, 12, 0.99, "log_snr", eta)
        gammas = schedule.gammas.numpy()
        on_x, on_image, on_previous, on_noise = schedule.weights.numpy().T
        np.testing.assert_allclose(on_x * np.sqrt(gammas[1:]) + on_image + on_previous, np.sqrt(gammas[:-1]), atol=1e-12)
        np.testing.assert_allclose(on_x**2 * (1 - gammas[1:]) + on_noise**2, 1 - gammas[:-1], atol=1e-12)


@pytest.mark.parametrize("multistep, first_order", [("dpmpp_2m", "ddim"), ("dpmpp_2m_sde", "ancestral")])
def test_the_first_and_last_steps_do_not_extrapolate(multistep, first_order):
    for steps in (1, 2):
        many, one = (make_sampling_schedule(name, steps, 0.9, "log_snr").weights for name in (multistep, first_order))
        np.testing.assert_array_equal(many, one)
    extrapolating = make_sampling_schedule(multistep, 5, 0.9, "log_snr").weights[:, 2].numpy()
    assert (extrapolating != 0).tolist() == [False, True, True, True, False]


# Deterministic samplers.


@pytest.mark.parametrize("data", [GAUSSIAN, TWO], ids=["gaussian", "mixture"])
@pytest.mark.parametrize("sampler, expected", [("ddim", 1), ("dpmpp_2m", 2)])
def test_order_of_convergence_to_the_probability_flow(data, sampler, expected):
    steps = [40, 80, 160, 320]
    start = np.linspace(-2, 2, 21)
    errors = []
    for count in steps:
        schedule = make_sampling_schedule(sampler, count, 0.99, "log_snr")
        first, last = float(schedule.gammas[-1]), float(schedule.gammas[1])
        exact = data.denoise(data.flow(start, first, last), last)
        errors.append(np.sqrt(np.mean((run_sampling_loop(data.denoise, start, None, schedule) - exact) ** 2)))
    assert order(steps, errors) == pytest.approx(expected, abs=0.05)
    assert errors[-1] < (5e-3 if expected == 1 else 5e-5)


def test_second_order_is_more_accurate_with_few_steps():
    start = np.linspace(-2, 2, 21)
    schedules = [make_sampling_schedule(sampler, 10, 0.99, "log_snr") for sampler in ("ddim", "dpmpp_2m")]
    exact = TWO.denoise(TWO.flow(start, float(schedules[0].gammas[-1]), float(schedules[0].gammas[1])), schedules[0].gammas[1])
    first, second = (np.abs(run_sampling_loop(TWO.denoise, start, None, schedule) - exact).mean() for schedule in schedules)
    assert second < first / 2


# Samplers with noise.


@pytest.mark.parametrize("sampler, eta", STOCHASTIC)
@pytest.mark.parametrize("schedule, steps, start", [("linear_beta", 20, 0.5), ("log_snr", 8, 0.99)])
def test_samples_have_the_exact_mean_and_variance(sampler, eta, schedule, steps, start):
    count = 400_000
    schedule = make_sampling_schedule(sampler, steps, start, schedule, eta)
    samples = samples_of(GAUSSIAN, schedule, count)
    mean, variance = exact_moments(schedule)
    np.testing.assert_allclose(samples.mean(), mean, atol=5 * np.sqrt(variance / count))
    np.testing.assert_allclose(samples.var(), variance, rtol=5 * np.sqrt(2 / count))


def variance_errors(sampler, eta, steps):
    errors = []
    for count in steps:
        schedule = make_sampling_schedule(sampler, count, 0.9999, "log_snr", eta)
        errors.append(abs(exact_moments(schedule)[1] - limit_moments(float(schedule.gammas[1]))[1]))
    return errors


@pytest.mark.parametrize("sampler, eta, expected", [("ancestral", 0.0, 1), ("ddim", 0.5, 1), ("dpmpp_2m_sde", 0.0, 2)])
def test_order_of_convergence_of_the_moments(sampler, eta, expected):
    steps = [100, 200, 400, 800]
    mean, variance = exact_moments(make_sampling_schedule(sampler, steps[-1], 0.9999, "log_snr", eta))
    assert mean == pytest.approx(MEAN, abs=0.01) and variance == pytest.approx(STD**2, abs=0.005)
    assert order(steps, variance_errors(sampler, eta, steps)) == pytest.approx(expected, abs=0.05)


def test_the_paper_schedule_converges_too():
    errors = []
    for steps, max_noise_variance in [(50, 0.2), (100, 0.1), (1000, 0.01)]:
        mean, variance = exact_moments(make_sampling_schedule("ancestral", steps, max_noise_variance))
        errors.append(abs(variance - STD**2))
        assert abs(mean - MEAN) < 0.01
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.003


@pytest.mark.slow
@pytest.mark.parametrize("sampler, eta", STOCHASTIC)
def test_samples_follow_the_mixture(sampler, eta):
    count = 50_000
    samples = samples_of(TWO, make_sampling_schedule(sampler, 120, 0.9999, "log_snr", eta), count)
    data = TWO.sample(count, np.random.default_rng(9))
    for moment in (1, 2, 3):
        assert np.mean(samples**moment) == pytest.approx(np.mean(data**moment), abs=0.008)
    assert np.mean(samples < 0) == pytest.approx(0.3, abs=0.01)


# All samplers.


@pytest.mark.parametrize(
    "sampler, eta, total",
    [
        ("ancestral", 0.0, 8.271185065928),
        ("ddim", 0.0, 10.411336853160),
        ("ddim", 0.5, 10.043691866500),
        ("dpmpp_2m", 0.0, 11.180819551230),
        ("dpmpp_2m_sde", 0.0, 8.940239551302),
    ],
)
def test_pinned_sums(sampler, eta, total):
    """The sums are those of a separate loop in the papers' notation: α, σ, h and r."""
    noise = lambda step: np.cos(np.arange(1, 9) * (step + 1.0))  # noqa: E731
    x = run_sampling_loop(TWO.denoise, np.linspace(-2, 2, 8), noise, make_sampling_schedule(sampler, 7, 0.99, "log_snr", eta))
    assert (x * np.arange(1, 9)).sum() == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sample_is_a_function_of_its_arguments_in_their_precision(sampler):
    schedule = make_sampling_schedule(sampler, 6, 0.99, "log_snr")
    samples = {}
    for dtype in (tf.float64, tf.float32):
        noise = lambda step, dtype=dtype: tf.constant(numpy_noise(50)(step), dtype)  # noqa: E731
        denoise = lambda x, gamma, dtype=dtype: tf.constant(TWO.denoise(x.numpy(), gamma), dtype)  # noqa: E731
        first, again = (run_sampling_loop(denoise, noise(schedule.steps), noise, schedule) for _ in range(2))
        assert first.dtype == dtype
        np.testing.assert_array_equal(first, again)
        samples[dtype] = first.numpy()
    np.testing.assert_allclose(samples[tf.float64], samples_of(TWO, schedule, 50), rtol=1e-13)
    np.testing.assert_allclose(samples[tf.float32], samples[tf.float64], atol=1e-5)


def test_noise_is_computed_only_where_it_is_added():
    for sampler, expected in [("ddim", []), ("dpmpp_2m", []), ("ancestral", [4, 3, 2, 1]), ("dpmpp_2m_sde", [4, 3, 2, 1])]:
        steps = []
        noise = lambda step, steps=steps: steps.append(step) or 0.0  # noqa: E731
        run_sampling_loop(GAUSSIAN.denoise, np.zeros(1), noise, make_sampling_schedule(sampler, 5, 0.9, "log_snr"))
        assert steps == expected


def test_the_denoiser_is_evaluated_once_a_step():
    calls = []
    schedule = make_sampling_schedule("dpmpp_2m", 9, 0.9, "log_snr")
    run_sampling_loop(lambda x, gamma: calls.append(float(gamma)) or x, np.zeros(1), None, schedule)
    np.testing.assert_array_equal(calls, schedule.gammas[:0:-1])
    assert isinstance(schedule, SamplingSchedule) and schedule.steps == 9

"""Installs icdpm, icdpm_datasets (from datasets/) and icdpm_experiments (from experiments/)."""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

# `python_requires` states the same, but pip of Python 3.8 first searches for TensorFlow and only reports that it is missing.
if not (3, 9) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"icdpm needs Python 3.9 to 3.13. This is Python {sys.version.split()[0]}.")

ROOT = Path(__file__).parent

# {importable name: folder}. Other distributions install packages named `datasets` and `experiments`.
PACKAGE_DIR = {"icdpm": "icdpm", "icdpm_datasets": "datasets", "icdpm_experiments": "experiments"}

# The last release of tensorflow-addons supports TensorFlow 2.13 to 2.15, which support Python up to 3.11.
OLD, NEW = "; python_version < '3.12'", "; python_version >= '3.12'"

REQUIREMENTS = [
    "tensorflow==2.15.1" + OLD,
    "tensorflow-addons==0.23.0" + OLD,
    "tensorflow>=2.20,<2.22" + NEW,
    "keras>=3.10,<4" + NEW,
    # TensorFlow 2.21 no longer depends on it.
    "tensorboard>=2.20" + NEW,
    # 4.9.3 is the last release for Python 3.9.
    "tensorflow-datasets==4.9.10; python_version >= '3.10'",
    "tensorflow-datasets==4.9.3; python_version < '3.10'",
    # pip also accepts later releases with TensorFlow 2.15, but then tensorflow-datasets cannot be imported.
    "tensorflow-metadata<1.18" + OLD,
    "numpy>=1.26,<2" + OLD,
    "absl-py",
    "ml_collections",
    "pillow>=10.3",
    "scikit-image",
    # Reads and writes PNG with 16 bits per channel, of which Pillow keeps 8; decodes compressed TIFF for tifffile.
    "imagecodecs",
    # Reads TIFF with 16 bits per channel; also a dependency of scikit-image.
    "tifffile",
    "tqdm",
    # Messages of warm-up requests in exported models; 26 kB, without further dependencies.
    "tensorflow-serving-api==2.15.1" + OLD,
    "tensorflow-serving-api>=2.20,<2.22" + NEW,
]

# Later releases need NumPy 2.
ALIGN = ["opencv-python-headless==4.11.0.86" + OLD, "opencv-python-headless>=4.12,<5" + NEW]
# 3.9.4 is the last release for Python 3.9.
PLOTS = ["matplotlib==3.9.4" + OLD, "matplotlib>=3.10,<4" + NEW]

REPORT = "markdown>=3.4,<4"

SERVE = "gradio==6.31.0; python_version >= '3.10'"

BUCKETS = ["tensorflow-io==0.36.0" + OLD, "tensorflow-io-gcs-filesystem==0.36.0" + OLD]

# Parses docstrings.
GRIFFE = "griffe>=1.14,<3"

# Server with S3's protocol, for tests.
S3_SERVER = [f"{name}{OLD} and python_version >= '3.10'" for name in ("moto[s3]>=5.1,<6", "flask", "flask-cors")]

EXTRAS = {
    # File systems that TensorFlow does not include, such as s3://. The last release is for TensorFlow 2.15.
    "buckets": BUCKETS,
    # HEIC photos of phones.
    "heic": ["pillow-heif>=0.18"],
    # `icdpm-evaluate --align=ecc`.
    "align": ALIGN,
    # dill and importlib_resources are undeclared dependencies of tfds.testing; selenium opens pages in a browser;
    # kubernetes-validate contains the schemas of the Kubernetes API.
    "test": [
        *("pytest", "pytest-xdist", "dill", "importlib_resources", "selenium", "kubernetes-validate", GRIFFE),
        *(*ALIGN, *PLOTS, REPORT, *BUCKETS, *S3_SERVER),
    ],
    "lint": ["ruff==0.17.5", "mypy==1.18.2"],
    # API reference of `make docs`.
    "docs": ["pdoc==15.0.4", GRIFFE],
    # Plots of the experiments.
    "plots": PLOTS,
    # `make report` converts results/*.md to HTML.
    "report": [REPORT],
    # Web page of `icdpm-serve`. The last Gradio for Python 3.9 does not work with current releases of its dependencies.
    "serve": [SERVE],
    # Reference implementations of `make bench-input` and `make bench-hidiff-speed`.
    "bench": ["torch==2.13.0; python_version >= '3.10'", "einops==0.8.2", *BUCKETS],
}


def version():
    """Reads the version from the text of icdpm/__init__.py, which cannot be imported before TensorFlow is installed."""
    return re.search(r'^__version__ = "(.+)"$', (ROOT / "icdpm/__init__.py").read_text(), re.MULTILINE)[1]


def packages():
    """Returns the importable names of all packages in the three folders."""
    found = []
    for name, folder in PACKAGE_DIR.items():
        found += [name] + [f"{name}.{package}" for package in find_packages(str(ROOT / folder))]
    return found


setup(
    name="icdpm",
    version=version(),
    description="Image deblurring with guided, image-conditioned diffusion models",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    python_requires=">=3.9,<3.14",
    package_dir=PACKAGE_DIR,
    packages=packages(),
    # Type hints marker, files of TFDS builders, templates of pages, the packaged model.
    package_data={
        "": ["py.typed", "README.md", "CITATIONS.bib", "*.tsv", "*.html"],
        "icdpm.pretrained": ["small_naf/*", "small_naf/checkpoints/*/*"],
    },
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "icdpm-train = icdpm.commands.train:run",
            "icdpm-deblur = icdpm.commands.deblur:run",
            "icdpm-evaluate = icdpm.commands.evaluate:run",
            "icdpm-export = icdpm.commands.export:run",
            "icdpm-serve = icdpm.commands.serve:run",
            "icdpm-prepare = icdpm.commands.prepare:run",
        ]
    },
)

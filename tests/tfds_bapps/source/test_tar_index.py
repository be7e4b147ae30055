import io
import random
import tarfile

import pytest

from tests.support.fake_bapps import write_tar
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.source.tar_index import read_members

FILES = {f"folder/{i}.bin": bytes([i]) * (i * 200 + 1) for i in range(9)}


def members(path):
    with path.open("rb") as file:
        return list(read_members(file, "the.tar"))


def test_the_bytes_of_every_member_are_found(tmp_path):
    path = write_tar(tmp_path / "a.tar", FILES)
    whole = path.read_bytes()
    found = {m.path: whole[m.offset : m.offset + m.size] for m in members(path)}
    assert found == FILES


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_longer_than_a_header_are_read(tmp_path, form):
    name = "x" * 300 + "/ünï.png"
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=form) as tar:
        info = tarfile.TarInfo(name)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    (member,) = members(path)
    assert member.path == name
    assert path.read_bytes()[member.offset :][:3] == b"abc"


@pytest.mark.parametrize("cut", [1, 100, 512, 700, 1024, 5000, 8191])
def test_an_archive_that_is_cut_off_is_rejected(tmp_path, cut):
    path = write_tar(tmp_path / "a.tar", FILES)
    # What counts is the end of the last member; padding follows it.
    end = members(path)[-1].offset + 2048
    path.write_bytes(path.read_bytes()[: end - cut])
    with pytest.raises(PreparationError, match=r"the\.tar is"):
        members(path)


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", FILES)
    data = bytearray(path.read_bytes())
    header = members(path)[4].offset - 512
    data[header : header + 100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(PreparationError, match=f"tar header at byte {header}"):
        members(path)


@pytest.mark.parametrize("data", [b"", b"not a tar" * 200, b"\0" * 100])
def test_a_file_of_another_kind_is_rejected(tmp_path, data):
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    with pytest.raises(PreparationError, match=r"the\.tar is"):
        members(path)


def test_names_that_lead_out_and_links_are_errors(tmp_path):
    bad = {"../up.png": b"1", "/etc/x.png": b"2", "a/../../b.png": b"3"}
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard = tarfile.TarInfo("hard.png")
    hard.type, hard.linkname = tarfile.LNKTYPE, "folder/0.bin"
    pipe = tarfile.TarInfo("pipe.png")
    pipe.type = tarfile.FIFOTYPE
    path = write_tar(tmp_path / "a.tar", bad, [link, hard, pipe])
    errors = {member.path: member.error for member in members(path)}
    assert errors == {
        "../up.png": "has a name that leads out of the archive",
        "/etc/x.png": "has a name that leads out of the archive",
        "a/../../b.png": "has a name that leads out of the archive",
        "link.png": "is a link to '/etc/passwd', not a file",
        "hard.png": "is a link to 'folder/0.bin', not a file",
        "pipe.png": "is not a regular file",
    }


def test_folders_are_no_members(tmp_path):
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    path = write_tar(tmp_path / "a.tar", {"folder/x": b"1"}, [folder])
    assert [member.path for member in members(path)] == ["folder/x"]


def header(name, size=0, kind=tarfile.REGTYPE):
    """A header whose size field is free: `TarInfo` refuses such sizes."""
    info = tarfile.TarInfo(name)
    info.type = kind
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % tarfile.calc_chksums(data)[0]
    return bytes(data)


def pax(**records):
    """An extended header with records for the member that follows."""
    return tarfile.TarInfo._create_pax_generic_header(
        records, tarfile.XHDTYPE, "utf-8"
    )


FIRST = header("first.bin", 3) + b"abc".ljust(512, b"\0")
END = bytes(1024)


@pytest.mark.parametrize(
    "data",
    [
        FIRST + header("x.bin", -512) + END,
        FIRST + header("x.bin", -(2**70)) + END,
        FIRST + header("x.bin", 2**80) + END,
        FIRST + pax(size="-5120") + header("x.bin") + END,
        FIRST + pax(size=str(2**80)) + header("x.bin") + END,
        FIRST + header("x.bin", -1024, tarfile.XHDTYPE) + header("y.bin") + END,
        FIRST + header("x.bin", 2**40, tarfile.GNUTYPE_LONGNAME) + END,
        FIRST + pax(**{"GNU.sparse.map": "0,x"}) + header("x.bin") + END,
        FIRST
        + pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
        + header("x.bin", 512)
        + b"nonsense".ljust(512, b"\0")
        + END,
    ],
)
def test_damaged_sizes_are_rejected(tmp_path, data):
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    with pytest.raises(PreparationError, match=r"the\.tar is"):
        members(path)


def test_a_name_that_is_not_utf8_is_an_error(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(FIRST + header("x\udcff.bin") + END)
    first, second = members(path)
    assert (first.path, first.error) == ("first.bin", None)
    assert second.error == "has a name that is not UTF-8"


def test_random_damage_ends_in_members_or_one_error(tmp_path):
    path = write_tar(tmp_path / "a.tar", dict(list(FILES.items())[:3]))
    whole = path.read_bytes()
    rng = random.Random(0)
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            # Most of a header's fields lie in its first 160 bytes.
            block = 512 * rng.randrange(len(data) // 512)
            data[block + rng.randrange(160)] = rng.randrange(256)
            total = tarfile.calc_chksums(data[block : block + 512])[0]
            data[block + 148 : block + 156] = b"%06o\0 " % total
        path.write_bytes(data)
        try:
            found = members(path)
        except PreparationError:
            continue
        assert all(member.size >= 0 for member in found)

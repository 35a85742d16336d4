import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from parakeet_cli.errors import (
    DiskFull,
    ModelCorrupt,
    ModelError,
    ModelNotFound,
    ModelUnsupported,
    ModelUntrusted,
    OutputUnwritable,
)
from parakeet_cli.transcription.checkpoints import preflight
from parakeet_cli.transcription.checkpoints.preflight import CONFIG, WEIGHTS, extract, inspect

DEMO = Path(__file__).parents[3] / "models" / "parakeet-tdt-demo.nemo"
SOUND = {
    "target": "nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel",
    "encoder": {"_target_": "nemo.collections.asr.modules.ConformerEncoder", "d_model": 96},
    "tokenizer": {"dir": None, "model_path": "nemo:vocab.txt"},
}


def regular(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def pack(path: Path, *more: tuple[tarfile.TarInfo, bytes], config: object = SOUND, dots: str = "./") -> Path:
    """A checkpoint as NeMo packs it, and then ``more``."""
    text = config if isinstance(config, bytes) else yaml.safe_dump(config).encode()
    parts = [regular(dots + CONFIG, text), regular(dots + WEIGHTS, b"w" * 5_000), regular(dots + "vocab.txt")]
    with tarfile.open(path, "w") as archive:
        for member, content in [special("./", tarfile.DIRTYPE), *parts, *more]:
            archive.addfile(member, io.BytesIO(content))
    return path


def test_the_demo_checkpoint_passes_and_is_described() -> None:
    archive = inspect(DEMO)
    assert {CONFIG, WEIGHTS} < {member.name for member in archive.members}
    assert archive.config["encoder"]["d_model"] == 96
    assert archive.size < DEMO.stat().st_size


@pytest.mark.parametrize("dots", ["./", ""])
def test_names_with_and_without_a_leading_dot_are_the_same(dots: str, tmp_path: Path) -> None:
    archive = inspect(pack(tmp_path / "m.nemo", dots=dots))
    assert [member.name for member in archive.members] == [CONFIG, WEIGHTS, "vocab.txt"]


HOSTILE = {
    "leaves the folder": regular("../evil.txt"),
    "leaves the folder later": regular("a/../../evil.txt"),
    "is absolute": regular("/etc/cron.d/evil"),
    "has a backslash": regular("..\\evil.txt"),
    "has a line break": regular("a\nb"),
    "is a symbolic link": special("./link", tarfile.SYMTYPE, "/etc/passwd"),
    "is a hard link": special("./link", tarfile.LNKTYPE, "model_weights.ckpt"),
    "is a pipe": special("./pipe", tarfile.FIFOTYPE),
    "is a device": special("./device", tarfile.CHRTYPE),
    "is the folder itself": regular("."),
    "is a second file of weights": regular("model_weights.ckpt", b"other"),
    "is a second configuration": regular("./model_config.yaml", b"a: 1"),
    "differs from another in case only": regular("./VOCAB.TXT"),
}


@pytest.mark.parametrize("member", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_archive_is_refused_if_a_member(member: tuple[tarfile.TarInfo, bytes], tmp_path: Path) -> None:
    path = pack(tmp_path / "m.nemo", member)
    for trust in (False, True):
        with pytest.raises(ModelCorrupt, match="do not use it"):
            inspect(path, trust=trust)
    assert [file.name for file in tmp_path.iterdir()] == ["m.nemo"]


def test_a_hundred_members_are_too_many(tmp_path: Path) -> None:
    with pytest.raises(ModelCorrupt, match="more than 64 members"):
        inspect(pack(tmp_path / "m.nemo", *(regular(f"./{number}") for number in range(100))))


def test_an_extended_header_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    header = special("./huge", tarfile.XHDTYPE)[0]
    header.size = 50_000_000
    with pytest.raises(ModelCorrupt, match="a header of 50000"):
        inspect(pack(tmp_path / "m.nemo", (header, bytes(header.size))))


def without_weights(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member, text = regular(CONFIG, b"a: 1")
        archive.addfile(member, io.BytesIO(text))


def gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(pack(path).read_bytes()))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "is empty"),
    "a web page": (lambda path: path.write_text("\n<!doctype html><html>"), "is a web page"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "random bytes": (lambda path: path.write_bytes(bytes(range(256)) * 9), "no whole .nemo archive"),
    "zeros": (lambda path: path.write_bytes(bytes(4_096)), "holds no model_config.yaml"),
    "cut in a header": (lambda path: path.write_bytes(pack(path).read_bytes()[:700]), "is damaged at byte 512"),
    "cut in its weights": (lambda path: path.write_bytes(pack(path).read_bytes()[:4_000]), "has 4000 of at least"),
    "damaged in a header": (
        lambda path: path.write_bytes((text := pack(path).read_bytes())[:512] + b"?" * 512 + text[1_024:]),
        "is damaged at byte 512",
    ),
    "without weights": (without_weights, "holds no model_weights.ckpt"),
    "packed with gzip": (gzipped, "is packed with gzip"),
    "a folder": (Path.mkdir, "not a regular file"),
    "a pipe": (os.mkfifo, "not a regular file"),
}


@pytest.mark.parametrize(("make", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_is_no_checkpoint_if_it_is(make: Callable[[Path], object], sentence: str, tmp_path: Path) -> None:
    make(tmp_path / "m.nemo")
    with pytest.raises(ModelCorrupt, match=sentence):
        inspect(tmp_path / "m.nemo")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        inspect(tmp_path / "none.nemo")


def test_distributed_weights_are_not_supported(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.nemo", "w") as archive:
        for member, content in (regular(CONFIG, b"a: 1"), regular("model_weights/common.pt")):
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(ModelUnsupported, match="distributed"):
        inspect(tmp_path / "m.nemo")


def test_gzip_is_read_where_it_is_allowed_but_a_bomb_is_not(tmp_path: Path) -> None:
    path = tmp_path / "m.nemo"
    sound = pack(path, regular("./noise", os.urandom(20_000))).read_bytes()
    path.write_bytes(gzip.compress(sound))
    extract(inspect(path, allow_legacy=True), tmp_path / "out")
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == b"w" * 5_000
    path.write_bytes(gzip.compress(pack(path, regular("./bomb", bytes(20_000_000))).read_bytes()))
    with pytest.raises(ModelCorrupt, match="bytes or more where"):
        inspect(path, allow_legacy=True)
    path.write_bytes(gzip.compress(sound)[:8_000])
    with pytest.raises(ModelCorrupt, match=r"no whole .nemo archive"):
        inspect(path, allow_legacy=True)


FOREIGN = {
    "a function of the system": {"encoder": {"_target_": "os.system", "command": "id"}},
    "the same by NeMo's old key": {"preprocessor": {"cls": "os.system", "params": {}}},
    "the same for the model": {"target": "subprocess.Popen"},
    "the same in a list": {"callbacks": [{"a": [{"_target_": "builtins.eval"}]}]},
    "the same through a module": {"loss": {"_target_": "nemo.core.config.os.system"}},
    "the same through what NeMo imports": {
        "loss": {"_target_": "nemo.collections.asr.models.asr_model.torch.hub.load"}
    },
    "a class through what NeMo imports": {"loss": {"_target_": "nemo.core.classes.common.hydra.core.Plugins"}},
    "a function of NeMo": {"loss": {"_target_": "nemo.core.classes.common.import_class_by_path"}},
    "a private thing": {"loss": {"_target_": "nemo.core.classes._hidden.Run"}},
    "a name that looks alike": {"loss": {"_target_": "nemo.collections.asrx.Evil"}},
    "a name made at run time": {"loss": {"_target_": "${oc.env:EVIL}"}},
    "no name": {"loss": {"_target_": ["os", "system"]}},
    "a script from the hub": {"train_ds": {"hf_data_cfg": {"path": "evil/repo", "trust_remote_code": True}}},
}


@pytest.mark.parametrize("config", FOREIGN.values(), ids=FOREIGN.keys())
def test_trust_is_needed_where_the_configuration_asks_for(config: dict[str, object], tmp_path: Path) -> None:
    path = pack(tmp_path / "m.nemo", config=SOUND | config)
    with pytest.raises(ModelUntrusted, match=r"sha256 [0-9a-f]{64}, use --trust-model"):
        inspect(path)
    inspect(path, trust=True)


DEEP = b"a: " + b"[" * 60 + b"]" * 60
LAUGHS = b"a0: &a0 [x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 20)) for n in range(1, 7)
)
BAD_YAML = {
    "a python object": b"a: !!python/object/apply:os.system ['id']",
    "a python name": b"a: !!python/name:os.system",
    "sixty levels": DEEP,
    "a hundred thousand levels": b"[" * 100_000,
    "lists that unfold without end": LAUGHS,
    "a mapping within itself": b"a: &a {b: *a}",
    "no mapping": b"[1, 2]",
    "broken syntax": b"a: [",
    "bytes that are no text": b"a: \xff\xfe\xff",
    "a megabyte and more": b"a: " + b"x" * 2**20,
}


@pytest.mark.parametrize("text", BAD_YAML.values(), ids=BAD_YAML.keys())
def test_a_configuration_is_refused_if_it_has(text: bytes, tmp_path: Path) -> None:
    path = pack(tmp_path / "m.nemo", config=text)
    with pytest.raises(ModelCorrupt, match="do not use it"):
        inspect(path, trust=True)


def test_a_part_that_the_archive_does_not_hold_is_refused(tmp_path: Path) -> None:
    outside = SOUND | {"tokenizer": {"model_path": "nemo:../../etc/passwd"}}
    with pytest.raises(ModelCorrupt, match=r"asks for its part '../../etc/passwd'"):
        inspect(pack(tmp_path / "m.nemo", config=outside))


def test_only_what_loading_needs_stays_of_the_configuration(tmp_path: Path) -> None:
    training = {
        "train_ds": {"manifest_filepath": "nemo:gone.json"},
        "validation_ds": {"manifest_filepath": ["a"], "use_start_end_token": True},
        "test_ds": None,
        "optim": {"_target_": "torch.optim.AdamW"},
    }
    config = inspect(pack(tmp_path / "m.nemo", config=SOUND | training)).config
    assert config == SOUND | {"validation_ds": {"use_start_end_token": True}}
    nested = inspect(pack(tmp_path / "m.nemo", config={"model": SOUND | training, "name": "x"})).config
    assert nested == config


def test_omegaconf_reads_back_every_value_that_was_there(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    text = yaml.safe_dump(SOUND).encode() + b"dither: 1e-05\nlabels: ['1e5', 'n', '1_000', '', '0x1', '~', '12:30']\n"
    extract(inspect(pack(tmp_path / "m.nemo", config=text)), tmp_path / "out")
    config = OmegaConf.to_container(OmegaConf.load(tmp_path / "out" / CONFIG))
    assert isinstance(config, dict)
    assert config["dither"] == 1e-05
    assert config["labels"] == ["1e5", "n", "1_000", "", "0x1", "~", "12:30"]


def test_the_demo_checkpoint_is_unpacked_byte_for_byte(tmp_path: Path) -> None:
    archive = inspect(DEMO)
    extract(archive, tmp_path / "new" / "folder")
    with tarfile.open(DEMO) as original:
        for member in original:
            if member.isfile() and not member.name.endswith(CONFIG):
                source = original.extractfile(member)
                assert source and (tmp_path / "new" / "folder" / member.name).read_bytes() == source.read()


def test_only_the_members_asked_for_are_unpacked(tmp_path: Path) -> None:
    extract(inspect(pack(tmp_path / "m.nemo")), tmp_path / "out", only={"vocab.txt"})
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["vocab.txt"]


def test_nothing_is_unpacked_over_an_existing_file_or_through_a_link(tmp_path: Path) -> None:
    archive = inspect(pack(tmp_path / "m.nemo"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "vocab.txt").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputUnwritable):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "victim").exists()


def test_a_file_that_changed_since_its_inspection_is_not_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "m.nemo")
    archive = inspect(path)
    shutil.copy(pack(tmp_path / "other.nemo"), path)
    with pytest.raises(ModelCorrupt, match="changed while it was read"):
        extract(archive, tmp_path / "out")


def test_a_full_disk_is_found_out_before_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = inspect(pack(tmp_path / "m.nemo"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(DiskFull, match=rf"{tmp_path}/out has 0 bytes free .* with TMPDIR"):
        extract(archive, tmp_path / "out")


@pytest.mark.parametrize("limit", [2_000, 6_000])
def test_every_cut_of_an_archive_ends_in_one_of_our_errors(limit: int, tmp_path: Path) -> None:
    whole = pack(tmp_path / "m.nemo").read_bytes()
    for length in range(0, limit, 97):
        (tmp_path / "cut.nemo").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            inspect(tmp_path / "cut.nemo")


def test_members_are_counted_before_they_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "MOST_BYTES", 1_000)
    with pytest.raises(ModelCorrupt, match="bytes or more where 1000 are the most"):
        inspect(pack(tmp_path / "m.nemo"))

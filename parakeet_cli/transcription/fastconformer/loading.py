"""Weights and pieces of a checkpoint, from the ``.nemo`` or from what an earlier run converted it to."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from parakeet_cli.errors import DeviceUnavailable, ModelCorrupt
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints.preflight import NemoArchive, extract, inspect
from parakeet_cli.transcription.fastconformer import converted
from parakeet_cli.transcription.fastconformer.architecture import Architecture, describe
from parakeet_cli.transcription.fastconformer.network import Network
from parakeet_cli.transcription.fastconformer.quantized import Int8Linear, is_available, quantize
from parakeet_cli.transcription.fastconformer.weights import prepare
from parakeet_cli.transcription.pytorch.archive import damaged, read_weights
from parakeet_cli.transcription.pytorch.decoding import Jumps, unspoken
from parakeet_cli.transcription.pytorch.failures import ran_out_of_memory
from parakeet_cli.transcription.pytorch.memory import Activations
from parakeet_cli.transcription.pytorch.recognizer import Modules, piece_text
from parakeet_cli.transcription.pytorch.settling import settle
from parakeet_cli.user_folders import temporary_folder

__all__ = ["load"]

_WORTH_CONVERTING = 64 << 20
"""Bytes of weights; fewer are read at once."""

_Contents = tuple[Architecture, dict[str, Tensor], tuple[str, ...]]


def load(path: Path, settings: RecognizerSettings, device: torch.device, dtype: torch.dtype) -> Modules:
    """As ``load_modules`` of the package."""
    is_int8 = settings.dtype is Dtype.INT8
    if is_int8 and not is_available():
        raise DeviceUnavailable("This torch multiplies no int8; use --dtype auto.")
    size = 0
    with suppress(OSError):  # inspect tells what is wrong with one that is gone
        size = path.stat().st_size
    conversion = converted.place(path, dtype, is_int8=is_int8) if size > _WORTH_CONVERTING else None
    contents = converted.read(conversion) if conversion else None
    if contents is None:
        contents = _read(inspect(path, trust=settings.trust_model, allow_legacy=settings.allow_legacy), dtype, is_int8)
        if conversion and _is_still(conversion, path, dtype, is_int8):
            converted.write(conversion, *contents)
            contents = converted.read(conversion) or contents
    architecture, weights, pieces = contents
    jumps = Jumps(architecture.durations, settings.skip_confidence, unspoken(pieces, architecture.blank))
    with torch.device("meta"):
        linear = Int8Linear if is_int8 else nn.Linear
        network = Network(architecture, linear, jumps, uses_graphs=settings.cuda_graphs)
    network.load_state_dict(weights, strict=True, assign=True)
    network.eval().to(device)
    matrices = [module for module in network.modules() if isinstance(module, Int8Linear)]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # each is laid out by one of them, and the GIL let go
        list(pool.map(Int8Linear.pack, matrices))
    return Modules(
        features=network.features,
        encoder=network.encoder,
        encode=network.encoder,
        encode_exactly=network.encoder.exactly,
        activations=Activations(3 * architecture.mels * architecture.channels, 2 * architecture.heads),
        decoder=network.transducer,
        pieces=pieces,
        frame_samples=architecture.frame_samples,
        engine=EngineChoice.TORCH,
        # what is packed for int8 has left the file already
        settle=partial(settle, network) if device.type == "cpu" and not is_int8 else lambda: iter(()),
    )


def _is_still(conversion: Path, checkpoint: Path, dtype: torch.dtype, is_int8: bool) -> bool:
    """Whether no other file came in the place of the checkpoint while it was read."""
    try:
        return conversion == converted.place(checkpoint, dtype, is_int8=is_int8)
    except (OSError, ModelCorrupt):
        return False


def _read(archive: NemoArchive, dtype: torch.dtype, is_int8: bool) -> _Contents:
    architecture = describe(archive.config)
    try:
        weights = prepare(read_weights(archive), architecture)
        with torch.device("meta"):
            network = Network(architecture)
        network.load_state_dict(weights, strict=True, assign=True)
    except (KeyError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise
        raise damaged(archive, error) from error
    weights = {
        name: value.to(dtype) if name.startswith("encoder.") else value.float() for name, value in weights.items()
    }
    if is_int8:
        matrices = (name for name, module in network.encoder.layers.named_modules() if isinstance(module, nn.Linear))
        names = frozenset(f"encoder.layers.{name}" for name in matrices if not name.endswith("attention.distance"))
        weights = quantize(weights, names)
    return architecture, weights, _pieces(archive, architecture.tokenizer)


def _pieces(archive: NemoArchive, tokenizer: str) -> tuple[str, ...]:
    """The text of every token id; that the archive holds its tokenizer is checked before."""
    from sentencepiece import SentencePieceProcessor

    with temporary_folder() as folder:
        extract(archive, Path(folder), only=[tokenizer])
        try:
            model = SentencePieceProcessor(model_file=str(Path(folder, tokenizer)))
        except (OSError, RuntimeError) as error:
            raise ModelCorrupt(
                f"The tokenizer in {archive.path} cannot be read; download the checkpoint again."
            ) from error
    return tuple(piece_text(model.id_to_piece(index)) for index in range(model.get_piece_size()))

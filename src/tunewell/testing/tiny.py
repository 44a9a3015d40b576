"""A model small enough for any test.

Two layers, random weights, a byte-level tokenizer, SmolLM2's chat template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a tiny test model<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES: Final = (
    ("t", "h"),
    ("th", "e"),
    ("i", "n"),
    ("e", "r"),
    ("a", "n"),
    ("o", "n"),
    ("Ġ", "t"),
    ("Ġ", "a"),
    ("r", "e"),
)


def tiny_model_folder(
    path: Path,
    *,
    layers: int = 2,
    hidden: int = 32,
    seed: int = 0,
    dtype: str = "float32",
    max_positions: int = 512,
) -> Path:
    """Writes a randomly initialised Llama in Hugging Face layout; gives the folder.

    Ids 0, 1, 2 are ``<|endoftext|>``, ``<|im_start|>`` (bos) and ``<|im_end|>`` (eos and pad, as
    with SmolLM2); every byte has a token. The same arguments give the same weights. Needs the extra
    ``train``; under a second once torch is imported.

    Args:
        path: Folder to fill; made where it is absent.
        layers: Transformer layers.
        hidden: Width; four heads, two of them for keys and values.
        seed: Of the weights.
        dtype: ``float32`` or ``bfloat16``.
        max_positions: Longest context that the configuration promises.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    path.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=max_positions,
        tie_word_embeddings=True,
        initializer_range=0.2,  # livelier than the usual .02: answers differ from prompt to prompt
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = [*SPECIAL, *letters, *("".join(pair) for pair in MERGES)]
    core = Tokenizer(
        models.BPE(vocab={token: i for i, token in enumerate(vocab)}, merges=list(MERGES))
    )
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )


def tiny_whisper_folder(path: Path, *, seed: int = 0) -> Path:
    """Writes a randomly initialised Whisper in Hugging Face layout; gives the folder.

    One layer in the encoder and two in the decoder; every byte has a token, then come
    ``<|endoftext|>``, ``<|startoftranscript|>`` and ``<|notimestamps|>``. Needs the extra
    ``train``.

    Args:
        path: Folder to fill; made where it is absent.
        seed: Of the weights.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    path.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({each: i for i, each in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"])
    end = len(alphabet)
    config = WhisperConfig(
        vocab_size=end + 3,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=40,
        init_std=0.2,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=end + 1,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = WhisperForConditionalGeneration(config)
    model.save_pretrained(path)
    tokenizer.save(str(path / "tokenizer.json"))
    return path

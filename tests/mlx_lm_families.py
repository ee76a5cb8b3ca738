"""Tiny random checkpoints of mlx-lm's model families, and the tokens that greedy decoding gives on them.

Run as a program under the MLX to examine (``python -m mlx_rocm tests/mlx_lm_families.py llama`` for ours,
without ``-m mlx_rocm`` for an installed MLX), it prints one JSON object. The weights come from NumPy, seeded by
their names, so every implementation sees the same checkpoint.
"""

import json
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

# Prompt and number of tokens: enough to fill and turn over the sliding windows of 8 below.
PROMPT = (3, 141, 59, 26, 53, 58, 97, 93, 238, 46, 26, 43, 8)
STEPS = 24
GROUP = 32
# name of a variant -> arguments of quantisation
VARIANTS = {
    "float32": None,
    "4-bit": {"bits": 4, "mode": "affine"},
    "8-bit": {"bits": 8, "mode": "affine"},
    "mxfp4": {"bits": 4, "mode": "mxfp4"},
}

BASE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}
FAMILIES = {
    "llama": BASE,
    "qwen3": BASE,
    "qwen3_moe": {
        **BASE,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [1],
        "moe_intermediate_size": 32,
        "norm_topk_prob": True,
    },
    "gemma3_text": {
        **BASE,
        "query_pre_attn_scalar": 16,
        "rope_local_base_freq": 10000.0,
        "sliding_window": 8,
        "sliding_window_pattern": 3,
    },
    "mixtral": {**BASE, "num_local_experts": 4, "num_experts_per_tok": 2},
    "deepseek_v3": {
        **BASE,
        "num_key_value_heads": 4,
        "moe_intermediate_size": 32,
        "n_shared_experts": 1,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "n_group": 2,
        "topk_group": 1,
        "routed_scaling_factor": 1.5,
        "kv_lora_rank": 32,
        "q_lora_rank": 32,
        "qk_rope_head_dim": 16,
        "qk_nope_head_dim": 32,
        "v_head_dim": 32,
        "first_k_dense_replace": 1,
    },
    "gpt_oss": {
        **BASE,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "intermediate_size": 64,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_scaling": None,
    },
    "mamba2": {
        "num_heads": 4,
        "head_dim": 32,
        "vocab_size": 256,
        "hidden_size": 64,
        "intermediate_size": 128,
        "state_size": 16,
        "num_hidden_layers": 3,
        "layer_norm_epsilon": 1e-5,
        "conv_kernel": 4,
        "n_groups": 2,
        "use_bias": False,
        "use_conv_bias": True,
        "tie_word_embeddings": False,
        "time_step_limit": [0.001, 100.0],
        "time_step_rank": "auto",
    },
    "falcon_h1": {
        **BASE,
        "mamba_chunk_size": 16,
        "mamba_d_head": 16,
        "mamba_d_ssm": 64,
        "mamba_d_state": 16,
        "mamba_n_groups": 1,
        "mamba_n_heads": 4,
        "mamba_rms_norm": True,
    },
}


def make_weight(name, shape, seed):
    """The values of one parameter: by its role, so that signals keep their size through the layers."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    leaf = name.rpartition(".")[2]
    if leaf == "A_log":
        return np.log(rng.uniform(1, 8, shape)).astype(np.float32)
    if leaf in ("D", "dt_bias"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    noise = rng.standard_normal(shape).astype(np.float32)
    if name.endswith("norm.weight") or (leaf == "weight" and len(shape) == 1):
        return 1 + 0.1 * noise
    if "conv1d" in name and leaf == "weight":
        return 0.5 * noise
    if "embed" in name or len(shape) == 1:
        return 0.5 * noise
    # Larger logits, hence larger margins, from the last projection.
    scale = 4.0 if "lm_head" in name else 1.5
    return scale / np.sqrt(np.float32(shape[-1])) * noise


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "mlx"}}, 0
    for name, value in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [offset, offset + value.nbytes],
        }
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def write_checkpoint(family, seed, folder):
    """Writes config.json and model.safetensors of a family; returns the configuration."""
    import importlib

    from mlx.utils import tree_flatten

    config = {"model_type": family, **FAMILIES[family]}
    module = importlib.import_module(f"mlx_lm.models.{family}")
    shapes = {
        k: v.shape for k, v in tree_flatten(module.Model(module.ModelArgs.from_dict(config)).parameters())
    }
    (folder / "config.json").write_text(json.dumps(config))
    weights = {
        k: np.ascontiguousarray(make_weight(k, s, seed), np.float32) for k, s in sorted(shapes.items())
    }
    write_safetensors(folder / "model.safetensors", weights)
    return config


def decode(family, variant, seed):
    """Greedy tokens of a family's variant, and the smallest lead of a chosen token over the next best."""
    import mlx.core as mx
    from mlx_lm.generate import generate_step
    from mlx_lm.utils import load_model, quantize_model

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_checkpoint(family, seed, folder)
        model, _ = load_model(folder)
        if VARIANTS[variant]:
            model, _ = quantize_model(model, config, group_size=GROUP, **VARIANTS[variant])
        tokens, margin = [], float("inf")
        for token, logits in generate_step(mx.array(PROMPT), model, max_tokens=STEPS):
            best = np.sort(np.array(logits.astype(mx.float32)).reshape(-1))[-2:]
            margin = min(margin, float(best[1] - best[0]))
            tokens.append(int(token))
    return {"tokens": tokens, "margin": margin}


def main():
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    family, seeds = sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    print(json.dumps({v: decode(family, v, seeds.get(v, 0)) for v in VARIANTS}))


if __name__ == "__main__":
    main()

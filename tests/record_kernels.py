"""Writes mlx_rocm/_files/kernels/*.tsv: the GPU kernels that common language models need, for compiling ahead.

    python -m tests.record_kernels [family ...]

Models of real dimensions with two layers and no weights worth the name generate on the emulator, which checks launches
and runs nothing (AMDEMU_EXECUTE=0), so no GPU is needed and a few seconds a model are enough. Needs mlx-lm and clang.
Run it after kernels or the routes to them have changed.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests import amdtools

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "mlx_rocm" / "_files" / "kernels"
ARCHS = ("gfx1151", "gfx942")  # a route may differ between generations
PROMPTS = (8, 40, 600, 2600)  # tokens: vector products, small and large matrix products, split attention

COMMON = {
    "num_hidden_layers": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": True,
}


def _dims(hidden, intermediate, heads, kv_heads, head_dim, vocabulary, **more):
    return {
        **COMMON,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": vocabulary,
        **more,
    }


_MOE = {
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "moe_intermediate_size": 768,
    "norm_topk_prob": True,
}
_GEMMA = {
    "query_pre_attn_scalar": 256,
    "rope_local_base_freq": 10000.0,
    "sliding_window": 1024,
    "sliding_window_pattern": 2,
}
_GPT_OSS = {
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_scaling": None,
}
# family -> dimensions of the models that people run
MODELS = {
    "llama": [
        _dims(2048, 8192, 32, 8, 64, 128256),
        _dims(4096, 14336, 32, 8, 128, 128256, tie_word_embeddings=False),
    ],
    "qwen2": [_dims(896, 4864, 14, 2, 64, 151936), _dims(3584, 18944, 28, 4, 128, 152064)],
    "qwen3": [_dims(1024, 3072, 16, 8, 128, 151936), _dims(2560, 9728, 32, 8, 128, 151936)],
    "qwen3_moe": [_dims(2048, 6144, 32, 4, 128, 151936, **_MOE)],
    "gemma3_text": [_dims(1152, 6912, 4, 1, 256, 262144, **_GEMMA)],
    "gpt_oss": [_dims(2880, 2880, 64, 8, 64, 201088, **_GPT_OSS)],
}
QUANTIZED = {"gpt_oss": {"group_size": 32, "bits": 4, "mode": "mxfp4"}}  # others: groups of 64, 4 bits


def main(families):
    from tests.emulator import hip

    libraries = hip.build()
    OUT.mkdir(parents=True, exist_ok=True)
    for family in families or MODELS:
        lines = {}
        for arch in ARCHS:
            for line in _record(family, arch, libraries):
                lines.setdefault(line)
        (OUT / f"{family}.tsv").write_text("".join(f"{line}\n" for line in lines))
        print(f"{family}: {len(lines)} kernels", flush=True)


def _record(family, arch, libraries):
    """The manifest that a process leaves; the code it compiles is kept, since families share most of it."""
    cache = amdtools.cache_dir() / "record"
    manifest = cache / "mlx_rocm" / "manifest.tsv"
    manifest.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cache),
        "MLX_ROCM_LIBRARIES": str(libraries),
        "MLX_ROCM_QUIET": "1",
        "AMDEMU_ARCH": arch,
        "AMDEMU_EXECUTE": "0",
        "AMDEMU_POISON": "0",
        "AMDEMU_MEMORY": "16G",
    }
    command = [sys.executable, "-m", "tests.record_kernels", "--run", family]
    run = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{family} on {arch}:\n{run.stderr[-3000:]}")
    return manifest.read_text().splitlines()


def _run(family):
    from mlx_rocm import alias

    alias.inherit()
    import mlx.core as mx

    for dims in MODELS[family]:
        model = _model(family, dims)
        _generate(mx, model)
        del model
        mx.clear_cache()


def _model(family, dims):
    """A model in bfloat16 with 4-bit weights, all zero: what makes the weights never runs."""
    import importlib

    import mlx.core as mx
    from mlx import nn
    from mlx.utils import tree_map

    module = importlib.import_module(f"mlx_lm.models.{family}")
    model = module.Model(module.ModelArgs.from_dict({"model_type": family, **dims}))
    model.set_dtype(mx.bfloat16)
    nn.quantize(model, **QUANTIZED.get(family, {"group_size": 64, "bits": 4}))
    model.update(tree_map(lambda a: mx.zeros(a.shape, a.dtype), model.parameters()))
    mx.eval(model.parameters())
    return model


def _generate(mx, model):
    from mlx_lm.generate import generate_step
    from mlx_lm.sample_utils import make_sampler

    sampled = make_sampler(0.7, top_p=0.95)
    for length, sampler in (*((length, None) for length in PROMPTS), (PROMPTS[0], sampled)):
        for _ in generate_step(mx.zeros((length,), mx.uint32), model, max_tokens=2, sampler=sampler):
            pass
    mx.synchronize()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        _run(sys.argv[2])
    else:
        main(sys.argv[1:])

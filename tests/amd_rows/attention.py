"""Attention, rotary positions and the gated delta rule."""

from tests.amd_row import Row

_HEADS = {"MASK": "0", "CAUSAL": "0", "SINKS": "0", "HEAD_DIM": "128", "VALUE_DIM": "128"}
_GATED = {
    **{name: "bf16" for name in ("QT", "KT", "VT", "GAMMA_T", "BETA_T")},
    "KEYS": "128",
    "VEC": "4",
    "LANES": "8",
    "MASK": "0",
}
_ROPE = {"OFFSET": "i32", "INDEX": "u32"}

ROWS = (
    *(
        Row(
            "kernels/rope.hip",
            "rope",
            {"T": "bf16", "VEC": "8", "HEADS": "4", "TRADITIONAL": str(t), "FREQS": str(t), **_ROPE},
            needs=("16-byte load", "16-byte store"),
            waves={"gfx": 8, "gfx9": 6},
        )
        for t in (0, 1)
    ),
    Row(
        "kernels/attention_decode.hip",
        "attention_decode",
        {
            "T": "bf16",
            "SPLIT": "1",
            "VEC": "8",
            "LANES": "16",
            "ROWS": "4",
            "UNROLL_KEYS": "4",
            "THREADS": "512",
            **_HEADS,
        },
        needs=("16-byte load", "DPP"),
        waves={"gfx": 8, "gfx9": 3},
    ),
    Row(
        "kernels/attention_combine.hip",
        "attention_combine",
        {"T": "bf16", "VALUE_DIM": "128", "SINKS": "0", "COLUMNS": "32", "VEC": "4"},
        needs=("16-byte load", "DPP"),
    ),
    *(
        Row(
            "kernels/attention_prefill.hip",
            "attention_prefill",
            {"T": "bf16", "SPLIT": "0", **_HEADS, **more},
            needs=("16-byte load", "16-byte LDS load", "16-byte LDS store", "bf16 matrix"),
            waves={"gfx": 3, "gfx9": 2},
        )
        for more in (
            {"CAUSAL": "1", "SIZE": "2"},
            {"SIZE": "0"},
            {"HEAD_DIM": "64", "VALUE_DIM": "64", "SIZE": "2"},
            {"HEAD_DIM": "192", "SIZE": "2"},
            {"HEAD_DIM": "256", "VALUE_DIM": "256", "SIZE": "2"},
        )
    ),
    *(
        Row(
            "kernels/gated_delta.hip",
            "gated_delta",
            {**_GATED, **more},
            needs=("16-byte store", "DPP"),
            waves=waves,
        )
        for more, waves in (
            ({"ROWS": "4", "STEPS": "1"}, {"gfx": 6, "gfx9": 2}),
            ({"ROWS": "1", "STEPS": "4"}, {"gfx": 5, "gfx9": 2}),
        )
    ),
)

"""Cases: scaled dot product attention."""

from backends import ITEM_BYTES, SKIP, Timed, add, rand


def register():
    def sdpa(dt, Bn, H, KV, Lq, Lk, D, causal):
        def build(backend):
            q = backend.arr(rand((Bn, H, Lq, D), 1), dt)
            k = backend.arr(rand((Bn, KV, Lk, D), 2), dt)
            v = backend.arr(rand((Bn, KV, Lk, D), 3), dt)
            sc = D**-0.5
            fl = 4.0 * Bn * H * Lq * Lk * D * (0.5 if causal and Lq > 1 else 1)
            nb = ITEM_BYTES[dt] * Bn * D * (2 * KV * Lk + 2 * H * Lq)
            if backend.kind == "mlx":
                kw = {"mask": "causal"} if causal else {}
                return Timed(
                    backend.ev(lambda: backend.mx.fast.scaled_dot_product_attention(q, k, v, scale=sc, **kw)),
                    fl,
                    nb,
                )
            if backend.kind == "torch":
                F = backend.torch.nn.functional
                return Timed(
                    backend.ev(
                        lambda: F.scaled_dot_product_attention(
                            q, k, v, is_causal=causal, scale=sc, enable_gqa=H != KV
                        )
                    ),
                    fl,
                    nb,
                )
            return SKIP

        return build

    for dt in ("f32", "bf16"):
        add(f"sdpa.dec.{dt}.h14kv2.s1024.d64", "attn", 1, sdpa(dt, 1, 14, 2, 1, 1024, 64, False))
        add(f"sdpa.dec.{dt}.h32kv8.s4096.d128", "attn", 1, sdpa(dt, 1, 32, 8, 1, 4096, 128, False))
        add(f"sdpa.pre.{dt}.h14kv2.l256.d64", "attn", 1, sdpa(dt, 1, 14, 2, 256, 256, 64, True))
        add(
            f"sdpa.pre.{dt}.h14kv2.l1024.d64",
            "attn",
            2 if dt == "f32" else 3,
            sdpa(dt, 1, 14, 2, 1024, 1024, 64, True),
        )
        add(f"sdpa.full.{dt}.b4h8.l256.d64", "attn", 1, sdpa(dt, 4, 8, 8, 256, 256, 64, False))

"""Cases: quantised matrix products, quantize and dequantize."""

import numpy as np
from backends import ITEM_BYTES, SKIP, Timed, add, rand


def register():
    def qmm(bits, dt, M, K, N, gs=64, transpose=True):
        def build(backend):
            x = backend.arr(rand((M, K), 1), dt)
            wf = rand((N, K) if transpose else (K, N), 2, 0.05)
            fl = 2.0 * M * N * K
            nb = N * K * bits / 8 + 2 * ITEM_BYTES[dt] * N * K / gs + ITEM_BYTES[dt] * (M * K + M * N)
            if backend.kind == "mlx":
                mx = backend.mx
                q, s, b = mx.quantize(backend.arr(wf, dt), group_size=gs, bits=bits)
                mx.eval(q, s, b)
                return Timed(
                    backend.ev(
                        lambda: mx.quantized_matmul(x, q, s, b, transpose=transpose, group_size=gs, bits=bits)
                    ),
                    fl,
                    nb,
                )
            if backend.kind == "torch" and transpose:
                t = backend.torch
                if bits == 4 and dt == "bf16":
                    g = t.from_numpy(wf).reshape(N, K // gs, gs)
                    mx_, mn = g.amax(-1), g.amin(-1)
                    sc = (mx_ - mn) / 15.0
                    qi = ((g - mn[..., None]) / sc[..., None]).round().clamp(0, 15).to(t.int32).reshape(N, K)
                    zero = mn + sc * 8
                    sz = t.stack([sc, zero], -1).transpose(0, 1).contiguous().to(t.bfloat16)
                    pk = t.ops.aten._convert_weight_to_int4pack_for_cpu(qi, 1)
                    return Timed(
                        backend.ev(lambda: t.ops.aten._weight_int4pack_mm_for_cpu(x, pk, gs, sz)), fl, nb
                    )
                if bits == 8 and dt == "bf16":  # per-channel scales: the only int8 weight kernel it has
                    w = t.from_numpy(wf)
                    sc = w.abs().amax(1) / 127.0
                    q = (w / sc[:, None]).round().to(t.int8)
                    sc = sc.to(t.bfloat16)
                    return Timed(backend.ev(lambda: t.ops.aten._weight_int8pack_mm(x, q, sc)), fl, nb)
            return SKIP

        return build

    for bits in (4, 8):
        for dt in ("bf16", "f16", "f32"):
            for M in (1, 16, 512):
                for K, N in ((896, 4864), (4864, 896), (4096, 4096)):
                    if dt == "f16" and (K, N) != (896, 4864):
                        continue
                    if M > 1 and (K, N) == (4864, 896):
                        continue
                    tier = 1 if M == 1 else 2 if (M == 16 and K != 4096) else 3
                    add(f"qmm.b{bits}.{dt}.m{M}.{K}x{N}", "quant", tier, qmm(bits, dt, M, K, N))
    add("qmm.b4.bf16.m1.896x151936", "quant", 2, qmm(4, "bf16", 1, 896, 151936))
    add("qmm.b4.bf16.m1.896x4864.nt", "quant", 2, qmm(4, "bf16", 1, 896, 4864, transpose=False))
    for bits in (2, 3, 6):
        add(f"qmm.b{bits}.bf16.m1.896x4864", "quant", 2, qmm(bits, "bf16", 1, 896, 4864))

    def gqmm(M, quant=True):
        E, K, N, top = 16, 1024, 2048, 2

        def build(backend):
            if backend.kind != "mlx":
                return SKIP
            mx = backend.mx
            x = backend.arr(rand((M, 1, 1, K), 1), "bf16")
            w = backend.arr(rand((E, N, K), 2, 0.05), "bf16")
            idx = backend.arr(np.random.default_rng(3).integers(0, E, (M, top)).astype(np.uint32))
            fl = 2.0 * M * top * N * K
            if quant:
                q, s, b = mx.quantize(w, group_size=64, bits=4)
                mx.eval(q, s, b)
                return Timed(
                    backend.ev(
                        lambda: mx.gather_qmm(
                            x, q, s, b, rhs_indices=idx, transpose=True, group_size=64, bits=4
                        )
                    ),
                    fl,
                )
            wt = w.swapaxes(-1, -2)
            return Timed(backend.ev(lambda: mx.gather_mm(x, wt, rhs_indices=idx)), fl)

        return build

    add("gather_qmm.b4.bf16.t1", "quant", 1, gqmm(1))
    add("gather_qmm.b4.bf16.t16", "quant", 2, gqmm(16))
    add("gather_mm.bf16.t1", "quant", 2, gqmm(1, False))

    def quantize(backend):
        if backend.kind != "mlx":
            return SKIP
        w = backend.arr(rand((4096, 1024), 2), "bf16")
        return Timed(
            backend.ev(lambda: backend.mx.quantize(w, group_size=64, bits=4)), nbytes=4096 * 1024 * 2.6
        )

    def dequantize(backend):
        if backend.kind != "mlx":
            return SKIP
        mx = backend.mx
        q, s, b = mx.quantize(backend.arr(rand((4096, 1024), 2), "bf16"), group_size=64, bits=4)
        mx.eval(q, s, b)
        return Timed(
            backend.ev(lambda: mx.dequantize(q, s, b, group_size=64, bits=4)), nbytes=4096 * 1024 * 2.6
        )

    add("quantize.b4", "quant", 1, quantize)
    add("dequantize.b4", "quant", 1, dequantize)

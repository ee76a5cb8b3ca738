"""Rows of kernel_ladder.py: for each family its kernel, sizes, arguments and the variants of its defines.

A family is a function (wave, tiny) that gives cases. A variant changes defines and geometry only.
"""

import functools
from ctypes import Structure, c_float, c_int, c_longlong, c_uint
from dataclasses import dataclass

import ml_dtypes
import numpy as np

BF16 = ml_dtypes.bfloat16
u32, u64, i64 = np.uint32, np.uint64, np.int64


@dataclass
class Variant:
    name: str
    defines: dict
    grid: tuple
    threads: int
    arguments: tuple  # names of arrays, NumPy scalars, structures, None for a null pointer
    lds: int = 0  # dynamic, bytes


@dataclass
class Case:
    name: str
    file: str
    entry: str
    arrays: dict  # "out" is what the kernel writes
    bytes: float  # that must move
    reference: np.ndarray  # of the first elements of "out"
    tolerance: float
    variants: list
    flops: float = 0  # the rate is of these where they are given


@functools.cache
def layout_type(operands):
    class Layout(Structure):
        _fields_ = [("ndim", c_int), ("shape", c_int * 8), ("strides", (c_longlong * 8) * operands)]

    return Layout


def layout(operands, shape=(1,), strides=((0,),)):
    """kernels/layout.h."""
    x = layout_type(operands)(len(shape), (c_int * 8)(*shape))
    for k, row in enumerate(strides):
        x.strides[k] = (c_longlong * 8)(*row)
    return x


class MatrixPairs(Structure):
    """kernels/pairs.h, one pair."""

    _fields_ = [("count", c_uint), ("x_count", c_uint), ("w_count", c_uint), ("at", layout_type(2))]


class Items(Structure):
    _fields_ = [("ndim", c_int), ("shape", c_int * 4), ("strides", (c_longlong * 4) * 3)]


class GemmArgs(Structure):
    """kernels/gemm_args.h."""

    _fields_ = [
        *((name, c_int) for name in ["m", "n", "k", "batch", "tiles", "first_item", "k_split"]),
        ("alpha", c_float),
        ("beta", c_float),
        *((f"{a}_{axis}", c_longlong) for a in ("a", "b", "c", "out") for axis in ("row", "col")),
        ("out_item", c_longlong),
        ("items", Items),
    ]


def strings(**defines):
    return {name: str(value) for name, value in defines.items()}


def normal(*shape, dtype=BF16):
    """Random numbers, one block repeated: making gigabytes of them takes too long."""
    size = int(np.prod(shape))
    block = np.random.default_rng(size).standard_normal(min(size, 1 << 20), np.float32).astype(dtype)
    return np.resize(block, shape)


def up(a, b):
    return -(-a // b)


def transpose(wave, tiny):
    n = 256 if tiny else 8192
    bits = np.random.default_rng(0).integers(0, 1 << 16, (n, n), np.uint16)
    variants = []
    for w in (1, 2, 4):
        tiles = n // (32 * w)
        arguments = (
            "x",
            "out",
            u32(n),
            u32(n),
            i64(n),
            i64(n),
            u32(tiles),
            u32(tiles),
            layout(2, (1,), ((0,), (0,))),
        )
        variants.append(Variant(f"W={w}", strings(T="u16", W=w), (tiles * tiles, 1, 1), 256, arguments))
    yield Case(
        f"transpose 16 bits {n} x {n}",
        "kernels/transpose.hip",
        "transpose",
        {"x": bits, "out": np.empty_like(bits)},
        2 * bits.nbytes,
        bits.T.copy(),
        0,
        variants,
    )


def _row_variants(wave, rows, n, defines, arguments):
    for team in (32, 64, 128, 256, 512):
        if team < wave:
            continue
        vecs = up(n, team * 8)
        for groups in (1056, 2112, 4224, 8448, rows):
            if vecs > 8 or groups > max(rows, 1056):
                continue
            whole = int(n == team * vecs * 8)
            row = strings(T="bf16", INDEX="u32", VEC=8, VECS=vecs, TEAM=team, THREADS=team, WHOLE=whole)
            yield Variant(
                f"threads {team}, vecs {vecs}, groups {min(groups, rows)}",
                {**row, **defines},
                (min(groups, rows), 1, 1),
                team,
                arguments,
            )


def norm(wave, tiny):
    rows, n = (8, 1024) if tiny else (16384, 4096)
    x, w, b = normal(rows, n), normal(n), normal(n)
    part = x[:8].astype(np.float64)
    for layer in (0, 1):
        centred = part - layer * part.mean(-1, keepdims=True)
        want = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w.astype(np.float64)
        want = want + layer * b.astype(np.float64)
        arguments = ("x", "w", "b", "out", layout(1, (rows,), ((n,),)), u32(rows), u32(n), np.float32(1e-5))
        defines = strings(LAYER=layer, WEIGHT=1, BIAS=layer)
        yield Case(
            f"{'layer' if layer else 'rms'}_norm bf16 {rows} x {n}",
            "kernels/norm.hip",
            "norm_rows",
            {"x": x, "w": w, "b": b, "out": np.empty_like(x)},
            2 * x.nbytes,
            want,
            0.02,
            list(_row_variants(wave, rows, n, defines, arguments)),
        )


def softmax(wave, tiny):
    rows, n = (8, 1024) if tiny else (16384, 4096)
    x = normal(rows, n)
    e = np.exp(x[:8].astype(np.float64))
    arguments = ("x", "out", layout(1, (rows,), ((n,),)), u32(rows), u32(n))
    yield Case(
        f"softmax bf16 {rows} x {n}",
        "kernels/softmax.hip",
        "softmax",
        {"x": x, "out": np.empty_like(x)},
        2 * x.nbytes,
        e / e.sum(-1, keepdims=True),
        0.01,
        list(_row_variants(wave, rows, n, strings(LSE=0), arguments)),
    )


def scan(wave, tiny):
    rows, n = (8, 4096) if tiny else (4096, 16384)
    x = normal(rows, n, dtype=np.float32)
    want = np.cumsum(x[:4].astype(np.float64), -1)
    base = {"T": "float", "ACC": "float", "OP": "Add", "IDENTITY": 0, "REVERSE": 0, "INCLUSIVE": 1, "VEC": 4}
    arrays = {"x": x, "out": np.empty_like(x)}
    for entry in ("scan_rows", "scan_pieces"):
        variants = []
        for items in (4, 8, 16):
            lanes = wave if entry == "scan_rows" else 256
            tail = (u32(wave),) if entry == "scan_rows" else (u32(1), u32(n))
            middle = () if entry == "scan_rows" else (None,)
            arguments = ("x", "out", *middle, u64(rows), u32(n), *tail)
            grid = (up(rows * lanes, 256), 1, 1)
            variants.append(Variant(f"items {items}", strings(**base, ITEMS=items), grid, 256, arguments))
        yield Case(
            f"cumsum f32 {rows} x {n}, {entry}",
            "kernels/scan.hip",
            entry,
            arrays,
            2 * x.nbytes,
            want,
            1e-4,
            variants,
        )


def gemv(wave, tiny):
    n, k = (64, 2048) if tiny else (14336, 4096)
    x, w = normal(k), normal(n, k)
    want = w[:64].astype(np.float64) @ x.astype(np.float64)
    variants = []
    for columns, unroll in ((1, 2), (1, 4), (1, 8), (2, 2), (2, 4), (4, 1), (4, 2)):
        for split in (1, 2, 4):
            tiles = up(n, 256 // wave // split * columns)
            g = GemmArgs(1, n, k, 1, tiles, 0, k, 1.0, 0.0, k, 1, 1, k, 0, 0, n, 1, n)
            defines = strings(
                T="bf16",
                VEC=8,
                ROWS=1,
                COLUMNS=columns,
                SPLIT=split,
                UNROLL_K=unroll,
                X_RUNS=1,
                EPILOGUE=0,
                BATCHED=0,
            )
            variants.append(
                Variant(
                    f"columns {columns}, unroll {unroll}, split {split}",
                    defines,
                    (tiles, 1, 1),
                    256,
                    ("x", "w", None, "out", g),
                )
            )
    yield Case(
        f"gemv bf16 {k} -> {n}",
        "kernels/gemv.hip",
        "gemv_rows",
        {"x": x, "w": w, "out": np.empty(n, BF16)},
        w.nbytes,
        want,
        0.01,
        variants,
    )


def _quantised(bits, m, n, k):
    """Arrays of a product with affine groups of 64, and the reference of the first elements of out."""
    r = np.random.default_rng(bits)
    codes = np.resize(
        r.integers(0, 1 << 32, min(n * k * bits // 32, 1 << 20), np.uint32), (n, k * bits // 32)
    )
    scales, biases, x = normal(n, k // 64), normal(n, k // 64), normal(m, k)
    each = 32 // bits
    values = (codes[:64, :, None] >> (bits * np.arange(each, dtype=u32)) & ((1 << bits) - 1)).reshape(64, k)
    part = [np.repeat(a[:64].astype(np.float64), 64, 1) for a in (scales, biases)]
    want = x[: m if n == 64 else 1].astype(np.float64) @ (values * part[0] + part[1]).T
    arrays = {"codes": codes, "scales": scales, "biases": biases, "x": x, "out": np.empty((m, n), BF16)}
    return arrays, want, n * k * (bits / 8 + 4 / 64)


def _mxfp4(m, n, k):
    """The same for mxfp4."""
    r = np.random.default_rng(4)
    codes = np.resize(r.integers(0, 1 << 32, min(n * k // 8, 1 << 20), np.uint32), (n, k // 8))
    scales, x = r.integers(120, 130, (n, k // 32), np.uint8), normal(m, k)
    table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    table = np.concatenate([table, -table])
    values = table[codes[:64, :, None] >> (4 * np.arange(8, dtype=u32)) & 15].reshape(64, k)
    values *= np.repeat(np.exp2(scales[:64].astype(np.float64) - 127), 32, 1)
    want = x[: m if n == 64 else 1].astype(np.float64) @ values.T
    arrays = {"codes": codes, "scales": scales, "biases": scales, "x": x, "out": np.empty((m, n), BF16)}
    return arrays, want, n * k * (0.5 + 1 / 32)


def _quantised_variants(rows, per_group, m, n, k, bits, shapes, pairs=None, mode="AFFINE", group=64):
    """`pairs`: a MatrixPairs of a gathered product; `per_group` gives the rows of w of a workgroup."""
    m_blocks = up(m, rows)
    indices = ("lhs", "rhs") if pairs else (None, None)
    count = pairs.count if pairs else 1
    for shape in shapes:
        pairing = "PAIRS_GATHER" if pairs else "PAIRS_ONE"
        defines = strings(T="bf16", MODE=f"MODE_{mode}", BITS=bits, GROUP=group, PAIRS=pairing, **shape)
        grid = (up(n, per_group(shape)) * m_blocks, count, 1)
        one = MatrixPairs(1, 1, 1, layout(2, (1,), ((0,), (0,))))
        sizes = (pairs or one, u32(m), u32(n), u32(k), u32(m_blocks))
        arguments = ("codes", "scales", "biases", "x", "out", *indices, *sizes)
        name = ", ".join(f"{key.lower()} {value}" for key, value in shape.items())
        yield Variant(name, defines, grid, shape.get("THREADS", 256), arguments)


def _quantised_case(entry, bits, m, n, k, variants):
    """A case of one product, all of whose weights are read; `variants` is a list."""
    arrays, want, moved = _quantised(bits, m, n, k)
    name = f"{entry} {bits} bits, {m} rows, {k} -> {n}"
    return Case(name, f"kernels/{entry}.hip", entry, arrays, moved, want, 0.02, variants)


def _gathered_case(entry, n, k, variants):
    """8 products of one row with 8 of 16 matrices, of 4 bits: experts of a mixture."""
    count, matrices = 8, 16
    arrays, want, moved = _quantised(4, count, matrices * n, k)
    arrays["out"] = np.empty((count, n), BF16)
    arrays["lhs"] = np.arange(count, dtype=u32)
    arrays["rhs"] = (np.arange(count) * 5 % matrices).astype(u32)
    name = f"{entry} 4 bits, {count} of {matrices} experts, {k} -> {n}"
    return Case(name, f"kernels/{entry}.hip", entry, arrays, moved * count / matrices, want, 0.02, variants)


def _gathered_pairs():
    return MatrixPairs(8, 8, 16, layout(2, (8,), ((1,), (1,))))


def qmv(wave, tiny):
    n, k = (64, 4096) if tiny else (14336, 4096)
    per_group = lambda s: 256 // wave // s["SPLIT"] * s["PER_WAVE"]

    def shapes(m, unit, k):
        for p, s, d, c in ((2, 1, 2, 8192 // m), (2, 1, 1, 4096), (1, 1, 2, 4096), (4, 1, 1, 4096), (4, 1, 2, 4096),
                           (1, 2, 1, 4096), (2, 2, 1, 4096)):  # fmt: skip
            if s * wave * unit <= min(c, k) and m * p <= 8:
                yield {"ROWS": m, "PER_WAVE": p, "SPLIT": s, "DEPTH": d, "UNIT": unit, "CHUNK": c}

    for bits, m in ((4, 1), (8, 1), (4, 2), (4, 4)):
        unit = 32 if bits == 4 else 16
        variants = list(_quantised_variants(m, per_group, m, n, k, bits, shapes(m, unit, k)))
        yield _quantised_case("qmv", bits, m, n, k, variants)
    n, k = (64, 2048) if tiny else (768, 2048)
    variants = _quantised_variants(1, per_group, 1, n, k, 4, shapes(1, 32, k), _gathered_pairs())
    yield _gathered_case("qmv", n, k, list(variants))


def qmm_few(wave, tiny):
    n, k = (64, 4096) if tiny else (14336, 4096)
    per_group = lambda s: 256 // wave // s["SPLIT"] * s["TILES"] * 16
    for bits, m in ((4, 1), (4, 4), (4, 16), (4, 32)):
        shapes = [
            {"UNIT": 32, "TILES": t, "MTILES": up(m, 16), "SPLIT": s, "DEPTH": d, "CHUNK": c // up(m, 16)}
            for t, s, d, c in ((2, 4, 2, 512), (2, 2, 1, 512), (1, 4, 1, 512), (1, 4, 2, 1024))
            if s * wave <= 256 and s * 128 <= c // up(m, 16)
        ]
        variants = list(_quantised_variants(16 * up(m, 16), per_group, m, n, k, bits, shapes))
        yield _quantised_case("qmm_few", bits, m, n, k, variants)


def qmm_codes(wave, tiny):
    """Shapes are (threads, split, tiles, turn, depth, chunk): chunk 0 reads x where it is."""
    per_group = lambda s: s["THREADS"] // wave // s["SPLIT"] * s["TILES"] * 16
    one = (
        *((128, 4, 1, 4, 1, 4096), (128, 4, 1, 8, 1, 4096), (256, 8, 1, 8, 1, 4096), (128, 4, 2, 4, 1, 4096)),
        *((128, 4, 1, 4, 1, 0), (64, 2, 1, 8, 1, 4096)),
    )
    bytes8 = ((128, 4, 1, 2, 1, 4096), (128, 4, 1, 4, 1, 4096), (256, 8, 1, 2, 1, 4096))
    few = ((128, 4, 1, 4, 1, 2048), (128, 4, 1, 4, 1, 0), (128, 4, 2, 4, 1, 0), (256, 4, 2, 4, 1, 1024))
    many = ((128, 4, 1, 4, 1, 0), (128, 4, 2, 2, 2, 0), (256, 8, 1, 4, 1, 0), (256, 2, 2, 4, 1, 1024))
    wide = ((256, 2, 1, 4, 1, 512), (256, 4, 1, 2, 1, 512), (128, 4, 1, 4, 1, 0))
    experts = ((256, 8, 1, 2, 1, 2048), (128, 4, 1, 4, 1, 2048), (128, 2, 1, 4, 1, 2048))

    def shapes(columns, table, bits, k):
        for threads, split, tiles, turn, depth, chunk in table:
            if split * wave <= threads and (chunk == 0 or split * turn * 64 <= chunk):
                shape = {"COLS": columns, "TILES": tiles, "SPLIT": split, "TURN": turn, "DEPTH": depth}
                yield {**shape, "CHUNK": chunk, "THREADS": threads}

    n, k = (64, 4096) if tiny else (14336, 4096)
    tables = (4, 1, one), (8, 1, bytes8), (4, 4, few), (4, 8, few), (4, 16, many), (4, 32, wide)
    for bits, m, table in tables:
        variants = list(_quantised_variants(m, per_group, m, n, k, bits, shapes(m, table, bits, k)))
        yield _quantised_case("qmm_codes", bits, m, n, k, variants)
    mxfp4 = ((128, 4, 1, 8, 1, 4096), (128, 4, 1, 4, 1, 4096))
    for m in (1, 4):
        arrays, want, moved = _mxfp4(m, n, k)
        table = [(*shape[:5], min(shape[5], 8192 // m)) for shape in mxfp4]
        options = {"mode": "MXFP4", "group": 32}
        variants = _quantised_variants(m, per_group, m, n, k, 4, shapes(m, table, 4, k), **options)
        name, file = f"qmm_codes mxfp4, {m} rows, {k} -> {n}", "kernels/qmm_codes.hip"
        yield Case(name, file, "qmm_codes", arrays, moved, want, 0.02, list(variants))
    n, k = (64, 2048) if tiny else (768, 2048)
    variants = _quantised_variants(1, per_group, 1, n, k, 4, shapes(1, experts, 4, k), _gathered_pairs())
    yield _gathered_case("qmm_codes", n, k, list(variants))


class AttentionArgs(Structure):
    """kernels/attention_args.h."""

    _fields_ = [
        *((f"{a}_{axis}", c_longlong) for a in ("q", "k", "v", "out") for axis in ("batch", "head", "row")),
        *((f"mask_{axis}", c_longlong) for axis in ("batch", "head", "row", "col")),
        *((name, c_int) for name in ("heads", "kv_heads", "q_len", "kv_len", "splits", "split_keys")),
        ("scale", c_float),
        ("together", c_int),
    ]


def _attention(heads, kv_heads, q_len, kv_len, dim, causal):
    """Arrays [head][row][dim] and out [row][head][dim], arguments, and the reference of the first rows of out."""
    q, k, v = normal(heads, q_len, dim), normal(kv_heads, kv_len, dim), normal(kv_heads, kv_len, dim)
    args = AttentionArgs(heads=heads, kv_heads=kv_heads, q_len=q_len, kv_len=kv_len, scale=dim**-0.5)
    for name, array in (("q", q), ("k", k), ("v", v)):
        setattr(args, f"{name}_head", array.shape[1] * dim)
        setattr(args, f"{name}_row", dim)
    args.out_row, args.out_head = heads * dim, dim
    args.splits, args.split_keys, args.together = 1, kv_len, 1
    rows = min(q_len, 160)
    want = np.empty((rows, heads, dim))
    hidden = np.arange(kv_len) > np.arange(rows)[:, None] + kv_len - q_len if causal else False
    seen = rows + kv_len - q_len if causal else kv_len
    for head in range(heads):
        keys, values = (a[head * kv_heads // heads, :seen].astype(np.float32) for a in (k, v))
        scores = q[head, :rows].astype(np.float32) @ keys.T * dim**-0.5
        scores = np.where(hidden[:, :seen], -np.inf, scores) if causal else scores
        e = np.exp(scores - scores.max(-1, keepdims=True))
        want[:, head] = e / e.sum(-1, keepdims=True) @ values
    return {"q": q, "k": k, "v": v, "out": np.empty((q_len, heads, dim), BF16)}, args, want


def _copied(structure, **changes):
    copy = type(structure).from_buffer_copy(structure)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


def attention_prefill(wave, tiny):
    length = 200 if tiny else 4096
    # AttentionTiles (waves, tiles of 16 rows, keys, queries in LDS, stages, waves a SIMD), key heads together
    first = ("4,1,32,false,1,1", 1)  # of every target
    wide = [
        ("4,2,64,true,2,2", 8),
        ("4,2,64,true,2,2", 32),
        ("4,2,64,true,1,2", 32),
        ("4,2,32,true,2,2", 32),
        ("8,2,32,true,2,2", 32),
        ("2,2,64,true,1,2", 32),
        ("2,2,32,true,2,2", 32),
    ]
    narrow = [
        ("4,2,64,true,2,2", 32),
        ("4,2,64,false,2,2", 32),
        ("4,2,64,true,2,3", 32),
        ("4,2,32,false,2,3", 32),
        ("4,3,64,true,2,2", 32),
        ("4,4,32,true,2,2", 32),
        ("2,2,64,false,2,2", 32),
    ]
    for heads, kv_heads, dim, causal in (
        (32, 32, 128, 1),
        (32, 32, 128, 0),
        (32, 8, 128, 1),
        (32, 32, 64, 1),
    ):
        heads, kv_heads = (heads // 16, up(kv_heads, 16)) if tiny else (heads, kv_heads)
        arrays, args, want = _attention(heads, kv_heads, length, length, dim, causal)
        defines = strings(
            T="bf16", MASK=0, CAUSAL=causal, SINKS=0, SPLIT=0, HEAD_DIM=dim, VALUE_DIM=dim, SIZE=2
        )
        variants = []
        for tiles, most in (first, *(wide if dim > 64 else narrow)):
            waves, q_tiles, keys, _, stages, _ = tiles.split(",")
            block, together = 16 * int(waves) * int(q_tiles), min(most, kv_heads)
            variants.append(
                Variant(
                    f"{tiles}; together {together}",
                    {**defines, "ATTENTION_TILES": f"AttentionTiles{{{tiles}}}"},
                    (up(heads // kv_heads * length, block) * kv_heads, 1, 1),
                    int(waves) * wave,
                    ("q", "k", "v", None, None, "out", None, None, _copied(args, together=together)),
                    2 * dim * (block + 2 * int(stages) * int(keys)),
                )
            )
        yield Case(
            f"attention {length} queries, {heads} heads on {kv_heads} of {dim}{', causal' * causal}",
            "kernels/attention_prefill.hip",
            "attention_prefill",
            arrays,
            sum(a.nbytes for a in arrays.values()),
            want,
            0.02,
            variants,
            4 * heads * length * length * dim / (1 + causal),
        )


def attention_decode(wave, tiny):
    """The sums of the parts; attention_combine, which joins them, is not in the time."""
    heads, kv_heads, dim, rows = 32, 8, 128, 4
    for length, part in ((256, 64),) if tiny else ((1024, 128), (16384, 2048), (16384, 1024), (16384, 512)):
        arrays, args, _ = _attention(heads, kv_heads, 1, length, dim, 0)
        splits = length // part
        scores = arrays["k"][0, :part].astype(np.float64) @ arrays["q"][0, 0].astype(np.float64) * dim**-0.5
        want = np.exp(scores - scores.max()) @ arrays["v"][0, :part].astype(np.float64)
        arrays["out"] = np.empty((heads, splits, dim), np.float32)
        arrays["stats"] = np.empty((heads, splits, 2), np.float32)
        a = _copied(args, splits=splits, split_keys=part)
        defines = strings(T="bf16", MASK=0, CAUSAL=0, SINKS=0, SPLIT=1, HEAD_DIM=dim, VALUE_DIM=dim,
                          VEC=8, LANES=16, ROWS=rows)  # fmt: skip
        arguments = ("q", "k", "v", None, None, None, "out", "stats", a)
        variants = [
            Variant(
                f"threads {threads}, unroll {unroll}",
                {**defines, **strings(UNROLL_KEYS=unroll, THREADS=threads)},
                (kv_heads * splits, 1, 1),
                threads,
                arguments,
            )
            for threads, unroll in (
                (512, 4),
                (512, 2),
                (256, 4),
                (256, 8),
                (256, 2),
                (128, 4),
                (128, 8),
                (64, 8),
            )
        ]
        yield Case(
            f"attention, 1 query, {length} keys in parts of {part}, {heads} heads on {kv_heads} of {dim}",
            "kernels/attention_decode.hip",
            "attention_decode",
            arrays,
            2 * arrays["k"].nbytes,
            want,
            0.02,
            variants,
        )


FAMILIES = {
    f.__name__: f
    for f in (
        transpose,
        norm,
        softmax,
        scan,
        gemv,
        qmv,
        qmm_few,
        qmm_codes,
        attention_prefill,
        attention_decode,
    )
}

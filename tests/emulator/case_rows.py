"""Rows of the instruction table's test: see cases.py."""

import ml_dtypes
import numpy as np

from tests.emulator.cases import *

# f32
valu("v_add_f32", F32, (F32, F32), lambda x, y: x + y)
valu("v_sub_f32", F32, (F32, F32), lambda x, y: x - y)
valu("v_subrev_f32", F32, (F32, F32), lambda x, y: y - x)
valu("v_mul_f32", F32, (F32, F32), lambda x, y: x * y)
valu("v_fma_f32", F32, (F32, F32, F32), fma64, rtol=6e-8)
valu("v_min_f32", F32, (F32, F32), min_num, gens=(9, 10, 11))
valu("v_max_f32", F32, (F32, F32), max_num, gens=(9, 10, 11))
valu("v_min_num_f32", F32, (F32, F32), min_num, gens=(12,))
valu("v_max_num_f32", F32, (F32, F32), max_num, gens=(12,))
valu("v_minimum_f32", F32, (F32, F32), np.minimum, gens=(12,))
valu("v_maximum_f32", F32, (F32, F32), np.maximum, gens=(12,))
valu("v_max3_f32", F32, (F32, F32, F32), lambda x, y, z: max_num(max_num(x, y), z), gens=(9, 10, 11))
valu("v_min3_f32", F32, (F32, F32, F32), lambda x, y, z: min_num(min_num(x, y), z), gens=(9, 10, 11))
valu("v_floor_f32", F32, (F32,), np.floor)
valu("v_ceil_f32", F32, (F32,), np.ceil)
valu("v_trunc_f32", F32, (F32,), np.trunc)
valu("v_rndne_f32", F32, (F32,), np.rint)
valu("v_rcp_f32", F32, (F32,), lambda x: 1 / x, rtol=2e-7)
valu("v_rsq_f32", F32, (F32,), lambda x: (1 / np.sqrt(x.astype(np.float64))).astype(np.float32), rtol=2e-7)
valu("v_sqrt_f32", F32, (F32,), np.sqrt, rtol=2e-7)
valu("v_exp_f32", F32, (F32,), lambda x: np.exp2(x.astype(np.float64)).astype(np.float32), rtol=3e-7)
valu("v_log_f32", F32, (F32,), lambda x: np.log2(x.astype(np.float64)).astype(np.float32), rtol=3e-7)
valu("v_ldexp_f32", F32, (F32, I32), lambda x, e: np.ldexp(x, np.clip(e, -400, 400)))
valu("v_frexp_mant_f32", F32, (F32,), lambda x: np.where(np.isfinite(x), np.frexp(x)[0], x))
valu("v_frexp_exp_i32_f32", I32, (F32,), lambda x: np.where(np.isfinite(x), np.frexp(x)[1], 0))
form("v_fmac_f32", "v_fmac_f32 {d}, {x}, {y}", F32, (F32, F32), fma64, old=True, rtol=6e-8)
form("f32 neg and abs", "v_add_f32_e64 {d}, -{x}, |{y}|", F32, (F32, F32), lambda x, y: -x + np.abs(y))
form("f32 -abs", "v_mul_f32_e64 {d}, -|{x}|, {y}", F32, (F32, F32), lambda x, y: -np.abs(x) * y)
form(
    "f32 clamp",
    "v_add_f32_e64 {d}, {x}, {y} clamp",
    F32,
    (F32, F32),
    lambda x, y: np.where(np.isnan(x + y), 0, np.clip(x + y, 0, 1)).astype(np.float32),
)
form("f32 mul:2", "v_add_f32_e64 {d}, {x}, {y} mul:2", F32, (F32, F32), lambda x, y: (x + y) * np.float32(2))
form(
    "f32 div:2", "v_add_f32_e64 {d}, {x}, {y} div:2", F32, (F32, F32), lambda x, y: (x + y) * np.float32(0.5)
)
form("f32 inline constant", "v_mul_f32 {d}, 0.5, {x}", F32, (F32,), lambda x: x * np.float32(0.5))
form("f32 literal", "v_mul_f32 {d}, 0x40490fdb, {x}", F32, (F32,), lambda x: x * np.float32(np.pi))
form("f32 inline integer", "v_add_u32_e64 {d}, -7, {x}", U32, (U32,), lambda x: x - np.uint32(7), gens=CDNA)

# f64
valu("v_add_f64", F64, (F64, F64), lambda x, y: x + y)
valu("v_mul_f64", F64, (F64, F64), lambda x, y: x * y)
valu("v_fma_f64", F64, (F64, F64, F64), fma64, rtol=2e-16)
valu("v_floor_f64", F64, (F64,), np.floor)
valu("v_ceil_f64", F64, (F64,), np.ceil)
valu("v_trunc_f64", F64, (F64,), np.trunc)
valu("v_rndne_f64", F64, (F64,), np.rint)
valu("v_ldexp_f64", F64, (F64, I32), lambda x, e: np.ldexp(x, np.clip(e, -4000, 4000)))
valu("v_rcp_f64", F64, (F64,), lambda x: 1 / x, rtol=1e-8)
valu("v_sqrt_f64", F64, (F64,), np.sqrt, rtol=1e-8)
form(
    "f64 literal is the high half",
    "v_mul_f64 {d}, {x}, 0x40200000",
    F64,
    (F64,),
    lambda x: x * 8.0,
    gens=RDNA,
)
form("f64 inline constant", "v_add_f64 {d}, {x}, -4.0", F64, (F64,), lambda x: x - 4.0)

# f16
valu("v_add_f16", F16, (F16, F16), lambda x, y: x + y)
valu("v_sub_f16", F16, (F16, F16), lambda x, y: x - y)
valu("v_mul_f16", F16, (F16, F16), lambda x, y: x * y)
valu("v_fma_f16", F16, (F16, F16, F16), fma64)
valu("v_max_f16", F16, (F16, F16), max_num, gens=(9, 10, 11))
valu("v_min_f16", F16, (F16, F16), min_num, gens=(9, 10, 11))
valu("v_max_num_f16", F16, (F16, F16), max_num, gens=(12,))
valu("v_floor_f16", F16, (F16,), np.floor)
valu("v_rndne_f16", F16, (F16,), np.rint)
valu("v_sqrt_f16", F16, (F16,), np.sqrt)
valu("v_rcp_f16", F16, (F16,), lambda x: (1 / x.astype(np.float32)).astype(np.float16))
valu("v_lshlrev_b16", U16, (U16, U16), lambda x, y: y << (x & 15))
valu("v_mul_lo_u16", U16, (U16, U16), lambda x, y: x * y)
valu("v_ashrrev_i16", I16, (U16, I16), lambda x, y: y >> (x & 15).astype(np.int16))
valu("v_max_i16", I16, (I16, I16), np.maximum)
valu("v_min_u16", U16, (U16, U16), np.minimum)

# integers
valu("v_add_nc_u32", U32, (U32, U32), lambda x, y: x + y, gens=RDNA)
valu("v_sub_nc_u32", U32, (U32, U32), lambda x, y: x - y, gens=RDNA)
valu("v_add_u32", U32, (U32, U32), lambda x, y: x + y, gens=CDNA)
valu("v_sub_u32", U32, (U32, U32), lambda x, y: x - y, gens=CDNA)
form(
    "u32 clamp",
    "v_sub_nc_u32_e64 {d}, {x}, {y} clamp",
    U32,
    (U32, U32),
    lambda x, y: np.where(y > x, 0, x - y),
    gens=RDNA,
)
form(
    "i32 clamp",
    "v_add_nc_i32 {d}, {x}, {y} clamp",
    I32,
    (I32, I32),
    lambda x, y: np.clip(s64(x) + s64(y), -(2**31), 2**31 - 1).astype(np.int32),
    gens=RDNA,
)
valu("v_add3_u32", U32, (U32, U32, U32), lambda x, y, z: x + y + z)
valu("v_lshl_add_u32", U32, (U32, U32, U32), lambda x, y, z: (x << shift(y)) + z)
valu("v_add_lshl_u32", U32, (U32, U32, U32), lambda x, y, z: (x + y) << shift(z))
valu("v_xad_u32", U32, (U32, U32, U32), lambda x, y, z: (x ^ y) + z)
valu("v_mul_lo_u32", U32, (U32, U32), lambda x, y: x * y)
valu("v_mul_hi_u32", U32, (U32, U32), lambda x, y: (u64(x) * u64(y) >> 32).astype(np.uint32))
valu("v_mul_hi_i32", U32, (I32, I32), lambda x, y: (s64(x) * s64(y) >> 32).astype(np.uint32))
valu("v_mul_u32_u24", U32, (U32, U32), lambda x, y: low32(u64(x & 0xFFFFFF) * u64(y & 0xFFFFFF)))
valu("v_mul_i32_i24", U32, (U32, U32), lambda x, y: low32(sext(x, 24) * sext(y, 24)))
valu(
    "v_mad_u32_u24",
    U32,
    (U32, U32, U32),
    lambda x, y, z: low32(u64(x & 0xFFFFFF) * u64(y & 0xFFFFFF) + u64(z)),
)
valu("v_and_b32", U32, (U32, U32), lambda x, y: x & y)
valu("v_or_b32", U32, (U32, U32), lambda x, y: x | y)
valu("v_xor_b32", U32, (U32, U32), lambda x, y: x ^ y)
valu("v_not_b32", U32, (U32,), lambda x: ~x)
valu("v_bfrev_b32", U32, (U32,), reverse)
valu("v_bcnt_u32_b32", U32, (U32, U32), lambda x, y: popcount(x) + y)
valu("v_and_or_b32", U32, (U32, U32, U32), lambda x, y, z: (x & y) | z)
valu("v_or3_b32", U32, (U32, U32, U32), lambda x, y, z: x | y | z)
valu("v_xor3_b32", U32, (U32, U32, U32), lambda x, y, z: x ^ y ^ z, gens=RDNA)
valu("v_bfi_b32", U32, (U32, U32, U32), lambda x, y, z: (x & y) | (~x & z))
valu(
    "v_bfe_u32",
    U32,
    (U32, U32, U32),
    lambda x, y, z: low32((u64(x) >> u64(shift(y))) & ((np.uint64(1) << u64(shift(z))) - np.uint64(1))),
)
valu("v_bfe_i32", I32, (I32, U32, U32), lambda x, y, z: _bfe_i32(x, shift(y), shift(z)))
valu("v_lshlrev_b32", U32, (U32, U32), lambda x, y: y << shift(x))
valu("v_lshrrev_b32", U32, (U32, U32), lambda x, y: y >> shift(x))
valu("v_ashrrev_i32", I32, (U32, I32), lambda x, y: y >> shift(x).astype(np.int32))
valu("v_lshl_or_b32", U32, (U32, U32, U32), lambda x, y, z: (x << shift(y)) | z)
valu("v_alignbit_b32", U32, (U32, U32, U32), lambda x, y, z: low32((u64(x) << 32 | u64(y)) >> u64(shift(z))))
valu(
    "v_alignbyte_b32",
    U32,
    (U32, U32, U32),
    lambda x, y, z: low32((u64(x) << 32 | u64(y)) >> u64(8 * (z & 3))),
)
valu("v_perm_b32", U32, (U32, U32, U32), lambda x, y, z: _perm(x, y, z))
valu("v_min_u32", U32, (U32, U32), np.minimum)
valu("v_max_i32", I32, (I32, I32), np.maximum)
valu("v_med3_i32", I32, (I32, I32, I32), lambda x, y, z: np.sort(np.stack([x, y, z]), 0)[1])
valu("v_max3_u32", U32, (U32, U32, U32), lambda x, y, z: np.maximum(np.maximum(x, y), z))
valu("v_maxmin_i32", I32, (I32, I32, I32), lambda x, y, z: np.minimum(np.maximum(x, y), z), gens=(11, 12))
valu("v_minmax_u32", U32, (U32, U32, U32), lambda x, y, z: np.maximum(np.minimum(x, y), z), gens=(11, 12))
form(
    "v_movrels_b32",
    "v_mov_b32 v22, {x}\ns_mov_b32 m0, 2\nv_movrels_b32 {d}, v20",
    U32,
    (U32,),
    lambda x: x,
    gens=RDNA,
    clobbers=("v22", "m0"),
)
form(
    "v_movreld_b32",
    "s_mov_b32 m0, 3\nv_movreld_b32 v20, {x}\nv_mov_b32 {d}, v23",
    U32,
    (U32,),
    lambda x: x,
    gens=RDNA,
    clobbers=("v20", "v23", "m0"),
)
valu("v_sad_u32", U32, (U32, U32, U32), lambda x, y, z: np.where(x > y, x - y, y - x) + z)
valu("v_ffbh_u32", U32, (U32,), lead, gens=(9, 10))
valu("v_ffbl_b32", U32, (U32,), trail, gens=(9, 10))
valu("v_clz_i32_u32", U32, (U32,), lead, gens=(11, 12))
valu("v_ctz_i32_b32", U32, (U32,), trail, gens=(11, 12))
valu("v_lshlrev_b64", U64, (U32, U64), lambda x, y: y << u64(x & 63))
valu("v_lshrrev_b64", U64, (U32, U64), lambda x, y: y >> u64(x & 63))
valu("v_ashrrev_i64", I64, (U32, I64), lambda x, y: y >> s64(x & 63))
valu(
    "v_lshl_add_u64", U64, (U64, U32, U64), lambda x, y, z: (x << u64(y & 7)) + z, archs=("gfx942", "gfx950")
)
form(
    "v_mad_u64_u32",
    "v_mad_u64_u32 {d}, {vcc}, {x}, {y}, {z}",
    U64,
    (U32, U32, U64),
    lambda x, y, z: u64(x) * u64(y) + z,
    gens=(9, 10, 11),
    clobbers=("vcc",),
)
form(
    "v_mad_i64_i32",
    "v_mad_co_i64_i32 {d}, {vcc}, {x}, {y}, {z}",
    I64,
    (I32, I32, I64),
    lambda x, y, z: s64(x) * s64(y) + z,
    gens=(12,),
    clobbers=("vcc",),
)
form(
    "carry out",
    "v_add_co_u32 {d}, {vcc}, {x}, {y}\nv_cndmask_b32 {d}, 0, 1, {vcc}",
    U32,
    (U32, U32),
    lambda x, y: (u64(x) + u64(y) >> 32).astype(np.uint32),
    clobbers=("vcc",),
)
form(
    "carry in",
    "v_cmp_lt_u32 {vcc}, {x}, {y}\nv_addc_co_u32 {d}, {vcc}, {x}, {y}, {vcc}",
    U32,
    (U32, U32),
    lambda x, y: x + y + (x < y).astype(np.uint32),
    gens=CDNA,
    clobbers=("vcc",),
)
form(
    "borrow",
    "v_cmp_lt_u32 {vcc}, {x}, {y}\nv_sub_co_ci_u32 {d}, {vcc}, {x}, {y}, {vcc}",
    U32,
    (U32, U32),
    lambda x, y: x - y - (x < y).astype(np.uint32),
    gens=RDNA,
    clobbers=("vcc",),
)
form(
    "v_bitop3_b32",
    "v_bitop3_b32 {d}, {x}, {y}, {z} bitop3:0xca",
    U32,
    (U32, U32, U32),
    lambda x, y, z: (x & y) | (~x & z),
    archs=("gfx950",),
)

# conversions
valu("v_cvt_f32_i32", F32, (I32,), lambda x: x.astype(np.float32))
valu("v_cvt_f32_u32", F32, (U32,), lambda x: x.astype(np.float32))
valu("v_cvt_i32_f32", I32, (F32,), lambda x: saturating(x, np.int32))
valu("v_cvt_u32_f32", U32, (F32,), lambda x: saturating(x, np.uint32))
valu("v_cvt_f32_ubyte0", F32, (U32,), lambda x: (x & 255).astype(np.float32))
valu("v_cvt_f32_ubyte3", F32, (U32,), lambda x: (x >> 24).astype(np.float32))
valu("v_cvt_f64_f32", F64, (F32,), lambda x: x.astype(np.float64))
valu("v_cvt_f32_f64", F32, (F64,), lambda x: x.astype(np.float32))
valu("v_cvt_f64_i32", F64, (I32,), lambda x: x.astype(np.float64))
valu("v_cvt_i32_f64", I32, (F64,), lambda x: saturating(x, np.int32))
valu("v_cvt_f16_f32", F16, (F32,), lambda x: x.astype(np.float16))
valu("v_cvt_f32_f16", F32, (F16,), lambda x: x.astype(np.float32))
valu("v_cvt_f16_i16", F16, (I16,), lambda x: x.astype(np.float16))
valu("v_cvt_i16_f16", I16, (F16,), lambda x: saturating(x, np.int16))
valu(
    "v_cvt_pkrtz_f16_f32", U32, (F32, F32), lambda x, y: join(_toward_zero(x), _toward_zero(y)), gens=(9, 10)
)
valu(
    "v_cvt_pk_rtz_f16_f32",
    U32,
    (F32, F32),
    lambda x, y: join(_toward_zero(x), _toward_zero(y)),
    gens=(11, 12),
)
valu("v_cvt_pk_bf16_f32", U32, (F32, F32), lambda x, y: join(to_bf16(x), to_bf16(y)), archs=("gfx950",))


# 8-bit floats: CDNA3 has the fnuz family, CDNA4 and RDNA4 the OCP one.
def _fp8_rows(name, fnuz, ocp):
    for dtype, archs in ((fnuz, ("gfx942",)), (ocp, ("gfx950", "gfx12"))):
        form(
            f"v_cvt_pk_{name}_f32 {np.dtype(dtype)}",
            f"v_cvt_pk_{name}_f32 {{d}}, {{x}}, {{y}}",
            U32,
            (F32, F32),
            lambda x, y, old, dtype=dtype: (old & 0xFFFF0000) | to_fp8(x, dtype) | to_fp8(y, dtype) << 8,
            old=True,
            archs=archs,
        )
        form(
            f"v_cvt_f32_{name} {np.dtype(dtype)}",
            f"v_cvt_f32_{name} {{d}}, {{x}}",
            F32,
            (U32,),
            lambda x, dtype=dtype: from_fp8(x, dtype),
            archs=archs,
        )
    form(
        f"v_cvt_f32_{name} sdwa",
        f"v_cvt_f32_{name}_sdwa {{d}}, {{x}} src0_sel:BYTE_2",
        F32,
        (U32,),
        lambda x: from_fp8(x >> 16, fnuz),
        archs=("gfx942",),
    )
    form(
        f"v_cvt_f32_{name} byte_sel",
        f"v_cvt_f32_{name}_e64 {{d}}, {{x}} byte_sel:3",
        F32,
        (U32,),
        lambda x: from_fp8(x >> 24, ocp),
        gens=(12,),
    )


_fp8_rows("fp8", ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e4m3fn)
_fp8_rows("bf8", ml_dtypes.float8_e5m2fnuz, ml_dtypes.float8_e5m2)

# packed and mixed
H2 = U32  # two halves in a word
valu("v_pk_add_f16", H2, (H2, H2), lambda x, y: _packed(np.add, x, y), parts=F16)
valu("v_pk_mul_f16", H2, (H2, H2), lambda x, y: _packed(np.multiply, x, y), parts=F16)
valu("v_pk_fma_f16", H2, (H2, H2, H2), lambda x, y, z: _packed(fma64, x, y, z), parts=F16)
valu("v_pk_add_u16", H2, (H2, H2), lambda x, y: _packed(np.add, x, y, dtype=np.uint16))
valu(
    "v_pk_lshlrev_b16", H2, (H2, H2), lambda x, y: _packed(lambda a, b: b << (a & 15), x, y, dtype=np.uint16)
)
valu("v_pk_max_i16", H2, (H2, H2), lambda x, y: _packed(np.maximum, x, y, dtype=np.int16))
form(
    "pk op_sel",
    "v_pk_add_f16 {d}, {x}, {y} op_sel:[1,0] op_sel_hi:[0,1]",
    H2,
    (H2, H2),
    lambda x, y: _packed(np.add, (x >> 16) | (x << 16), y),
    parts=F16,
)
form(
    "pk neg",
    "v_pk_add_f16 {d}, {x}, {y} neg_lo:[1,0] neg_hi:[0,1]",
    H2,
    (H2, H2),
    lambda x, y: _packed(np.add, x ^ np.uint32(0x8000), y ^ np.uint32(0x80000000)),
    parts=F16,
)
valu(
    "v_pk_add_f32",
    U64,
    (U64, U64),
    lambda x, y: _packed_floats(np.add, x, y),
    parts=F32,
    archs=("gfx90a", "gfx942", "gfx950"),
)
valu(
    "v_pk_mul_f32",
    U64,
    (U64, U64),
    lambda x, y: _packed_floats(np.multiply, x, y),
    parts=F32,
    archs=("gfx90a", "gfx942", "gfx950"),
)
form(
    "pk f32 op_sel",
    "v_pk_add_f32 {d}, {x}, {y} op_sel:[1,0] op_sel_hi:[0,1]",
    U64,
    (U64, U64),
    lambda x, y: _packed_floats(np.add, (x >> 32) | (x << 32), y),
    parts=F32,
    archs=("gfx90a", "gfx942", "gfx950"),
)
form(
    "v_pk_mov_b32",
    "v_pk_mov_b32 {d}, {x}, {y} op_sel:[1,0]",
    U64,
    (U64, U64),
    lambda x, y: (x >> 32) | (y & 0xFFFFFFFF) << 32,
    archs=("gfx90a", "gfx942", "gfx950"),
)
form(
    "v_fma_mix_f32",
    "v_fma_mix_f32 {d}, {x}, {y}, {z} op_sel:[1,0,0] op_sel_hi:[1,1,0]",
    F32,
    (U32, U32, F32),
    lambda x, y, z: fma64(
        halves(x, np.float16)[1].astype(np.float32), halves(y, np.float16)[0].astype(np.float32), z
    ),
    rtol=6e-8,
)
valu(
    "v_dot2_f32_f16",
    F32,
    (H2, H2, F32),
    lambda x, y, z: _dot2(x, y, z, lambda v: v.view(np.float16).astype(np.float32)),
    rtol=1e-6,
    archs=("gfx9", "gfx10", "gfx11", "gfx12"),
    wide=True,
)
valu(
    "v_dot2_f32_bf16",
    F32,
    (H2, H2, F32),
    lambda x, y, z: _dot2(x, y, z, bf16),
    rtol=1e-6,
    archs=("gfx950", "gfx11", "gfx12"),
    wide=True,
)
valu("v_dot4_i32_i8", U32, (U32, U32, U32), lambda x, y, z: dot(x, y, 8, True, True) + z, gens=(9, 10))
valu("v_dot8_u32_u4", U32, (U32, U32, U32), lambda x, y, z: dot(x, y, 4, False, False) + z)
form(
    "v_dot4_i32_iu8",
    "v_dot4_i32_iu8 {d}, {x}, {y}, {z} neg_lo:[1,0,0]",
    U32,
    (U32, U32, U32),
    lambda x, y, z: dot(x, y, 8, True, False) + z,
    gens=(11, 12),
)

# compares
for _suffix, _type in (("f32", F32), ("f64", F64), ("f16", F16)):
    compare(f"v_cmp_lt_{_suffix}", _type, np.less)
    compare(f"v_cmp_eq_{_suffix}", _type, np.equal)
    compare(f"v_cmp_ge_{_suffix}", _type, np.greater_equal)
    compare(f"v_cmp_lg_{_suffix}", _type, lambda x, y: (x < y) | (x > y))
    compare(f"v_cmp_nlt_{_suffix}", _type, lambda x, y: ~(x < y))
    compare(f"v_cmp_neq_{_suffix}", _type, np.not_equal)
    compare(f"v_cmp_u_{_suffix}", _type, lambda x, y: np.isnan(x) | np.isnan(y))
for _suffix, _type in (("i32", I32), ("u32", U32), ("i64", I64), ("u64", U64), ("i16", I16), ("u16", U16)):
    compare(f"v_cmp_lt_{_suffix}", _type, np.less)
    compare(f"v_cmp_ne_{_suffix}", _type, np.not_equal)
    compare(f"v_cmp_ge_{_suffix}", _type, np.greater_equal)
form(
    "v_cmp_class_f32",
    "v_cmp_class_f32 {vcc}, {x}, {y}\nv_cndmask_b32 {d}, 0, 1, {vcc}",
    U32,
    (F32, U32),
    lambda x, y: ((y >> _float_class(x)) & 1).astype(np.uint32),
    clobbers=("vcc",),
)
form(
    "v_cndmask_b32 neg",
    "v_cmp_gt_u32 {vcc}, {x}, {y}\nv_cndmask_b32_e64 {d}, {x}, -{y}, {vcc}",
    U32,
    (U32, U32),
    lambda x, y: np.where(x > y, y ^ np.uint32(1 << 31), x),
    clobbers=("vcc",),
)


# lanes
VOPD_SOURCES = "v_mov_b32 v20, {x}\nv_mov_b32 v21, {y}\n"


def _from(index):
    return lambda x: x[:, index(np.arange(x.shape[1]))]


form(
    "dpp quad_perm",
    "v_mov_b32_dpp {d}, {x} quad_perm:[3,0,2,1] row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i & ~3 | np.array([3, 0, 2, 1])[i & 3]),
)
form(
    "dpp row_ror",
    "v_mov_b32_dpp {d}, {x} row_ror:5 row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i & ~15 | (i - 5) & 15),
)
form(
    "dpp row_mirror",
    "v_mov_b32_dpp {d}, {x} row_mirror row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i ^ 15),
)
form(
    "dpp row_half_mirror",
    "v_mov_b32_dpp {d}, {x} row_half_mirror row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i ^ 7),
)
form(
    "dpp row_shr keeps",
    "v_mov_b32_dpp {d}, {x} row_shr:3 row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    lambda x, old: np.where(np.arange(x.shape[1]) % 16 >= 3, np.roll(x, 3, 1), old),
    old=True,
)
form(
    "dpp row_shl bound_ctrl",
    "v_mov_b32_dpp {d}, {x} row_shl:2 row_mask:0xf bank_mask:0xf bound_ctrl:1",
    U32,
    (U32,),
    lambda x: np.where(np.arange(x.shape[1]) % 16 < 14, np.roll(x, -2, 1), 0),
)
form(
    "dpp masks",
    "v_add_f32_dpp {d}, {x}, {y} row_ror:1 row_mask:0x5 bank_mask:0x3",
    F32,
    (F32, F32),
    lambda x, y, old: np.where(_dpp_masks(x), _from(lambda i: i & ~15 | (i - 1) & 15)(x) + y, old),
    old=True,
)
form(
    "dpp row_bcast",
    "v_mov_b32_dpp {d}, {x} row_bcast:15 row_mask:0xa bank_mask:0xf",
    U32,
    (U32,),
    lambda x, old: np.where(
        np.arange(64) // 16 % 2 == 1, x[:, np.maximum(np.arange(64) // 16 * 16 - 1, 0)], old
    ),
    old=True,
    gens=CDNA,
)
form(
    "dpp row_newbcast",
    "v_mov_b32_dpp {d}, {x} row_newbcast:4 row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i & ~15 | 4),
    gens=CDNA,
)
form(
    "dpp row_share",
    "v_mov_b32_dpp {d}, {x} row_share:9 row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i & ~15 | 9),
    gens=RDNA,
)
form(
    "dpp row_xmask",
    "v_mov_b32_dpp {d}, {x} row_xmask:6 row_mask:0xf bank_mask:0xf",
    U32,
    (U32,),
    _from(lambda i: i ^ 6),
    gens=RDNA,
)
form(
    "dpp8",
    "v_mov_b32_dpp {d}, {x} dpp8:[7,6,5,4,0,1,2,3]",
    U32,
    (U32,),
    _from(lambda i: i & ~7 | np.array([7, 6, 5, 4, 0, 1, 2, 3])[i & 7]),
    gens=RDNA,
)
form(
    "v_permlane16_b32",
    "v_permlane16_b32 {d}, {x}, s20, s21",
    U32,
    (U32,),
    lambda x: x[
        :, np.arange(32) & ~15 | np.array([int(c, 16) for c in "fedcba9876543210"])[np.arange(32) & 15]
    ],
    gens=RDNA,
    clobbers=("s20=0x89abcdef", "s21=0x01234567"),
)
form(
    "v_permlanex16_b32",
    "v_permlanex16_b32 {d}, {x}, s20, s21",
    U32,
    (U32,),
    lambda x: x[
        :, np.arange(32) & ~15 ^ 16 | np.array([int(c, 16) for c in "fedcba9876543210"])[np.arange(32) & 15]
    ],
    gens=RDNA,
    clobbers=("s20=0x89abcdef", "s21=0x01234567"),
)
form(
    "v_readlane_b32",
    "v_readlane_b32 s20, {x}, 5\nv_mov_b32 {d}, s20",
    U32,
    (U32,),
    lambda x: np.repeat(x[:, 5:6], x.shape[1], 1),
    clobbers=("s20",),
)
form(
    "v_writelane_b32",
    "v_mov_b32 {d}, {x}\nv_writelane_b32 {d}, 42, 7",
    U32,
    (U32,),
    lambda x: np.where(np.arange(x.shape[1]) == 7, np.uint32(42), x),
)
form(
    "ds_bpermute_b32",
    "v_lshlrev_b32 {d}, 2, {y}\nds_bpermute_b32 {d}, {d}, {x}\ns_waitcnt lgkmcnt(0)",
    U32,
    (U32, U32),
    lambda x, y: np.take_along_axis(x, (y & (x.shape[1] - 1)).astype(np.int64), 1),
    gens=(9, 10, 11),
)
form(
    "ds_swizzle_b32",
    "ds_swizzle_b32 {d}, {x} offset:swizzle(SWAP,16)\ns_waitcnt lgkmcnt(0)",
    U32,
    (U32,),
    _from(lambda i: i ^ 16),
    gens=(9, 10, 11),
)
form(
    "ds_swizzle bitmask",
    'ds_swizzle_b32 {d}, {x} offset:swizzle(BITMASK_PERM, "01pip")\ns_waitcnt lgkmcnt(0)',
    U32,
    (U32,),
    _from(lambda i: (i & 32) | 8 | (i & 5) | (~i & 2)),
    gens=(9, 10, 11),
)
form(
    "exec mask",
    "s_mov_b32 s20, exec_lo\ns_mov_b32 exec_lo, 0x0f0f0f0f\nv_mov_b32 {d}, {x}\ns_mov_b32 exec_lo, s20",
    U32,
    (U32,),
    lambda x, old: np.where(np.arange(32) & 4, old, x),
    old=True,
    gens=RDNA,
    clobbers=("s20",),
)
form(
    "sdwa",
    "v_add_u32_sdwa {d}, {x}, {y} dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:BYTE_2 src1_sel:WORD_1",
    U32,
    (U32, U32),
    lambda x, y, old: (((x >> 16 & 255) + (y >> 16)) << 16) | (old & 0xFFFF),
    old=True,
    archs=("gfx90a", "gfx942"),
)
form(
    "sdwa sext",
    "v_mov_b32_sdwa {d}, sext({x}) dst_sel:DWORD src0_sel:BYTE_1",
    U32,
    (U32,),
    lambda x: sext(x >> 8, 8).astype(np.uint32),
    archs=("gfx90a", "gfx942", "gfx1030"),
)
form(
    "vopd swap",
    VOPD_SOURCES + "v_dual_mov_b32 v20, v21 :: v_dual_mov_b32 v21, v20\nv_sub_nc_u32 {d}, v20, v21",
    U32,
    (U32, U32),
    lambda x, y: y - x,
    gens=(11, 12),
    clobbers=("v20", "v21"),
)
form(
    "vopd",
    VOPD_SOURCES + "v_dual_mul_f32 v20, v20, v21 :: v_dual_add_f32 v23, v21, v20\nv_add_f32 {d}, v20, v23",
    F32,
    (F32, F32),
    lambda x, y: x * y + (x + y),
    gens=(11, 12),
    clobbers=("v20", "v21", "v23"),
)
form(
    "high halves (true16)",
    "v_add_f16_e64 {d}.h, {x}.h, {y}.l",
    U32,
    (U32, U32),
    lambda x, y, old: (
        (old & 0xFFFF)
        | join(halves(x, np.float16)[1] + halves(y, np.float16)[0], np.zeros(1, np.float16)) << 16
    ),
    old=True,
    gens=(11,),
    parts=F16,
)
form(
    "high halves (op_sel)",
    "v_fma_f16 {d}, {x}, {y}, 1.0 op_sel:[1,0,0,1]",
    U32,
    (U32, U32),
    lambda x, y, old: (
        (old & 0xFFFF)
        | join(
            fma64(halves(x, np.float16)[1], halves(y, np.float16)[0], np.ones(1, np.float16)),
            np.zeros(1, np.float16),
        )
        << 16
    ),
    old=True,
    gens=(9, 10),
    parts=F16,
)

# scalar unit
salu("s_and_b32", U32, (U32, U32), lambda x, y: x & y)
salu("s_xor_b64", U64, (U64, U64), lambda x, y: x ^ y)
salu("s_lshl_b32", U32, (U32, U32), lambda x, y: x << shift(y))
salu("s_ashr_i32", I32, (I32, U32), lambda x, y: x >> shift(y).astype(np.int32))
salu("s_lshr_b64", U64, (U64, U32), lambda x, y: x >> u64(y & 63))
salu("s_mul_i32", U32, (U32, U32), lambda x, y: x * y)
salu("s_mul_hi_u32", U32, (U32, U32), lambda x, y: (u64(x) * u64(y) >> 32).astype(np.uint32))
salu("s_min_i32", I32, (I32, I32), np.minimum)
salu("s_max_u32", U32, (U32, U32), np.maximum)
salu("s_bfe_u32", U32, (U32, U32), lambda x, y: low32((u64(x) >> u64(y & 31)) & _ones(y >> 16 & 127)))
salu("s_bcnt1_i32_b32", U32, (U32,), popcount)
salu("s_brev_b32", U32, (U32,), reverse)
salu("s_abs_i32", I32, (I32,), np.abs)
salu("s_sext_i32_i8", I32, (U32,), lambda x: sext(x, 8).astype(np.int32))
salu("s_pack_ll_b32_b16", U32, (U32, U32), lambda x, y: (x & 0xFFFF) | y << 16)
salu("s_lshl2_add_u32", U32, (U32, U32), lambda x, y: (x << 2) + y)
salu("s_add_f32", F32, (F32, F32), lambda x, y: x + y, archs=("gfx1151", "gfx12"))
salu("s_cvt_i32_f32", I32, (F32,), lambda x: saturating(x, np.int32), archs=("gfx1151", "gfx12"))
salu("v_s_rcp_f32", F32, (F32,), lambda x: 1 / x, gens=(12,), rtol=2e-7)
salu("s_mul_u64", U64, (U64, U64), lambda x, y: x * y, gens=(12,))
scc(
    "s_add_u32 carry",
    "s_add_u32 {d}, {x}, {y}",
    (U32, U32),
    lambda x, y: u64(x) + u64(y) >> 32,
    gens=(9, 10, 11),
)
scc(
    "s_add_i32 overflow",
    "s_add_i32 {d}, {x}, {y}",
    (I32, I32),
    lambda x, y: (s64(x) + s64(y)) != (x + y),
    gens=(9, 10, 11),
)
scc("s_sub_u32 borrow", "s_sub_u32 {d}, {x}, {y}", (U32, U32), lambda x, y: y > x, gens=(9, 10, 11))
scc("s_cmp_lt_i32", "s_cmp_lt_i32 {x}, {y}", (I32, I32), np.less)
scc("s_cmp_ge_u32", "s_cmp_ge_u32 {x}, {y}", (U32, U32), np.greater_equal)
scc("s_cmp_eq_u64", "s_cmp_eq_u64 {x}, {y}", (U64, U64), np.equal)
scc("s_bitcmp1_b32", "s_bitcmp1_b32 {x}, {y}", (U32, U32), lambda x, y: x >> shift(y) & 1)
form(
    "s_cbranch",
    "s_cmp_lt_u32 {x}, {y}\ns_cbranch_scc1 1f\ns_mov_b32 {d}, 3\ns_branch 2f\n1:\ns_mov_b32 {d}, 4\n2:",
    U32,
    (U32, U32),
    lambda x, y: np.where(x < y, 4, 3).astype(np.uint32),
    scalar=True,
    clobbers=("scc",),
)


# Longer references
def _bfe_i32(x, offset, width):
    moved = s64(x) >> s64(offset)
    kept = moved & ((np.int64(1) << s64(width)) - 1)
    sign = np.where(width > 0, kept >> np.maximum(s64(width) - 1, 0) & 1, 0)
    return (kept - (sign << s64(width))).astype(np.int32)


def _perm(x, y, z):
    data = u64(x) << 32 | u64(y)
    out = np.zeros_like(x)
    for i in range(4):
        s = u64(z >> np.uint32(8 * i) & 255)
        byte = data >> (8 * np.minimum(s, 7)) & 255
        sign = np.where(data >> (16 * (np.clip(s, 8, 11) - 8) + 15) & 1, 255, 0)
        byte = np.where(s < 8, byte, np.where(s < 12, sign, np.where(s == 12, 0, 255)))
        out |= byte.astype(np.uint32) << np.uint32(8 * i)
    return out


def _toward_zero(x):
    half = x.astype(np.float16)
    over = np.abs(half.astype(np.float32)) > np.abs(x)
    return np.where(over & np.isfinite(x), np.nextafter(half, np.float16(0)), half)


def _packed(op, *words, dtype=np.float16):
    pairs = [halves(word, dtype) for word in words]
    return join(*(op(*(pair[i] for pair in pairs)).astype(dtype) for i in (0, 1)))


def _packed_floats(op, *words):
    parts = [word.copy().view(np.float32).reshape(*word.shape, 2) for word in words]
    return op(*parts).astype(np.float32).reshape(*words[0].shape[:-1], -1).view(np.uint64)


def _dot2(x, y, z, widen):
    (a, b), (c, d) = halves(x), halves(y)
    return widen(a) * widen(c) + widen(b) * widen(d) + z


def _float_class(x):
    bits = x.view(np.uint32)
    negative, subnormal = np.signbit(x), (x != 0) & (np.abs(x) < np.finfo(np.float32).tiny)
    kind = np.where(negative, 3, 8)
    kind = np.where(subnormal, np.where(negative, 4, 7), kind)
    kind = np.where(x == 0, np.where(negative, 5, 6), kind)
    kind = np.where(np.isinf(x), np.where(negative, 2, 9), kind)
    return np.where(np.isnan(x), np.where(bits >> 22 & 1, 1, 0), kind).astype(np.uint32)


def _dpp_masks(x):
    lane = np.arange(x.shape[1])
    return (0x5 >> (lane // 16) & 1).astype(bool) & (0x3 >> (lane % 16 // 4) & 1).astype(bool)


def _ones(width):
    width = np.minimum(u64(width), 32)
    return (np.uint64(1) << width) - np.uint64(1)

// Matrix fragments behind one mma(): a wave computes C[16][16] += A[16][MMA_K] * B[MMA_K][16] with 16-bit A
// and B and float C. B is addressed as B^T[n][k], k contiguous, like A[m][k].
//
// A lane holds MMA_RUNS runs of neighbouring k of A (MMA_A_RUN long) and of B (MMA_B_RUN), and MMA_C elements of
// C. Where they lie is one layout row per instruction family (l = lane, e = element, r = run):
//
//   family  K   row of A         k of A      row of B^T   k of B    row of C            column of C
//   gfx11   16  l%16             0           l%16         0         2e + l/16           l%16
//   gfx12   16  l%16             8(l/16)     l%16         8(l/16)   8(l/16) + e         l%16
//   CDNA    32  l%16             8(l/16)     l%16         8(l/16)   4(l/16) + e         l%16
//   NVIDIA  32  l/4 + 8r         8(l%4)      l/4 + 8r     8(l%4)    l/4 + 8(e/2%2)      2(l%4) + e%2 + 8(e/4)
//   shuffle 32  as CDNA
//   none    16  l%8 + 8(l/16)    8(l/8%2)    l%16         0         8(l/16) + e         l%16
//
// Instructions whose own order of k differs from these contiguous runs (gfx12, CDNA, NVIDIA) see A and B
// permuted alike, which does not change the sum. MMA_NONE (RDNA1 and 2) and MMA_SHUFFLE (CDNA1 and older, waves of
// 64) are no instructions: FMAs and dot products that take operands from other lanes.
#pragma once
#include "dot.h"

#define MMA_NONE 0
#define MMA_WMMA_GFX11 1
#define MMA_WMMA_GFX12 2
#define MMA_MFMA_CDNA2 3
#define MMA_MFMA_CDNA3 4
#define MMA_MFMA_CDNA4 5
#define MMA_SYNC 6

#define MMA_SHUFFLE 7

#define MMA_IS_CDNA (MMA >= MMA_MFMA_CDNA2 && MMA <= MMA_MFMA_CDNA4 || MMA == MMA_SHUFFLE)  // by its lanes
#define MMA_BY_FMA (MMA == MMA_NONE || MMA == MMA_SHUFFLE)

#if MMA == MMA_WMMA_GFX11
constexpr int MMA_K = 16, MMA_A_RUN = 16, MMA_B_RUN = 16, MMA_RUNS = 1, MMA_C = 8;
DEVICE int mma_a_row(int) { return lane() % 16; }
DEVICE int mma_a_k() { return 0; }
DEVICE int mma_b_row(int) { return lane() % 16; }
DEVICE int mma_b_k() { return 0; }
DEVICE int mma_c_row(int e) { return 2 * e + lane() / 16; }
DEVICE int mma_c_col(int) { return lane() % 16; }
#elif MMA == MMA_WMMA_GFX12
constexpr int MMA_K = 16, MMA_A_RUN = 8, MMA_B_RUN = 8, MMA_RUNS = 1, MMA_C = 8;
DEVICE int mma_a_row(int) { return lane() % 16; }
DEVICE int mma_a_k() { return 8 * (lane() / 16); }
DEVICE int mma_b_row(int) { return lane() % 16; }
DEVICE int mma_b_k() { return 8 * (lane() / 16); }
DEVICE int mma_c_row(int e) { return 8 * (lane() / 16) + e; }
DEVICE int mma_c_col(int) { return lane() % 16; }
#elif MMA_IS_CDNA
constexpr int MMA_K = 32, MMA_A_RUN = 8, MMA_B_RUN = 8, MMA_RUNS = 1, MMA_C = 4;
DEVICE int mma_a_row(int) { return lane() % 16; }
DEVICE int mma_a_k() { return 8 * (lane() / 16); }
DEVICE int mma_b_row(int) { return lane() % 16; }
DEVICE int mma_b_k() { return 8 * (lane() / 16); }
DEVICE int mma_c_row(int e) { return 4 * (lane() / 16) + e; }
DEVICE int mma_c_col(int) { return lane() % 16; }
#elif MMA == MMA_SYNC
constexpr int MMA_K = 32, MMA_A_RUN = 8, MMA_B_RUN = 8, MMA_RUNS = 2, MMA_C = 8;
DEVICE int mma_a_row(int run) { return lane() / 4 + 8 * run; }
DEVICE int mma_a_k() { return 8 * (lane() % 4); }
DEVICE int mma_b_row(int run) { return lane() / 4 + 8 * run; }
DEVICE int mma_b_k() { return 8 * (lane() % 4); }
DEVICE int mma_c_row(int e) { return lane() / 4 + 8 * (e / 2 % 2); }
DEVICE int mma_c_col(int e) { return 2 * (lane() % 4) + e % 2 + 8 * (e / 4); }
#elif MMA == MMA_NONE
constexpr int MMA_K = 16, MMA_A_RUN = 8, MMA_B_RUN = 16, MMA_RUNS = 1, MMA_C = 8;
DEVICE int mma_a_row(int) { return lane() % 8 + 8 * (lane() / 16); }
DEVICE int mma_a_k() { return 8 * (lane() / 8 % 2); }
DEVICE int mma_b_row(int) { return lane() % 16; }
DEVICE int mma_b_k() { return 0; }
DEVICE int mma_c_row(int e) { return 8 * (lane() / 16) + e; }
DEVICE int mma_c_col(int) { return lane() % 16; }
#else
#error "MMA names no instruction family of mma.h"
#endif

template <class Type, int Run>
struct MmaFragment {
  Vec<Type, Run> run[MMA_RUNS];
};
template <class Type>
using MmaA = MmaFragment<Type, MMA_A_RUN>;
template <class Type>
using MmaB = MmaFragment<Type, MMA_B_RUN>;
struct MmaC {
  float v[MMA_C];
};

// From a tile with 16-byte aligned rows in LDS or memory: A[m][k] at tile[m * stride + k].
template <class Type>
DEVICE MmaA<Type> mma_load_a(const Type* tile, int stride) {
  MmaA<Type> a;
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) a.run[r] = load<MMA_A_RUN>(tile + mma_a_row(r) * stride + mma_a_k());
  return a;
}
// B[k][n] at tile[n * stride + k].
template <class Type>
DEVICE MmaB<Type> mma_load_b(const Type* tile, int stride) {
  MmaB<Type> b;
  UNROLL
  for (int r = 0; r < MMA_RUNS; r++) b.run[r] = load<MMA_B_RUN>(tile + mma_b_row(r) * stride + mma_b_k());
  return b;
}
DEVICE MmaC mma_zero() {
  MmaC c;
  UNROLL
  for (int e = 0; e < MMA_C; e++) c.v[e] = 0;
  return c;
}

#if GPU_AMD
typedef short Short4 __attribute__((ext_vector_type(4)));
typedef short Short8 __attribute__((ext_vector_type(8)));
typedef short Short16 __attribute__((ext_vector_type(16)));
typedef __bf16 Bfloat8 __attribute__((ext_vector_type(8)));
typedef _Float16 Half4 __attribute__((ext_vector_type(4)));
typedef _Float16 Half8 __attribute__((ext_vector_type(8)));
typedef _Float16 Half16 __attribute__((ext_vector_type(16)));
typedef float Float4 __attribute__((ext_vector_type(4)));
typedef float Float8 __attribute__((ext_vector_type(8)));
#endif

#if MMA_BY_FMA
// Hundreds of FMAs fill the registers when the compiler overlaps two products: none starts before the one before it ends.
template <class Fragment>
DEVICE Fragment mma_in_turn(Fragment f) {
  auto words = bit_cast<Vec<u32, sizeof(Fragment) / 4>>(f);
  UNROLL
  for (u32& w : words.v) asm volatile("" : "+v"(w));
  return bit_cast<Fragment>(words);
}
#endif
#if MMA == MMA_WMMA_GFX11
DEVICE Float8 mma_instruction(Vec<bf16, 16> a, Vec<bf16, 16> b, Float8 c) {
  return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(bit_cast<Short16>(a), bit_cast<Short16>(b), c);
}
DEVICE Float8 mma_instruction(Vec<f16, 16> a, Vec<f16, 16> b, Float8 c) {
  return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(bit_cast<Half16>(a), bit_cast<Half16>(b), c);
}
#elif MMA == MMA_WMMA_GFX12
DEVICE Float8 mma_instruction(Vec<bf16, 8> a, Vec<bf16, 8> b, Float8 c) {
  return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(bit_cast<Short8>(a), bit_cast<Short8>(b), c);
}
DEVICE Float8 mma_instruction(Vec<f16, 8> a, Vec<f16, 8> b, Float8 c) {
  return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(bit_cast<Half8>(a), bit_cast<Half8>(b), c);
}
#elif MMA == MMA_MFMA_CDNA4
DEVICE Float4 mma_instruction(Vec<bf16, 8> a, Vec<bf16, 8> b, Float4 c) {
  return __builtin_amdgcn_mfma_f32_16x16x32_bf16(bit_cast<Bfloat8>(a), bit_cast<Bfloat8>(b), c, 0, 0, 0);
}
DEVICE Float4 mma_instruction(Vec<f16, 8> a, Vec<f16, 8> b, Float4 c) {
  return __builtin_amdgcn_mfma_f32_16x16x32_f16(bit_cast<Half8>(a), bit_cast<Half8>(b), c, 0, 0, 0);
}
#elif MMA == MMA_SHUFFLE
// A lane lacks three quarters of its row of B and four rows of A but for a quarter of one: all of it comes through
// LDS's shuffles, 80 words for 128 FMAs.
template <class Type>
DEVICE Float4 mma_instruction(Vec<Type, 8> a, Vec<Type, 8> b, Float4 c) {
  using Words = Vec<u32, 4>;
  const Words own_a = mma_in_turn(bit_cast<Words>(a)), own_b = mma_in_turn(bit_cast<Words>(b));
  const int column = lane() % 16, row = lane() / 16 * 4;
  UNROLL
  for (int q = 0; q < 4; q++) {
    UNROLL
    for (int k = 0; k < 4; k++) {
      const auto y = bit_cast<Vec<Type, 2>>(shuffle_word(own_b[k], 16 * q + column));
      UNROLL
      for (int e = 0; e < 4; e++) {
        c[e] = dot2(bit_cast<Vec<Type, 2>>(shuffle_word(own_a[k], 16 * q + row + e)), y, c[e]);
      }
    }
  }
  return mma_in_turn(c);
}
#elif MMA_IS_CDNA
template <class Half>
struct Halves {
  Half v[2];
};
DEVICE Float4 mma_instruction(Vec<bf16, 8> a, Vec<bf16, 8> b, Float4 c) {
  auto x = bit_cast<Halves<Short4>>(a), y = bit_cast<Halves<Short4>>(b);
  c = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(x.v[0], y.v[0], c, 0, 0, 0);
  return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(x.v[1], y.v[1], c, 0, 0, 0);
}
DEVICE Float4 mma_instruction(Vec<f16, 8> a, Vec<f16, 8> b, Float4 c) {
  auto x = bit_cast<Halves<Half4>>(a), y = bit_cast<Halves<Half4>>(b);
  c = __builtin_amdgcn_mfma_f32_16x16x16f16(x.v[0], y.v[0], c, 0, 0, 0);
  return __builtin_amdgcn_mfma_f32_16x16x16f16(x.v[1], y.v[1], c, 0, 0, 0);
}
#elif MMA == MMA_SYNC
// One m16n8k16: words of A for rows l/4 and l/4 + 8, two each.
#define MMA_SYNC_INSTRUCTION(type, name)                                                         \
  DEVICE void mma_instruction(float* c, const u32* top, const u32* bottom, const u32* b, type) { \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                                   \
        ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "                                           \
        "{%0,%1,%2,%3};"                                                                         \
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                         \
        : "r"(top[0]), "r"(bottom[0]), "r"(top[1]), "r"(bottom[1]), "r"(b[0]), "r"(b[1]));       \
  }
MMA_SYNC_INSTRUCTION(bf16, "bf16")
MMA_SYNC_INSTRUCTION(f16, "f16")
#undef MMA_SYNC_INSTRUCTION
#endif

// c += a * b. All lanes of the wave take part.
#if MMA == MMA_SYNC
// Of B and C only the first Runs * 8 columns.
template <int Runs = 2, class Type>
DEVICE void mma(MmaC& c, const MmaA<Type>& a, const MmaB<Type>& b) {
  auto top = bit_cast<Vec<u32, 4>>(a.run[0]), bottom = bit_cast<Vec<u32, 4>>(a.run[1]);
  UNROLL
  for (int half = 0; half < Runs; half++) {
    auto right = bit_cast<Vec<u32, 4>>(b.run[half]);
    mma_instruction(c.v + 4 * half, top.v, bottom.v, right.v, Type{});
    mma_instruction(c.v + 4 * half, top.v + 2, bottom.v + 2, right.v + 2, Type{});
  }
}
#elif MMA == MMA_NONE
// Operands as the arithmetic takes them: floats for FMAs, pairs of f16 for v_dot2_f32_f16.
template <class Type>
struct MmaOperand;
template <>
struct MmaOperand<bf16> {
  using Word = float;
  static constexpr int count = 1;  // elements of a word
  DEVICE static Word unpack(const bf16* x) { return cast<float>(*x); }
  DEVICE static float step(Word a, Word b, float c) { return math_fma(a, b, c); }
};
template <>
struct MmaOperand<f16> {
  using Word = Vec<f16, 2>;
  static constexpr int count = 2;
  DEVICE static Word unpack(const f16* x) { return load<2>(x); }
  DEVICE static float step(Word a, Word b, float c) { return dot2(a, b, c); }
};

// The value of lane `From` of the row of 16 lanes.
template <int From, class Word>
DEVICE Word mma_row_share(Word x) {
  return bit_cast<Word>(dpp_word<0x150 | From>(bit_cast<u32>(x)));
}
template <int Row, class Operand, int Words>
DEVICE void mma_row(float& c, const typename Operand::Word (&a)[Words], const typename Operand::Word* b) {
  UNROLL
  for (int k = 0; k < Words; k++) c = Operand::step(mma_row_share<Row>(a[k]), b[k], c);
  UNROLL
  for (int k = 0; k < Words; k++) c = Operand::step(mma_row_share<Row + 8>(a[k]), b[k + Words], c);
}
template <class Type>
DEVICE void mma(MmaC& c, const MmaA<Type>& left, const MmaB<Type>& right) {
  using Operand = MmaOperand<Type>;
  const MmaA<Type> a = mma_in_turn(left);
  const MmaB<Type> b = mma_in_turn(right);
  constexpr int words = MMA_A_RUN / Operand::count;
  typename Operand::Word x[words], y[2 * words];
  UNROLL
  for (int k = 0; k < words; k++) x[k] = Operand::unpack(a.run[0].v + k * Operand::count);
  UNROLL
  for (int k = 0; k < 2 * words; k++) y[k] = Operand::unpack(b.run[0].v + k * Operand::count);
  mma_row<0, Operand>(c.v[0], x, y);
  mma_row<1, Operand>(c.v[1], x, y);
  mma_row<2, Operand>(c.v[2], x, y);
  mma_row<3, Operand>(c.v[3], x, y);
  mma_row<4, Operand>(c.v[4], x, y);
  mma_row<5, Operand>(c.v[5], x, y);
  mma_row<6, Operand>(c.v[6], x, y);
  mma_row<7, Operand>(c.v[7], x, y);
  c = mma_in_turn(c);
}
#else
template <class Type>
DEVICE void mma(MmaC& c, const MmaA<Type>& a, const MmaB<Type>& b) {
  using Acc = decltype(mma_instruction(a.run[0], b.run[0], {}));
  c = bit_cast<MmaC>(mma_instruction(a.run[0], b.run[0], bit_cast<Acc>(c)));
}
#endif

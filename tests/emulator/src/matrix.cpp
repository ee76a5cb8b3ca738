// Matrix instructions: WMMA (RDNA3, RDNA4) and MFMA (CDNA2 to CDNA4).
//
// One row per instruction: shape, number formats, and how lanes and elements map to the matrices. An operand
// is unpacked to a K x M array, so that every inner loop runs over neighbouring lanes.
#include <algorithm>

#include "memory.h"
#include "valu.h"

namespace emu {

enum class Number : u8 { F16, BF16, F32, F64, I8, IU8, IU4, I32, Fp8, Bf8, MX };
enum class Layout : u8 { Rdna3, Rdna4, Cdna };

struct MatrixOp {
  const char* name;
  Layout layout;
  int size;    // M = N
  int depth;   // K
  int blocks;  // independent products in one instruction
  Number a, b, d;
};

namespace {

constexpr int kMostElements = 32 * 128;  // of an unpacked operand, all blocks

int bits_of(Number number) {
  switch (number) {
    case Number::F16:
    case Number::BF16: return 16;
    case Number::F32:
    case Number::I32: return 32;
    case Number::F64: return 64;
    case Number::I8:
    case Number::IU8:
    case Number::Fp8:
    case Number::Bf8:
    case Number::MX: return 8;
    case Number::IU4: return 4;
  }
  return 0;
}

int lanes_of(const MatrixOp& op) { return op.layout == Layout::Cdna ? 64 : 32; }

// Elements of A or B that one lane holds. RDNA3 keeps all of K in each lane, twice.
int elements_per_lane(const MatrixOp& op) {
  if (op.layout == Layout::Rdna3) return op.depth;
  return op.size * op.depth * op.blocks / lanes_of(op);
}

// Lanes that together hold one k of one block form a group; group g, element e holds this k.
int k_of(const MatrixOp& op, int group, int element) {
  if (op.layout == Layout::Rdna3 || op.blocks > 1) return element;
  if (op.layout == Layout::Rdna4 && bits_of(op.a) == 16) return (element & 3) + 4 * group + 8 * (element / 4);
  return elements_per_lane(op) * group + element;
}

struct Place {
  int block, row;
};

// Where element e of group g of the result lies; its column is the lane within the group.
Place result_place(const MatrixOp& op, int group, int element) {
  if (op.layout == Layout::Rdna3) return {0, 2 * element + group};
  if (op.layout == Layout::Rdna4) return {0, 8 * group + element};
  if (op.d == Number::F64) return {0, 4 * element + group};
  if (op.size == 4) return {group, element};
  const int per_block = op.size * op.size / 64;
  const int e = element % per_block;
  if (op.size == 16) return {element / per_block, 4 * group + e};
  return {element / per_block, 8 * (e / 4) + 4 * group + e % 4};
}

// Formats of the f8f6f4 instructions (cbsz for A, blgp for B).
struct MxFormat {
  int bits, exponent, mantissa, bias;
};
constexpr MxFormat kMxFormats[] = {{8, 4, 3, 7}, {8, 5, 2, 15}, {6, 2, 3, 1}, {6, 3, 2, 3}, {4, 2, 1, 1}};

struct Unpack {
  Number number;
  bool is_signed;
  const std::array<f32, 256>* table;
  int mx;
};

template <class Acc>
Acc element_value(const Unpack& how, u32 word, int shift) {
  switch (how.number) {
    case Number::F16: return static_cast<Acc>(static_cast<f32>(as_f16(static_cast<u16>(word >> shift))));
    case Number::BF16: return static_cast<Acc>(bf16_to_f32(static_cast<u16>(word >> shift)));
    case Number::F32: return static_cast<Acc>(as_f32(word));
    case Number::I8: return static_cast<Acc>(static_cast<i8>(word >> shift));
    case Number::IU8: {
      const u8 byte = static_cast<u8>(word >> shift);
      return static_cast<Acc>(how.is_signed ? static_cast<i8>(byte) : byte);
    }
    case Number::IU4: {
      const i32 nibble = (word >> shift) & 15;
      return static_cast<Acc>(how.is_signed && nibble > 7 ? nibble - 16 : nibble);
    }
    case Number::Fp8:
    case Number::Bf8: return static_cast<Acc>((*how.table)[(word >> shift) & 0xff]);
    case Number::F64:
    case Number::I32:
    case Number::MX: break;
  }
  return Acc(0);
}

// One element of every lane of a group. The switch on the format is hoisted out of the loop.
template <Number kNumber, int kCount, class Acc>
void unpack_group(const Unpack& how, const u32* __restrict words, int shift, Acc* __restrict out) {
  Unpack fixed = how;
  fixed.number = kNumber;
  for (int i = 0; i < kCount; ++i) out[i] = element_value<Acc>(fixed, words[i], shift);
}

template <int kCount, class Acc>
void unpack_row(const Unpack& how, const u32* words, int shift, Acc* out) {
  switch (how.number) {
    case Number::F16: return unpack_group<Number::F16, kCount>(how, words, shift, out);
    case Number::BF16: return unpack_group<Number::BF16, kCount>(how, words, shift, out);
    case Number::F32: return unpack_group<Number::F32, kCount>(how, words, shift, out);
    case Number::I8: return unpack_group<Number::I8, kCount>(how, words, shift, out);
    case Number::IU8: return unpack_group<Number::IU8, kCount>(how, words, shift, out);
    case Number::IU4: return unpack_group<Number::IU4, kCount>(how, words, shift, out);
    case Number::Fp8: return unpack_group<Number::Fp8, kCount>(how, words, shift, out);
    case Number::Bf8: return unpack_group<Number::Bf8, kCount>(how, words, shift, out);
    case Number::F64:
    case Number::I32:
    case Number::MX: break;
  }
}

Unpack unpack_rule(const Wave& w, const Inst& in, Number number, int index) {
  Unpack how{number, ((in.neg_lo >> index) & 1) != 0, nullptr, index == 0 ? in.cbsz : in.blgp};
  const bool fnuz = w.target->fnuz;
  if (number == Number::Fp8) how.table = &fp8_table(fnuz ? Fp8::E4M3Fnuz : Fp8::E4M3);
  if (number == Number::Bf8) how.table = &fp8_table(fnuz ? Fp8::E5M2Fnuz : Fp8::E5M2);
  return how;
}

template <int N>
void check_replicated(Wave& w, const MatrixOp& op, const Operand& operand) {
  const int registers = op.depth * bits_of(op.a) / 32;
  for (int r = 0; r < registers; ++r) {
    const u32* row = w.row<N>(operand.index + r);
    for (int l = 0; l < 16; ++l) {
      if (row[l] == row[l + 16]) continue;
      fault(w, "lanes 16-31 of a WMMA operand must repeat lanes 0-15 on RDNA3: v" +
                   std::to_string(operand.index + r) + " differs in lane " + std::to_string(l));
    }
  }
}

template <int N>
f32 mx_element(Wave& w, const Operand& operand, int lane, int element, const MxFormat& format) {
  const int bit = element * format.bits;
  const u32* base = w.row<N>(operand.index);
  u64 pair = base[(bit / 32) * N + lane];
  if (bit % 32 + format.bits > 32) pair |= static_cast<u64>(base[(bit / 32 + 1) * N + lane]) << 32;
  const u32 bits = static_cast<u32>(pair >> (bit % 32)) & ((1u << format.bits) - 1);
  if (format.bits == 8)
    return fp8_to_f32(static_cast<u8>(bits), format.exponent == 4 ? Fp8::E4M3 : Fp8::E5M2);
  return small_float_to_f32(bits, format.exponent, format.mantissa, format.bias);
}

// Unpacks A (or B) to out[block][k][m].
template <int N, int kSize, class Acc>
void unpack(Wave& w, const Inst& in, const MatrixOp& op, int index, Acc* out) {
  const Operand& operand = in.src[index];
  const Number number = index == 0 ? op.a : op.b;
  if (op.layout == Layout::Rdna3) check_replicated<N>(w, op, operand);
  const Unpack how = unpack_rule(w, in, number, index);
  const int bits = bits_of(number), per_lane = elements_per_lane(op);
  const int groups = op.layout == Layout::Rdna3 ? 1 : N / op.size;
  for (int e = 0; e < per_lane; ++e) {
    for (int g = 0; g < groups; ++g) {
      const int block = op.blocks > 1 ? g : 0;
      Acc* to = out + (block * op.depth + k_of(op, g, e)) * op.size;
      if (number == Number::MX) {
        const MxFormat& format = kMxFormats[std::min(how.mx, 4)];
        for (int m = 0; m < op.size; ++m)
          to[m] = static_cast<Acc>(mx_element<N>(w, operand, g * op.size + m, e, format));
      } else if constexpr (std::is_same_v<Acc, f64>) {
        const u32 *low = w.row<N>(operand.index + 2 * e), *high = w.row<N>(operand.index + 2 * e + 1);
        for (int m = 0; m < op.size; ++m) {
          const int lane = g * op.size + m;
          to[m] = as_f64(low[lane] | (static_cast<u64>(high[lane]) << 32));
        }
      } else {
        const u32* words = w.row<N>(operand.index + e * bits / 32) + g * op.size;
        unpack_row<kSize>(how, words, e * bits % 32, to);
      }
    }
  }
}

// d += a * b^T for one block; a and b are K x M, d is M x N, all row by row. Written with vectors of lanes, a
// few rows at a time, so that sums stay in registers. This file is compiled with -ffp-contract=fast: the
// hardware fuses, too.
template <int kSize, class Acc>
void multiply(const Acc* __restrict a, const Acc* __restrict b, Acc* __restrict d, int depth) {
  constexpr int kLanes = std::min(kSize, 16), kVectors = kSize / kLanes,
                kRows = kSize == 32 ? 4 : std::min(kSize, 8);
  typedef Acc Vector __attribute__((vector_size(kLanes * sizeof(Acc))));
  for (int first = 0; first < kSize; first += kRows) {
    Vector sum[kRows][kVectors];
    std::memcpy(sum, d + first * kSize, sizeof sum);
    for (int k = 0; k < depth; ++k) {
      Vector column[kVectors];
      std::memcpy(column, b + k * kSize, sizeof column);
      for (int m = 0; m < kRows; ++m) {
        const Acc factor = a[k * kSize + first + m];
        for (int v = 0; v < kVectors; ++v) sum[m][v] += factor * column[v];
      }
    }
    std::memcpy(d + first * kSize, sum, sizeof sum);
  }
}

// 16-bit results: RDNA3 puts one in each register (op_sel picks the half), RDNA4 packs two.
struct HalfPlace {
  int reg, shift;
};
HalfPlace half_place(const MatrixOp& op, const Inst& in, int element) {
  if (op.layout == Layout::Rdna3) return {element, in.op_sel & 4 ? 16 : 0};
  return {element / 2, element % 2 ? 16 : 0};
}

template <int N, class Acc>
Acc read_result(Wave& w, const Inst& in, const MatrixOp& op, const Operand& operand, int element, int lane) {
  if (operand.kind != Kind::Vector) {
    if constexpr (std::is_same_v<Acc, f64>) return as_f64(operand.bits);
    else return std::bit_cast<Acc>(static_cast<u32>(operand.bits));
  }
  if constexpr (std::is_same_v<Acc, f64>) {
    const u64 low = w.row<N>(operand.index + 2 * element)[lane];
    return as_f64(low | (static_cast<u64>(w.row<N>(operand.index + 2 * element + 1)[lane]) << 32));
  } else if constexpr (std::is_same_v<Acc, f32>) {
    if (bits_of(op.d) == 16) {
      const HalfPlace place = half_place(op, in, element);
      const u16 half = static_cast<u16>(w.row<N>(operand.index + place.reg)[lane] >> place.shift);
      return op.d == Number::F16 ? static_cast<f32>(as_f16(half)) : bf16_to_f32(half);
    }
    return as_f32(w.row<N>(operand.index + element)[lane]);
  } else {
    return static_cast<Acc>(w.row<N>(operand.index + element)[lane]);
  }
}

template <int N, class Acc>
void write_result_element(Wave& w, const Inst& in, const MatrixOp& op, int element, int lane, Acc value) {
  if constexpr (std::is_same_v<Acc, f64>) {
    w.row<N>(in.dst.index + 2 * element)[lane] = static_cast<u32>(as_u64(value));
    w.row<N>(in.dst.index + 2 * element + 1)[lane] = static_cast<u32>(as_u64(value) >> 32);
  } else if (bits_of(op.d) == 16) {
    const HalfPlace place = half_place(op, in, element);
    const f32 number = static_cast<f32>(value);
    const u32 half = op.d == Number::F16 ? as_u16(static_cast<f16>(number)) : f32_to_bf16(number);
    u32& word = w.row<N>(in.dst.index + place.reg)[lane];
    word = (word & ~(0xffffu << place.shift)) | (half << place.shift);
  } else {
    w.row<N>(in.dst.index + element)[lane] = std::bit_cast<u32>(value);
  }
}

template <class Acc>
Acc modified_addend(const Inst& in, Acc value) {
  if constexpr (!std::is_integral_v<Acc>) {
    if (in.neg_hi & 4) value = std::fabs(value);
    if (in.neg_lo & 4) value = -value;
  }
  return value;
}

template <int N, int kSize, class Acc>
void run_matrix(Wave& w, const Inst& in) {
  const MatrixOp& op = *in.row->matrix;
  alignas(64) static thread_local Acc a[kMostElements], b[kMostElements], d[kMostElements];
  unpack<N, kSize>(w, in, op, 0, a);
  unpack<N, kSize>(w, in, op, 1, b);
  const int groups = N / kSize;
  const bool whole_words = sizeof(Acc) == 4 && bits_of(op.d) == 32;
  const int elements = kSize * kSize * op.blocks / N;
  for (int e = 0; e < elements; ++e) {
    for (int g = 0; g < groups; ++g) {
      const Place place = result_place(op, g, e);
      Acc* to = d + (place.block * kSize + place.row) * kSize;
      if (whole_words && in.src[2].kind == Kind::Vector) {
        std::memcpy(to, w.row<N>(in.src[2].index + e) + g * kSize, kSize * sizeof(u32));
        if (!in.neg_lo && !in.neg_hi) continue;
      }
      for (int n = 0; n < kSize; ++n) {
        to[n] = modified_addend(in, read_result<N, Acc>(w, in, op, in.src[2], e, g * kSize + n));
      }
    }
  }
  for (int block = 0; block < op.blocks; ++block) {
    multiply<kSize>(a + block * op.depth * kSize, b + block * op.depth * kSize, d + block * kSize * kSize,
                    op.depth);
  }
  for (int e = 0; e < elements; ++e) {
    for (int g = 0; g < groups; ++g) {
      const Place place = result_place(op, g, e);
      const Acc* from = d + (place.block * kSize + place.row) * kSize;
      if (whole_words) {
        std::memcpy(w.row<N>(in.dst.index + e) + g * kSize, from, kSize * sizeof(u32));
        continue;
      }
      for (int n = 0; n < kSize; ++n) write_result_element<N>(w, in, op, e, g * kSize + n, from[n]);
    }
  }
}

void refuse_wave64(Wave& w, const Inst&) { fault(w, "WMMA is modelled for wave32 only"); }
void refuse_wave32(Wave& w, const Inst&) { fault(w, "MFMA needs wave64"); }

template <int N, int kSize>
Handler handler_for(Number d) {
  if (d == Number::I32) return run_matrix<N, kSize, i32>;
  if (d == Number::F64) return run_matrix<N, kSize, f64>;
  return run_matrix<N, kSize, f32>;
}

Row matrix_row(const MatrixOp& op) {
  Row row;
  row.name = op.name;
  row.klass = Class::Matrix;
  row.packed = true;
  row.widths = {b32, b32, op.d == Number::F64 ? Width::Float64 : b32};
  row.matrix = &op;
  if (op.layout == Layout::Cdna) {
    row.run32 = refuse_wave32;
    row.run64 = op.size == 4    ? handler_for<64, 4>(op.d)
                : op.size == 16 ? handler_for<64, 16>(op.d)
                                : handler_for<64, 32>(op.d);
  } else {
    row.run32 = handler_for<32, 16>(op.d);
    row.run64 = refuse_wave64;
  }
  return row;
}

constexpr Number F16 = Number::F16, BF16 = Number::BF16, F32 = Number::F32, F64 = Number::F64,
                 I8 = Number::I8, IU8 = Number::IU8, IU4 = Number::IU4, I32 = Number::I32, FP8 = Number::Fp8,
                 BF8 = Number::Bf8, MX = Number::MX;

const std::vector<MatrixOp>& wmma_ops(Layout layout) {
  static const auto& rdna3 = *new std::vector<MatrixOp>{
      {"v_wmma_f32_16x16x16_f16", Layout::Rdna3, 16, 16, 1, F16, F16, F32},
      {"v_wmma_f32_16x16x16_bf16", Layout::Rdna3, 16, 16, 1, BF16, BF16, F32},
      {"v_wmma_f16_16x16x16_f16", Layout::Rdna3, 16, 16, 1, F16, F16, F16},
      {"v_wmma_bf16_16x16x16_bf16", Layout::Rdna3, 16, 16, 1, BF16, BF16, BF16},
      {"v_wmma_i32_16x16x16_iu8", Layout::Rdna3, 16, 16, 1, IU8, IU8, I32},
      {"v_wmma_i32_16x16x16_iu4", Layout::Rdna3, 16, 16, 1, IU4, IU4, I32},
  };
  static const auto& rdna4 = *new std::vector<MatrixOp>{
      {"v_wmma_f32_16x16x16_f16", Layout::Rdna4, 16, 16, 1, F16, F16, F32},
      {"v_wmma_f32_16x16x16_bf16", Layout::Rdna4, 16, 16, 1, BF16, BF16, F32},
      {"v_wmma_f16_16x16x16_f16", Layout::Rdna4, 16, 16, 1, F16, F16, F16},
      {"v_wmma_bf16_16x16x16_bf16", Layout::Rdna4, 16, 16, 1, BF16, BF16, BF16},
      {"v_wmma_i32_16x16x16_iu8", Layout::Rdna4, 16, 16, 1, IU8, IU8, I32},
      {"v_wmma_i32_16x16x16_iu4", Layout::Rdna4, 16, 16, 1, IU4, IU4, I32},
      {"v_wmma_i32_16x16x32_iu4", Layout::Rdna4, 16, 32, 1, IU4, IU4, I32},
      {"v_wmma_f32_16x16x16_fp8_fp8", Layout::Rdna4, 16, 16, 1, FP8, FP8, F32},
      {"v_wmma_f32_16x16x16_fp8_bf8", Layout::Rdna4, 16, 16, 1, FP8, BF8, F32},
      {"v_wmma_f32_16x16x16_bf8_fp8", Layout::Rdna4, 16, 16, 1, BF8, FP8, F32},
      {"v_wmma_f32_16x16x16_bf8_bf8", Layout::Rdna4, 16, 16, 1, BF8, BF8, F32},
  };
  return layout == Layout::Rdna3 ? rdna3 : rdna4;
}

// CDNA2 writes "16x16x16f16", CDNA3 "16x16x16_f16"; the same instruction.
const std::vector<MatrixOp>& mfma_ops() {
  static const auto& rows = *new std::vector<MatrixOp>{
      {"v_mfma_f32_32x32x1_2b_f32", Layout::Cdna, 32, 1, 2, F32, F32, F32},
      {"v_mfma_f32_32x32x1f32", Layout::Cdna, 32, 1, 2, F32, F32, F32},
      {"v_mfma_f32_16x16x1_4b_f32", Layout::Cdna, 16, 1, 4, F32, F32, F32},
      {"v_mfma_f32_16x16x1f32", Layout::Cdna, 16, 1, 4, F32, F32, F32},
      {"v_mfma_f32_4x4x1_16b_f32", Layout::Cdna, 4, 1, 16, F32, F32, F32},
      {"v_mfma_f32_4x4x1f32", Layout::Cdna, 4, 1, 16, F32, F32, F32},
      {"v_mfma_f32_32x32x2_f32", Layout::Cdna, 32, 2, 1, F32, F32, F32},
      {"v_mfma_f32_32x32x2f32", Layout::Cdna, 32, 2, 1, F32, F32, F32},
      {"v_mfma_f32_16x16x4_f32", Layout::Cdna, 16, 4, 1, F32, F32, F32},
      {"v_mfma_f32_16x16x4f32", Layout::Cdna, 16, 4, 1, F32, F32, F32},
      {"v_mfma_f32_32x32x4_2b_f16", Layout::Cdna, 32, 4, 2, F16, F16, F32},
      {"v_mfma_f32_32x32x4f16", Layout::Cdna, 32, 4, 2, F16, F16, F32},
      {"v_mfma_f32_16x16x4_4b_f16", Layout::Cdna, 16, 4, 4, F16, F16, F32},
      {"v_mfma_f32_16x16x4f16", Layout::Cdna, 16, 4, 4, F16, F16, F32},
      {"v_mfma_f32_4x4x4_16b_f16", Layout::Cdna, 4, 4, 16, F16, F16, F32},
      {"v_mfma_f32_4x4x4f16", Layout::Cdna, 4, 4, 16, F16, F16, F32},
      {"v_mfma_f32_32x32x8_f16", Layout::Cdna, 32, 8, 1, F16, F16, F32},
      {"v_mfma_f32_32x32x8f16", Layout::Cdna, 32, 8, 1, F16, F16, F32},
      {"v_mfma_f32_16x16x16_f16", Layout::Cdna, 16, 16, 1, F16, F16, F32},
      {"v_mfma_f32_16x16x16f16", Layout::Cdna, 16, 16, 1, F16, F16, F32},
      {"v_mfma_f32_32x32x4_2b_bf16", Layout::Cdna, 32, 4, 2, BF16, BF16, F32},
      {"v_mfma_f32_32x32x4bf16_1k", Layout::Cdna, 32, 4, 2, BF16, BF16, F32},
      {"v_mfma_f32_16x16x4_4b_bf16", Layout::Cdna, 16, 4, 4, BF16, BF16, F32},
      {"v_mfma_f32_16x16x4bf16_1k", Layout::Cdna, 16, 4, 4, BF16, BF16, F32},
      {"v_mfma_f32_4x4x4_16b_bf16", Layout::Cdna, 4, 4, 16, BF16, BF16, F32},
      {"v_mfma_f32_4x4x4bf16_1k", Layout::Cdna, 4, 4, 16, BF16, BF16, F32},
      {"v_mfma_f32_32x32x8_bf16", Layout::Cdna, 32, 8, 1, BF16, BF16, F32},
      {"v_mfma_f32_32x32x8bf16_1k", Layout::Cdna, 32, 8, 1, BF16, BF16, F32},
      {"v_mfma_f32_16x16x16_bf16", Layout::Cdna, 16, 16, 1, BF16, BF16, F32},
      {"v_mfma_f32_16x16x16bf16_1k", Layout::Cdna, 16, 16, 1, BF16, BF16, F32},
      {"v_mfma_f32_32x32x4bf16", Layout::Cdna, 32, 4, 1, BF16, BF16, F32},
      {"v_mfma_f32_16x16x8bf16", Layout::Cdna, 16, 8, 1, BF16, BF16, F32},
      {"v_mfma_f32_16x16x32_f16", Layout::Cdna, 16, 32, 1, F16, F16, F32},
      {"v_mfma_f32_32x32x16_f16", Layout::Cdna, 32, 16, 1, F16, F16, F32},
      {"v_mfma_f32_16x16x32_bf16", Layout::Cdna, 16, 32, 1, BF16, BF16, F32},
      {"v_mfma_f32_32x32x16_bf16", Layout::Cdna, 32, 16, 1, BF16, BF16, F32},
      {"v_mfma_i32_32x32x4_2b_i8", Layout::Cdna, 32, 4, 2, I8, I8, I32},
      {"v_mfma_i32_32x32x4i8", Layout::Cdna, 32, 4, 2, I8, I8, I32},
      {"v_mfma_i32_16x16x4_4b_i8", Layout::Cdna, 16, 4, 4, I8, I8, I32},
      {"v_mfma_i32_16x16x4i8", Layout::Cdna, 16, 4, 4, I8, I8, I32},
      {"v_mfma_i32_4x4x4_16b_i8", Layout::Cdna, 4, 4, 16, I8, I8, I32},
      {"v_mfma_i32_4x4x4i8", Layout::Cdna, 4, 4, 16, I8, I8, I32},
      {"v_mfma_i32_32x32x8i8", Layout::Cdna, 32, 8, 1, I8, I8, I32},
      {"v_mfma_i32_16x16x16i8", Layout::Cdna, 16, 16, 1, I8, I8, I32},
      {"v_mfma_i32_32x32x16_i8", Layout::Cdna, 32, 16, 1, I8, I8, I32},
      {"v_mfma_i32_16x16x32_i8", Layout::Cdna, 16, 32, 1, I8, I8, I32},
      {"v_mfma_i32_32x32x32_i8", Layout::Cdna, 32, 32, 1, I8, I8, I32},
      {"v_mfma_i32_16x16x64_i8", Layout::Cdna, 16, 64, 1, I8, I8, I32},
      {"v_mfma_f32_16x16x32_fp8_fp8", Layout::Cdna, 16, 32, 1, FP8, FP8, F32},
      {"v_mfma_f32_16x16x32_fp8_bf8", Layout::Cdna, 16, 32, 1, FP8, BF8, F32},
      {"v_mfma_f32_16x16x32_bf8_fp8", Layout::Cdna, 16, 32, 1, BF8, FP8, F32},
      {"v_mfma_f32_16x16x32_bf8_bf8", Layout::Cdna, 16, 32, 1, BF8, BF8, F32},
      {"v_mfma_f32_32x32x16_fp8_fp8", Layout::Cdna, 32, 16, 1, FP8, FP8, F32},
      {"v_mfma_f32_32x32x16_fp8_bf8", Layout::Cdna, 32, 16, 1, FP8, BF8, F32},
      {"v_mfma_f32_32x32x16_bf8_fp8", Layout::Cdna, 32, 16, 1, BF8, FP8, F32},
      {"v_mfma_f32_32x32x16_bf8_bf8", Layout::Cdna, 32, 16, 1, BF8, BF8, F32},
      {"v_mfma_f32_16x16x128_f8f6f4", Layout::Cdna, 16, 128, 1, MX, MX, F32},
      {"v_mfma_f32_32x32x64_f8f6f4", Layout::Cdna, 32, 64, 1, MX, MX, F32},
      {"v_mfma_f64_16x16x4_f64", Layout::Cdna, 16, 4, 1, F64, F64, F64},
      {"v_mfma_f64_16x16x4f64", Layout::Cdna, 16, 4, 1, F64, F64, F64},
  };
  return rows;
}

}  // namespace

void add_matrix_rows(Rows& rows) {
  for (const MatrixOp& op : mfma_ops()) rows.push_back(matrix_row(op));
  // RDNA3 and RDNA4 share names but not layouts; the decoder looks for the generation's row first.
  for (const MatrixOp& op : wmma_ops(Layout::Rdna3)) {
    rows.push_back(matrix_row(op));
    rows.back().name += "@gfx11";
  }
  for (const MatrixOp& op : wmma_ops(Layout::Rdna4)) {
    rows.push_back(matrix_row(op));
    rows.back().name += "@gfx12";
  }
}

}  // namespace emu

// How attention uses matrix fragments so that neither scores nor weights go through LDS.
//
// Scores come out of a matrix instruction in the layout of C and go into the next one as its A or B. Which of
// the two fits depends on the instruction family. AMD computes the transposed products S^T = K Q^T and
// O^T = V^T P^T: there the queries are the columns, l % 16 in C and in B alike. NVIDIA computes S = Q K^T and
// O = P V, where the queries are rows, l / 4 and l / 4 + 8 in C and in A.
//
// What remains is the order of keys and features. On NVIDIA ldmatrix gives the values as the product takes them. On
// AMD a lane holds 8 scores a query and block of TILE_K keys, those of
// key_of(0..7), and the product with the values takes them as 8 neighbouring slots of its K; slot_key() says
// which key's values belong into a slot. (gfx11 and RDNA2 want all 16 slots in each lane: the halves of the
// wave exchange theirs.) A row of the key tile may stand for any key, a row of the value tile for any
// feature: key_spread() makes LDS banks or the order of slots come out well, feature_spread() gives each lane
// 8 neighbouring features of its result.
#pragma once
#include "mma.h"

// The k of a product here, at the same time the keys or features of a block: NVIDIA's instructions are half as deep
// as the fragments of mma.h.
constexpr int TILE_K = MMA == MMA_SYNC ? 16 : MMA_K;
// Queries of a tile that a lane holds, elements of a block that it holds of each, tiles of C of a block.
constexpr int STATS = MMA == MMA_SYNC ? 2 : 1, HELD = 16 * TILE_K / WAVE / STATS, PAIR = TILE_K / 16;

#if MMA == MMA_SYNC
// In the instruction's own order of k, not that of mma.h: ldmatrix fills the registers of an operand side by side,
// where 16 bytes of a row would have to be moved apart. A word is two neighbouring k.
template <class Type>
struct QueryTile {
  Vec<u32, 4> x;  // words of rows l / 4 and l / 4 + 8, then those 8 k further
};
template <class Type>
struct OtherTile {  // keys, or values transposed
  Vec<u32, 4> x;  // two words, 8 k apart, of row l / 4, then of row l / 4 + 8
};
template <class Type>
DEVICE void tile_mma(MmaC& c, const QueryTile<Type>& q, const OtherTile<Type>& other) {
  const u32 top[] = {q.x[0], q.x[2]}, bottom[] = {q.x[1], q.x[3]};
  UNROLL
  for (int half = 0; half < 2; half++) mma_instruction(c.v + 4 * half, top, bottom, other.x.v + 2 * half, Type{});
}
DEVICE int query_of(int stat) { return lane() / 4 + 8 * stat; }
constexpr int FEATURE_RUN = 2;
DEVICE int feature_of(int j) { return j / 2 * 8 + lane() % 4 * 2 + j % 2; }
DEVICE int key_of(int j) { return feature_of(j); }
DEVICE constexpr int tile_of(int) { return 0; }
DEVICE constexpr int element_of(int j, int stat) { return j % 2 + 2 * stat + j / 2 * 4; }
#else
template <class Type>
using QueryTile = MmaB<Type>;
template <class Type>
using OtherTile = MmaA<Type>;
constexpr int QUERY_RUN = MMA_B_RUN, OTHER_RUN = MMA_A_RUN;
DEVICE int query_row(int run) { return mma_b_row(run); }
DEVICE int query_k() { return mma_b_k(); }
DEVICE int other_row(int run) { return mma_a_row(run); }
DEVICE int other_k() { return mma_a_k(); }
template <class Type>
DEVICE void tile_mma(MmaC& c, const QueryTile<Type>& q, const OtherTile<Type>& other) {
  mma(c, other, q);
}
DEVICE int query_of(int) { return lane() % 16; }
constexpr int FEATURE_RUN = 8;
DEVICE int lane_offset() { return lane() / 16 * 8; }
DEVICE int feature_of(int j) { return lane_offset() + j; }
DEVICE constexpr int tile_of(int j) { return PAIR == 2 ? j / 4 : 0; }
DEVICE constexpr int element_of(int j, int) { return PAIR == 2 ? j % 4 : j; }
DEVICE int key_spread(int tile, int row) { return 16 * tile + row; }
#if MMA_IS_CDNA
DEVICE int feature_spread(int tile, int row) { return row / 4 * 8 + 4 * tile + row % 4; }
DEVICE int key_of(int j) { return j / 4 * 16 + lane() / 16 * 4 + j % 4; }
DEVICE constexpr int slot_key(int slot) { return slot % 8 / 4 * 16 + slot / 8 * 4 + slot % 4; }
#elif MMA == MMA_WMMA_GFX11
DEVICE int feature_spread(int, int row) { return row % 2 * 8 + row / 2; }
DEVICE int key_of(int j) { return 2 * j + lane() / 16; }
DEVICE constexpr int slot_key(int slot) { return slot; }
#else
DEVICE int feature_spread(int, int row) { return row; }
DEVICE int key_of(int j) { return lane_offset() + j; }
DEVICE constexpr int slot_key(int slot) { return slot; }
#endif
#endif

// Values lie in LDS by feature, `keys` slots a row in pieces of 8, and piece c of a row is at place c ^ turn.
// The writes of 8 neighbouring lanes (every eighth feature) and their reads (the rows of a fragment) then go
// to all banks.
DEVICE constexpr int value_turn(int feature, int keys) {
  const int eighth = feature >> 3;
  if (keys == 16) return (feature >> 2 ^ eighth) & 1;
  const int all = keys == 64 ? 7 : 3, skipped = keys == 64 ? 0 : 1;
  if (MMA == MMA_WMMA_GFX11 || MMA_IS_CDNA) return (eighth ^ (feature & 3) >> skipped << 1) & all;
  return (feature >> skipped ^ eighth) & all;
}

// A block of 16 queries by TILE_K keys or features: the element of query_of(stat) at key_of(j) or feature_of(j), of
// which FEATURE_RUN follow each other.
struct Block {
  MmaC tile[PAIR];
  DEVICE float& at(int j, int stat) { return tile[tile_of(j)].v[element_of(j, stat)]; }
};
DEVICE Block zero_block() {
  Block b;
  UNROLL
  for (int i = 0; i < PAIR; i++) b.tile[i] = mma_zero();
  return b;
}

// Over the lanes that hold the same query.
template <class Op>
DEVICE float reduce_query(float x) {
  Op op;
  if constexpr (STATS == 2) {
    x = op(x, shuffle_xor<1>(x));
    return op(x, shuffle_xor<2>(x));
  } else {
    x = op(x, shuffle_xor<16>(x));
    if constexpr (WAVE == 64) x = op(x, shuffle_xor<32>(x));
    return x;
  }
}

#if GPU_AMD
// Halves of two words: {low of a, low of b} and {high of a, high of b}.
DEVICE u32 low_halves(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x05040100); }
DEVICE u32 high_halves(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x07060302); }
#endif

#if MMA == MMA_WMMA_GFX11
// The lower half of the wave has the even slots, the upper half the odd ones.
DEVICE Vec<u32, 8> join_halves(Vec<u32, 4> own, Vec<u32, 4> other) {
  const u32 first = lane() < 16 ? 0x05040100 : 0x01000504;  // the low halves of own and other, the even one below
  Vec<u32, 8> all;
  UNROLL
  for (int i = 0; i < 4; i++) {
    all[2 * i] = __builtin_amdgcn_perm(other[i], own[i], first);
    all[2 * i + 1] = __builtin_amdgcn_perm(other[i], own[i], first + 0x02020202);
  }
  return all;
}
#elif MMA == MMA_NONE
// The lower half of the wave has the first 8 slots, the upper half the others.
DEVICE Vec<u32, 8> join_halves(Vec<u32, 4> own, Vec<u32, 4> other) {
  const bool upper = lane() >= 16;
  Vec<u32, 8> all;
  UNROLL
  for (int i = 0; i < 4; i++) {
    all[i] = upper ? other[i] : own[i];
    all[i + 4] = upper ? own[i] : other[i];
  }
  return all;
}
#else
DEVICE Vec<u32, 8> join_halves(Vec<u32, 4>, Vec<u32, 4>) { return {}; }  // no operand has 16 slots here
#endif

// Weights as the operand of the product with the values.
template <class Type>
DEVICE QueryTile<Type> weights_tile(Block& p) {
  QueryTile<Type> q;
#if MMA == MMA_SYNC
  UNROLL
  for (int i = 0; i < 4; i++) {
    const int j = i / 2 * 2, stat = i % 2;
    q.x[i] = bit_cast<u32>(Vec<Type, 2>{cast<Type>(p.at(j, stat)), cast<Type>(p.at(j + 1, stat))});
  }
#else
  if constexpr (QUERY_RUN == 16) {
    Vec<Type, 8> mine;
    UNROLL
    for (int j = 0; j < 8; j++) mine[j] = cast<Type>(p.at(j, 0));
    Vec<u32, 4> own = bit_cast<Vec<u32, 4>>(mine), other;
    UNROLL
    for (int i = 0; i < 4; i++) other[i] = shuffle_xor<16>(own[i]);
    q.run[0] = bit_cast<Vec<Type, QUERY_RUN>>(join_halves(own, other));
  } else {
    UNROLL
    for (int j = 0; j < 8; j++) q.run[0].v[j] = cast<Type>(p.at(j, 0));
  }
#endif
  return q;
}

// The compiler moves no instruction across: without it, it loads many fragments ahead and runs out of
// registers.
DEVICE void schedule_fence() {
#if GPU_AMD
  __builtin_amdgcn_sched_barrier(0);
#endif
}

// Rows that a team of TEAM threads holds in registers, as floats: VECS accesses of VEC elements a thread,
// neighbouring threads side by side. A team is part of a wave, or the whole workgroup of THREADS. Elements
// behind the row's end read as a filling. Defines: T, TEAM, THREADS, VEC, VECS.
#pragma once
#include "layout.h"
#include "scalar.h"
#include "wave.h"

constexpr int kHeld = VEC * VECS;       // elements of a thread
constexpr u32 kTeams = THREADS / TEAM;  // of a workgroup

using RowVec = Vec<T, VEC>;
struct RowValues {
  float v[kHeld];
};

// Where the k-th access of this thread starts.
DEVICE u32 row_index(int k) { return (k * TEAM + thread_x() % TEAM) * VEC; }

// All accesses are issued before one is waited for; those behind the end repeat the row's first elements.
DEVICE void load_row(RowVec (&raw)[VECS], const T* row, u32 n) {
  UNROLL
  for (int k = 0; k < VECS; k++) {
    const u32 i = row_index(k);
    raw[k] = load<VEC>(row + (i < n ? i : 0));
  }
}
DEVICE RowValues widen_row(const RowVec (&raw)[VECS], u32 n, float filling) {
  RowValues x;
  UNROLL
  for (int k = 0; k < VECS; k++) {
    const bool inside = row_index(k) < n;
    UNROLL
    for (int i = 0; i < VEC; i++) x.v[k * VEC + i] = inside ? cast<float>(raw[k][i]) : filling;
  }
  return x;
}
DEVICE void write_row(T* row, u32 n, const RowValues& x) {
  UNROLL
  for (int k = 0; k < VECS; k++) {
    RowVec out;
    UNROLL
    for (int i = 0; i < VEC; i++) out[i] = cast<T>(x.v[k * VEC + i]);
    if (row_index(k) < n) store(row + row_index(k), out);
  }
}

// The reduction over the team's rows, for every thread of it. `scratch` is as in group_reduce.
template <class Op>
DEVICE float team_reduce(float x, float* scratch) {
#if TEAM > WAVE
  return group_reduce<Op, THREADS>(x, scratch);
#else
  return wave_reduce<Op, TEAM>(x);
#endif
}
// Four chains instead of one.
template <class Op>
DEVICE float fold_held(const RowValues& x) {
  Op op;
  float s[4] = {x.v[0], x.v[kHeld > 1 ? 1 : 0], x.v[kHeld > 2 ? 2 : 0], x.v[kHeld > 3 ? 3 : 0]};
  UNROLL
  for (int i = 4; i < kHeld; i++) s[i % 4] = op(s[i % 4], x.v[i]);
  float total = s[0];
  UNROLL
  for (int i = 1; i < 4 && i < kHeld; i++) total = op(total, s[i]);
  return total;
}

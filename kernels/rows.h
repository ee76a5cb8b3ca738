// Rows that a team of TEAM threads holds in registers, as floats: VECS accesses of VEC elements a thread,
// neighbouring threads side by side. A team is part of a wave, or the whole workgroup of THREADS. Elements
// behind the row's end read as a filling. Defines: T, TEAM, THREADS, VEC, VECS, WHOLE (whether rows fill the registers
// exactly, so that there are none behind the end).
#pragma once
#include "layout.h"
#include "scalar.h"
#include "wave.h"

constexpr int kHeld = VEC * VECS;       // elements of a thread
constexpr u32 kTeams = THREADS / TEAM;  // of a workgroup

// What an access brings, as words where it is some: the compiler would keep each element of 16 bits that waits in a
// register of its own.
template <int Bytes>
struct RowAccess {
  using type = Vec<T, VEC>;
};
template <>
struct RowAccess<0> {
  using type = Vec<u32, VEC * (int)sizeof(T) / 4>;
};
using RowVec = typename RowAccess<VEC * sizeof(T) % 4>::type;
struct RowValues {
  float v[kHeld];
};

// Where the k-th access of this thread starts.
DEVICE u32 row_index(int k) { return (k * TEAM + thread_x() % TEAM) * VEC; }

DEVICE bool row_has(int k, u32 n) { return WHOLE || row_index(k) < n; }

// All accesses are issued before one is waited for; those behind the end repeat the row's first elements.
DEVICE void load_row(RowVec (&raw)[VECS], const T* row, u32 n) {
  UNROLL
  for (int k = 0; k < VECS; k++) {
    raw[k] = bit_cast<RowVec>(load<VEC>(row + (row_has(k, n) ? row_index(k) : 0)));
  }
}
DEVICE void widen_access(const RowVec& raw, float* out) { widen(bit_cast<Vec<T, VEC>>(raw), out); }
DEVICE RowValues widen_row(const RowVec (&raw)[VECS], u32 n, float filling) {
  RowValues x;
  UNROLL
  for (int k = 0; k < VECS; k++) {
    widen_access(raw[k], x.v + k * VEC);
    if (row_has(k, n)) continue;
    UNROLL
    for (int i = 0; i < VEC; i++) x.v[k * VEC + i] = filling;
  }
  return x;
}
DEVICE void write_row(T* row, u32 n, const RowValues& x) {
  UNROLL
  for (int k = 0; k < VECS; k++) {
    Vec<T, VEC> out;
    UNROLL
    for (int i = 0; i < VEC; i++) out[i] = cast<T>(x.v[k * VEC + i]);
    if (row_has(k, n)) store(row + row_index(k), out);
  }
}

// Gives body(row, there, values) each row of this team, that of number 0 to `count` at `rows` of x; all threads take part
// also when theirs is not `there`. The next row is on its way while one is worked on, where registers allow it.
template <class Index, class Body>
DEVICE void for_rows(const T* x, const Layout<1>& rows, Index count, u32 n, float filling, Body body) {
  constexpr bool ahead = THREADS < 1024;
  const Index step = (Index)group_count_x() * kTeams, mine = thread_x() / TEAM;
  Index first = (Index)group_x() * kTeams;
  RowVec raw[VECS];
  auto fetch = [&](Index at) { load_row(raw, x + rows.offset(at + mine < count ? at + mine : at), n); };
  if (ahead && first < count) fetch(first);
  for (; first < count; first += step) {
    const Index row = first + mine, next = first + step;
    if (!ahead) fetch(first);
    RowValues v = widen_row(raw, n, filling);
    if (ahead && next < count) fetch(next);
    body(row, row < count, v);
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

// The gated delta rule, a step at a time: for each head, with its state S[values][KEYS] (float),
//   S *= gamma;  change = (v - S k) * beta;  S += change k^T;  y = S q.
// Steps whose mask is false leave the state alone and give 0. Rows of S are recurrences of their own: LANES
// lanes hold one (ROWS of them), in registers for all steps. One step (decoding) reads and writes the state,
// 8 bytes an element, and is bound by memory; many steps are bound by the latency of one, so the inputs of
// the next STEPS are fetched while the present ones are used.
//
// Defines: QT, KT, VT, GAMMA_T, BETA_T (types), KEYS, VEC (keys of a load), LANES (a power of two), ROWS,
// STEPS, MASK.
#include "gated_delta_args.h"
#include "wave.h"

constexpr int TURNS = (KEYS + LANES * VEC - 1) / (LANES * VEC), MINE = TURNS * VEC;  // keys of a lane
constexpr int GROUPS = 256 / LANES;

template <class Type>
DEVICE void load_keys(const Type* row, Vec<Type, VEC> (&to)[TURNS]) {
  UNROLL
  for (int c = 0; c < TURNS; c++) {
    const int column = (c * LANES + thread_x() % LANES) * VEC;
    if (KEYS % (LANES * VEC) == 0 || column < KEYS) {
      to[c] = load_apart<VEC>(row + column);
    } else {
      UNROLL
      for (int e = 0; e < VEC; e++) to[c][e] = cast<Type>(0.0f);
    }
  }
}

struct Inputs {
  const QT* q;
  const KT* k;
  const VT* v;
  const GAMMA_T* gamma;
  const BETA_T* beta;
  const bool* mask;
};

// A sum that does not wait for its last term: the dot products of a step depend on each other.
struct SumOf4 {
  float part[4] = {};
  DEVICE void add(int i, float x, float y) { part[i % 4] = math_fma(x, y, part[i % 4]); }
  DEVICE float total() const { return (part[0] + part[1]) + (part[2] + part[3]); }
};

struct Step {
  Vec<QT, VEC> q[TURNS];
  Vec<KT, VEC> k[TURNS];
  VT v[ROWS];
  GAMMA_T gamma;
  BETA_T beta;
  bool used;

  DEVICE void fetch(const Inputs& x, const GatedDeltaArgs& a, const int (&rows)[ROWS], int t) {
    load_keys(x.q + t * a.q_time, q);
    load_keys(x.k + t * a.k_time, k);
    UNROLL
    for (int r = 0; r < ROWS; r++) v[r] = x.v[t * a.v_time + rows[r]];
    gamma = x.gamma[t * a.gamma_time];
    beta = x.beta[t * a.beta_time];
    used = MASK ? x.mask[t * a.mask_time] : true;
  }

  // The new state; y for each row.
  DEVICE void apply(float (&state)[ROWS][MINE], float (&y)[ROWS]) const {
    const float decay = cast<float>(gamma), rate = cast<float>(beta);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
      SumOf4 recalled, result;
      UNROLL
      for (int i = 0; i < MINE; i++) {
        state[r][i] *= decay;
        recalled.add(i, state[r][i], cast<float>(k[i / VEC][i % VEC]));
      }
      const float change = (cast<float>(v[r]) - wave_reduce<Sum, LANES>(recalled.total())) * rate;
      UNROLL
      for (int i = 0; i < MINE; i++) {
        state[r][i] = math_fma(change, cast<float>(k[i / VEC][i % VEC]), state[r][i]);
        result.add(i, state[r][i], cast<float>(q[i / VEC][i % VEC]));
      }
      y[r] = wave_reduce<Sum, LANES>(result.total());
    }
  }
};

// Workgroups count [batch][head][values / (GROUPS * ROWS)]. y is row-contiguous (batch, time, heads, values);
// the states are (batch, heads, values, KEYS) and may be the same memory.
KERNEL(256)
gated_delta(const QT* __restrict__ q, const KT* __restrict__ k, const VT* __restrict__ v,
            const GAMMA_T* __restrict__ gamma, const BETA_T* __restrict__ beta, const bool* __restrict__ mask,
            const float* state_in, VT* __restrict__ y, float* state_out,
            STRUCT_ARGUMENT GatedDeltaArgs a) {
  const u32 blocks = (a.values + GROUPS * ROWS - 1) / (GROUPS * ROWS), head_number = group_x() / blocks;
  const int batch = head_number / a.heads, head = head_number - batch * a.heads;
  const int key_head = head / (a.heads / a.key_heads);
  const int first = ((group_x() - head_number * blocks) * GROUPS + thread_x() / LANES) * ROWS;
  const Inputs x{q + batch * a.q_batch + key_head * a.q_head, k + batch * a.k_batch + key_head * a.k_head,
                 v + batch * a.v_batch + head * a.v_head,     gamma + batch * a.gamma_batch + head * a.gamma_head,
                 beta + batch * a.beta_batch + head * a.beta_head, mask + batch * a.mask_batch};
  int rows[ROWS];
  float state[ROWS][MINE];
  UNROLL
  for (int r = 0; r < ROWS; r++) {
    rows[r] = first + r < a.values ? first + r : a.values - 1;
    Vec<float, VEC> row[TURNS];
    load_keys(state_in + ((u64)head_number * a.values + rows[r]) * KEYS, row);
    UNROLL
    for (int i = 0; i < MINE; i++) state[r][i] = row[i / VEC][i % VEC];
  }

  Step next[STEPS];
  UNROLL
  for (int s = 0; s < STEPS; s++) {
    if (s < a.time) next[s].fetch(x, a, rows, s);
  }
  for (int base = 0; base < a.time; base += STEPS) {
    Step now[STEPS];
    UNROLL
    for (int s = 0; s < STEPS; s++) now[s] = next[s];
    UNROLL
    for (int s = 0; s < STEPS; s++) {
      if (base + STEPS + s < a.time) next[s].fetch(x, a, rows, base + STEPS + s);
    }
    UNROLL
    for (int s = 0; s < STEPS; s++) {
      if (base + s >= a.time) break;
      float result[ROWS] = {};
      if (now[s].used) now[s].apply(state, result);
      if (thread_x() % LANES != 0) continue;
      const u64 to = (((u64)batch * a.time + base + s) * a.heads + head) * a.values;
      UNROLL
      for (int r = 0; r < ROWS; r++) {
        if (first + r < a.values) y[to + first + r] = cast<VT>(result[r]);
      }
    }
  }

  UNROLL
  for (int r = 0; r < ROWS; r++) {
    if (first + r >= a.values) continue;
    float* row = state_out + ((u64)head_number * a.values + first + r) * KEYS;
    UNROLL
    for (int c = 0; c < TURNS; c++) {
      const int column = (c * LANES + thread_x() % LANES) * VEC;
      if (KEYS % (LANES * VEC) != 0 && column >= KEYS) continue;
      Vec<float, VEC> part;
      UNROLL
      for (int e = 0; e < VEC; e++) part[e] = state[r][c * VEC + e];
      store<VEC>(row + column, part);
    }
  }
}

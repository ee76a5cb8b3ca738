// Softmax and logsumexp of rows too long for registers, cut into parts (group_y) of `chunk` elements.
// softmax_parts finds maximum and sum of a part in one pass (rescaling the sum when the maximum grows), then
// softmax_apply writes y, or logsumexp_finish the logarithm. Softmax reads x twice, logsumexp once. Bandwidth
// of memory limits both.
//
// Defines: T, VEC (divides n and chunk), INDEX (u32 or u64: numbers rows).
#include "layout.h"
#include "scalar.h"
#include "wave.h"

constexpr int kInFlight = VEC > 4 ? 2 : 8;

// sum(exp(x - top)) for some elements; a sum of nothing is {-inf, 0}.
struct Total {
  float top, sum;
};
DEVICE Total nothing() { return {-infinity(), 0.0f}; }
struct Join {
  DEVICE Total operator()(Total a, Total b) const {
    const float top = Maximum()(a.top, b.top);
    // Nothing but -inf so far: sums stay 0 instead of exp(-inf - -inf).
    const float base = top == -infinity() ? 0.0f : top;
    return {top, a.sum * math_exp(a.top - base) + b.sum * math_exp(b.top - base)};
  }
};

template <int Count>
DEVICE void add(Total& total, const Vec<T, VEC> (&raw)[Count]) {
  float v[Count * VEC];
  float top = total.top;
  UNROLL
  for (int k = 0; k < Count; k++) {
    UNROLL
    for (int i = 0; i < VEC; i++) {
      v[k * VEC + i] = cast<float>(raw[k][i]);
      top = Maximum()(top, v[k * VEC + i]);
    }
  }
  const float base = top == -infinity() ? 0.0f : top;
  float sum = 0;
  UNROLL
  for (float each : v) sum += math_exp(each - base);
  total = {top, total.sum * math_exp(total.top - base) + sum};
}

DEVICE Total fold_part(const T* p, u32 n) {
  Total total = nothing();
  u32 i = thread_x() * VEC;
  for (; i + (kInFlight - 1) * 256 * VEC < n; i += kInFlight * 256 * VEC) {
    Vec<T, VEC> raw[kInFlight];
    UNROLL
    for (int k = 0; k < kInFlight; k++) raw[k] = load<VEC>(p + i + k * 256 * VEC);
    add(total, raw);
  }
  for (; i < n; i += 256 * VEC) {
    Vec<T, VEC> raw[1] = {load<VEC>(p + i)};
    add(total, raw);
  }
  return total;
}

DEVICE Total join_parts(const Total* parts, u32 count, Total* scratch) {
  Total total = nothing();
  for (u32 i = thread_x(); i < count; i += 256) total = Join()(total, parts[i]);
  return group_reduce<Join, 256>(total, scratch);
}

KERNEL(256)
softmax_parts(const T* __restrict__ x, Total* __restrict__ parts, STRUCT_ARGUMENT Layout<1> rows, INDEX count,
              u32 n, u32 chunk, u32 part_count) {
  SHARED Total scratch[256 / WAVE];
  const u32 begin = group_y() * chunk, length = n - begin < chunk ? n - begin : chunk;
  for (INDEX row = group_x(); row < count; row += group_count_x()) {
    const Total total = group_reduce<Join, 256>(fold_part(x + rows.offset(row) + begin, length), scratch);
    if (thread_x() == 0) parts[(u64)row * part_count + group_y()] = total;
    barrier_lds();
  }
}

KERNEL(256)
softmax_apply(const T* __restrict__ x, T* __restrict__ y, const Total* __restrict__ parts,
              STRUCT_ARGUMENT Layout<1> rows, INDEX count, u32 n, u32 chunk, u32 part_count) {
  SHARED Total scratch[256 / WAVE];
  const u32 begin = group_y() * chunk, length = n - begin < chunk ? n - begin : chunk;
  for (INDEX row = group_x(); row < count; row += group_count_x()) {
    const Total total = join_parts(parts + (u64)row * part_count, part_count, scratch);
    const float scale = 1.0f / total.sum;
    const T* from = x + rows.offset(row) + begin;
    T* to = y + (u64)row * n + begin;
    for (u32 i = thread_x() * VEC; i < length; i += 256 * VEC) {
      const Vec<T, VEC> v = load<VEC>(from + i);
      Vec<T, VEC> out;
      UNROLL
      for (int k = 0; k < VEC; k++) out[k] = cast<T>(math_exp(cast<float>(v[k]) - total.top) * scale);
      store(to + i, out);
    }
    barrier_lds();
  }
}

KERNEL(256)
logsumexp_finish(const Total* __restrict__ parts, T* __restrict__ y, INDEX count, u32 part_count) {
  SHARED Total scratch[256 / WAVE];
  for (INDEX row = group_x(); row < count; row += group_count_x()) {
    const Total total = join_parts(parts + (u64)row * part_count, part_count, scratch);
    const bool infinite = math_abs(total.top) == infinity();
    if (thread_x() == 0) y[row] = cast<T>(infinite ? total.top : total.top + math_log(total.sum));
    barrier_lds();
  }
}

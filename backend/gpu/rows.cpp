#include "backend/gpu/rows.h"

#include <algorithm>
#include <bit>

namespace mlx_rocm::gpu {

Rows rows_of(const array& a) {
  Rows rows{a, {}, 0, a.shape(-1)};
  auto starts = [&] {
    const array& x = rows.x;
    Strides strides[1] = {Strides(x.strides().begin(), x.strides().end() - 1)};
    return make_layout(Shape(x.shape().begin(), x.shape().end() - 1), strides, &rows.starts);
  };
  if ((rows.n > 1 && a.strides().back() != 1) || !starts()) {
    rows.x = contiguous(a);
    starts();
  }
  rows.count = a.size() / rows.n;
  return rows;
}

int row_vec(const Rows& rows, std::initializer_list<const array*> others) {
  const auto size = int64_t(rows.x.itemsize());
  auto fits = [&](int64_t v) {
    bool ok = rows.n % v == 0 && rows.x.offset() % (v * size) == 0;
    for (int i = 0; i < rows.starts.ndim; ++i) ok = ok && rows.starts.strides[0][i] % v == 0;
    for (const array* other : others) ok = ok && (other->is_null() || other->offset() % (v * size) == 0);
    return ok;
  };
  for (int64_t bytes : {16, 4}) {
    if (bytes > size && fits(bytes / size)) return int(bytes / size);
  }
  return 1;
}

RowTeam row_team(int64_t n, int vec, int most) {
  const int64_t accesses = (n + vec - 1) / vec;
  auto share = [&](int threads) { return (accesses + threads - 1) / threads; };
  if (accesses <= 8) return {8, 256, 1};
  // On NVIDIA few threads with many values: there is less to wait for at the barriers, and what a thread does once a row
  // is done less often (measured on an H200). On AMD that would halve the resident waves, and nobody has measured which
  // counts for more. 1024 threads have no registers for it.
  const bool many = target().mma == Mma::sync;
  if (accesses <= (many ? 128 : 64)) return {32, 256, int(share(32))};
  const int each = many ? 32 : 16;
  for (auto [threads, values] : {std::pair{128, each}, {256, each}, {512, each}, {1024, 16}, {1024, 32}}) {
    int64_t vecs = share(threads);
    if (vecs > 4) vecs = (vecs + 3) / 4 * 4;  // fewer variants to compile
    if (vecs * vec <= (threads == 1024 ? std::min(values, most) : values)) return {threads, threads, int(vecs)};
  }
  return {0, 0, 0};
}

Defines row_defines(const Rows& rows, int vec, const RowTeam& team) {
  return {{"T", rows.x.dtype()}, {"INDEX", rows.index()}, {"VEC", vec},
          {"VECS", team.vecs},   {"TEAM", team.team},     {"THREADS", team.threads},
          {"WHOLE", int(rows.n == int64_t(vec) * team.vecs * team.team)}};
}

}  // namespace mlx_rocm::gpu

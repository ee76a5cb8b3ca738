#include "backend/gpu/softmax.h"

#include <algorithm>

#include "backend/gpu/reduce.h"
#include "backend/gpu/rows.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int64_t kThreads = 256;

// Rows in registers.
void run_short(const Rows& rows, int vec, const RowTeam& team, bool logsumexp, const array& out) {
  Defines defines = row_defines(rows, vec, team);
  defines.push_back({"LSE", int(logsumexp)});
  const Kernel& k = kernel("softmax.hip", "softmax", std::move(defines));
  with_index(rows, [&](auto count) {
    const Grid groups = cover(rows.count * team.team, uint32_t(team.threads));
    launch(k, groups, uint32_t(team.threads), in(rows.x), gpu::out(out), rows.starts, count,
           uint32_t(rows.n));
  });
}

// Workgroups along a row: enough of them to fill the device, each with work for several accesses a thread.
int64_t chunk_of(const Rows& rows, int vec) {
  const int64_t granule = kThreads * 4 * vec, wanted = std::max<int64_t>(1, 8 * compute_units() / rows.count);
  const int64_t parts = std::clamp<int64_t>(rows.n / (4 * granule), 1, std::min<int64_t>(wanted, 4096));
  return ((rows.n + parts - 1) / parts + granule - 1) / granule * granule;
}

void run_long(const Rows& rows, int vec, bool logsumexp, const array& out) {
  const int64_t chunk = chunk_of(rows, vec), parts = (rows.n + chunk - 1) / chunk;
  const Defines defines = {{"T", rows.x.dtype()}, {"VEC", vec}, {"INDEX", rows.index()}};
  const auto n = uint32_t(rows.n), length = uint32_t(chunk), part_count = uint32_t(parts);
  const Grid row_groups = cover(rows.count * kThreads, kThreads);
  const Grid groups(row_groups.x, uint64_t(parts));
  // Pairs of floats; rows and parts may be more than one axis holds.
  const auto high = int32_t((rows.count + INT32_MAX - 1) / INT32_MAX);
  const array totals = temporary({high, int32_t((rows.count + high - 1) / high), int32_t(parts)}, complex64);
  with_index(rows, [&](auto count) {
    launch(kernel("softmax_long.hip", "softmax_parts", defines), groups, kThreads, in(rows.x),
           gpu::out(totals), rows.starts, count, n, length, part_count);
    if (logsumexp) {
      launch(kernel("softmax_long.hip", "logsumexp_finish", defines), row_groups, kThreads, in(totals),
             gpu::out(out), count, part_count);
    } else {
      launch(kernel("softmax_long.hip", "softmax_apply", defines), groups, kThreads, in(rows.x),
             gpu::out(out), in(totals), rows.starts, count, n, length, part_count);
    }
  });
}

void run(const array& x, bool logsumexp, const array& out) {
  const Rows rows = rows_of(x);
  const int vec = row_vec(rows, {});
  const RowTeam team = row_team(rows.n, vec, 32);
  if (team.vecs > 0) {
    run_short(rows, vec, team, logsumexp, out);
  } else {
    run_long(rows, vec, logsumexp, out);
  }
}

}  // namespace

void softmax(const array& x, const array& out) {
  donate_or_allocate(x, out);
  if (out.size() > 0) run(x, false, out);
}

void logsumexp(const array& x, const array& out) {
  if (x.size() == 0) return reduce(x, "Maximum", {x.ndim() - 1}, out);  // of nothing: -inf
  allocate(out);
  if (out.size() > 0) run(x, true, out);
}

}  // namespace mlx_rocm::gpu

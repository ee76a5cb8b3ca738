#include "backend/gpu/norm.h"

#include <algorithm>

#include "backend/gpu/rows.h"

namespace mlx_rocm::gpu {
namespace {

// Workgroups for a compute unit where there are weight and bias, which a workgroup reads once for its rows. With less to
// read, a workgroup a row was faster (on an H200).
constexpr int64_t kGroupsPerUnit = 32;
constexpr int kLongThreads = 1024;

}  // namespace

void norm(NormKind kind, const array& x, const array& weight_, const array& bias_, float eps,
          const array& out) {
  donate_or_allocate(x, out);
  if (out.size() == 0) return;
  const array weight = weight_.is_null() ? array() : contiguous(weight_);
  const array bias = bias_.is_null() ? array() : contiguous(bias_);
  const Rows rows = rows_of(x);
  const int vec = row_vec(rows, {&weight, &bias});
  const RowTeam team = row_team(rows.n, vec, 16);  // weight and bias take registers as well
  Defines defines = {{"LAYER", int(kind == NormKind::layer)},
                     {"WEIGHT", int(!weight.is_null())},
                     {"BIAS", int(!bias.is_null())}};
  const bool fits = team.vecs > 0;
  const Defines more = fits ? row_defines(rows, vec, team)
                            : Defines{{"T", x.dtype()}, {"VEC", vec}, {"INDEX", rows.index()}};
  defines.insert(defines.end(), more.begin(), more.end());
  const uint32_t threads = fits ? uint32_t(team.threads) : kLongThreads;
  const int64_t most = weight.is_null() || bias.is_null() ? INT64_MAX : kGroupsPerUnit * compute_units() * threads;
  const int64_t wanted = fits ? std::min(rows.count * team.team, most) : rows.count * threads;
  const Kernel& k = fits ? kernel("norm.hip", "norm_rows", std::move(defines))
                         : kernel("norm_long.hip", "norm_long", std::move(defines));
  with_index(rows, [&](auto count) {
    launch(k, cover(wanted, threads), threads, in(rows.x), in(weight), in(bias), gpu::out(out), rows.starts,
           count, uint32_t(rows.n), eps);
  });
}

}  // namespace mlx_rocm::gpu

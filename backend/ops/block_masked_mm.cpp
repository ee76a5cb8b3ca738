#include "backend/ops/matmul.h"

#include "backend/core/error.h"
#include "backend/ops/matmul_parts.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

using namespace products;

// A mask of blocks as a mask of elements of the last two axes (rows, cols).
array expand_mask(const array& mask, int rows, int cols, int block, const StreamOrDevice& s) {
  Shape shape = mask.shape();
  const int n = mask.ndim();
  const int down = (rows + block - 1) / block;
  const int across = (cols + block - 1) / block;
  shape[n - 2] = down;
  shape[n - 1] = across;
  array m = expand_dims(broadcast_to(mask, shape, s), {n - 1, n + 1}, s);
  Shape wide(shape.begin(), shape.end() - 2);
  for (int extent : {down, block, across, block}) wide.push_back(extent);
  shape[n - 2] = down * block;
  shape[n - 1] = across * block;
  m = reshape(broadcast_to(m, wide, s), shape, s);
  Shape start(n, 0), step(n, 1);
  Shape stop = shape;
  stop[n - 2] = rows;
  stop[n - 1] = cols;
  return slice(m, start, stop, step, s);
}

array masked(const array& x, const std::optional<array>& mask, int block, const StreamOrDevice& s) {
  if (!mask) return x;
  array m = *mask;
  while (m.ndim() < 2) m = expand_dims(m, {0}, s);
  m = expand_mask(m, x.shape(-2), x.shape(-1), block, s);
  if (m.dtype() == bool_) return where(m, x, zeros_like(x, s), s);
  return multiply(x, astype(m, x.dtype(), s), s);
}

}  // namespace

array block_masked_mm(const array& a, const array& b, int block_size, const std::optional<array>& mask_out,
                      const std::optional<array>& mask_lhs, const std::optional<array>& mask_rhs,
                      const StreamOrDevice& s) {
  if (!mask_out && !mask_lhs && !mask_rhs) return matmul(a, b, s);
  if (block_size != 32 && block_size != 64) {
    value_error("[block_masked_mm] Block sizes are 32 and 64, not ", block_size, ".");
  }
  const Dtype type = promote_types(a.dtype(), b.dtype());
  const Operands o = prepare("block_masked_mm", a, b, type, s);
  require_real("block_masked_mm", a, b, type);
  auto with_axis = [&](std::optional<array> mask, bool vector, int axis) {
    if (mask && vector) mask = expand_dims(*mask, {axis}, s);
    return mask;
  };
  const array x = masked(o.a, with_axis(mask_lhs, a.ndim() == 1, -2), block_size, s);
  const array y = masked(o.b, with_axis(mask_rhs, b.ndim() == 1, -1), block_size, s);
  const auto out_mask = with_axis(with_axis(mask_out, b.ndim() == 1, -1), a.ndim() == 1, -2);
  const array product = matmul(x, y, s);
  return finish(masked(product, out_mask, block_size, s), o.squeezed, s);
}

}  // namespace mlx_rocm

// Copies: none when a view will do, one launch otherwise.
#include <algorithm>
#include <array>
#include <memory>

#include "backend/core/error.h"
#include "backend/gpu/pointwise.h"
#include "backend/gpu/residency.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int kTransposeAtLeast = 16;  // elements along both axes; below, reading apart is no worse

// An unsigned type of the element's size: copies move bits.
Dtype bits_of(Dtype d) {
  switch (d.size()) {
    case 1: return uint8;
    case 2: return uint16;
    case 4: return uint32;
    default: return uint64;
  }
}
array as_bits(const array& a, const Shape& shape, const Strides& strides) {
  array b(make_ref<Node>(shape, bits_of(a.dtype())));
  b.set_memory(a.buffer(), strides, a.offset());
  return b;
}

const Pointwise& converter(Dtype from, Dtype to) {
  // Never destroyed, see pointwise_op.
  using Table = std::array<std::array<std::unique_ptr<Pointwise>, Dtype::count>, Dtype::count>;
  static Table& made = *new Table;
  auto& slot = made[from.val][to.val];
  if (!slot) {
    std::string body = "  y0 = convert<" + std::string(compute_name(to)) + ">(x0);\n";
    slot = std::make_unique<Pointwise>(std::vector<Dtype>{from}, std::vector<Dtype>{to}, body);
  }
  return *slot;
}

void copy_straight(const array& src, const array& dst) {
  Queue& q = current();
  void* to = address(dst, q, true);
  const void* from = address(src, q, false);
  q.device().check(q.device().call.copy(to, from, dst.nbytes(), q.handle()), "copying");
  q.advance();
}

// The source is contiguous along one axis and the destination along another: rows through LDS. False: it is no such case.
bool copy_transposed(const array& src, const array& dst) {
  Shape shape = dst.shape();
  Strides strides[2] = {src.strides(), dst.strides()};
  collapse(shape, strides);
  const int last = int(shape.size()) - 1;
  if (strides[1][last] != 1 || strides[0][last] == 1 || strides[0][last] == 0 || shape[last] < kTransposeAtLeast) return false;
  int axis = -1;
  for (int i = 0; i < last; ++i) {
    if (strides[0][i] == 1 && shape[i] >= kTransposeAtLeast) axis = i;
  }
  if (axis < 0 || last - 1 > LAYOUT_MAX_DIMS) return false;
  Shape outer;
  Strides outer_strides[2];
  for (int i = 0; i < last; ++i) {
    if (i == axis) continue;
    outer.push_back(shape[i]);
    for (int k = 0; k < 2; ++k) outer_strides[k].push_back(strides[k][i]);
  }
  const int64_t planes = num_elements(outer), size_a = shape[axis], size_b = shape[last];
  const int64_t src_b = strides[0][last], dst_a = strides[1][axis];
  const auto item = int64_t(src.itemsize());
  int64_t w = std::clamp<int64_t>(8 / item, 1, 4);
  // Neighbours move together where every row begins aligned.
  bool together = src.offset() % (w * item) == 0 && dst.offset() % (w * item) == 0 && src_b % w == 0 && dst_a % w == 0;
  for (int k = 0; k < 2; ++k) {
    for (int64_t s : outer_strides[k]) together = together && s % w == 0;
  }
  if (!together) w = 1;
  const int64_t tile = 32 * w, tiles_a = (size_a + tile - 1) / tile, tiles_b = (size_b + tile - 1) / tile;
  const int64_t groups = tiles_a * tiles_b * planes;
  if (groups >= (int64_t(1) << 24)) return false;
  Layout<2> layout;
  if (!make_layout(outer, outer_strides, &layout)) return false;
  const Kernel& k = kernel("transpose.hip", "transpose", {{"T", bits_of(src.dtype())}, {"W", w}});
  launch(k, groups, 256, in(src), out(dst), uint32_t(size_a), uint32_t(size_b), src_b, dst_a, uint32_t(tiles_a),
         uint32_t(tiles_b), layout);
  return true;
}

// More separate axes than a Layout has: the outermost ones one by one.
void copy_by_slices(const array& src, const array& dst) {
  Shape shape(dst.shape().begin() + 1, dst.shape().end());
  for (int32_t i = 0; i < dst.shape(0); ++i) {
    array from(make_ref<Node>(shape, src.dtype())), to(make_ref<Node>(shape, dst.dtype()));
    from.set_memory(src.buffer(), Strides(src.strides().begin() + 1, src.strides().end()),
                    src.offset() + i * src.strides()[0] * int64_t(src.itemsize()));
    to.set_memory(dst.buffer(), Strides(dst.strides().begin() + 1, dst.strides().end()),
                  dst.offset() + i * dst.strides()[0] * int64_t(dst.itemsize()));
    copy(from, to);
  }
}

size_t separate_axes(const array& src, const array& dst) {
  Shape shape = dst.shape();
  Strides strides[2] = {src.strides(), dst.strides()};
  collapse(shape, strides);
  return shape.size();
}

}  // namespace

void copy(const array& src, const array& dst) {
  if (dst.size() == 0) return;
  if (!(src.shape() == dst.shape())) {
    array view(make_ref<Node>(dst.shape(), src.dtype()));
    view.set_memory(src.buffer(), broadcast_strides(src.shape(), src.strides(), dst.shape()), src.offset());
    return copy(view, dst);
  }
  const bool same_type = src.dtype() == dst.dtype();
  if (same_type && dst.dense() && (src.strides() == dst.strides() || (src.row_contiguous() && dst.row_contiguous()))) {
    return copy_straight(src, dst);
  }
  if (separate_axes(src, dst) > size_t(LAYOUT_MAX_DIMS)) return copy_by_slices(src, dst);
  if (!same_type) return converter(src.dtype(), dst.dtype())({src}, {dst});
  if (src.size() > 1 && copy_transposed(src, dst)) return;
  const Dtype bits = bits_of(src.dtype());
  converter(bits, bits)({as_bits(src, src.shape(), src.strides())}, {as_bits(dst, dst.shape(), dst.strides())});
}

array contiguous(const array& a) {
  if (a.row_contiguous()) return a;
  array out = temporary(a.shape(), a.dtype());
  copy(a, out);
  return out;
}
array contiguous(const array& a, Dtype dtype) {
  if (a.dtype() == dtype) return contiguous(a);
  array out = temporary(a.shape(), dtype);
  copy(a, out);
  return out;
}

void astype(const array& src, const array& dst) { converter(src.dtype(), dst.dtype())({src}, {dst}); }

}  // namespace mlx_rocm::gpu

#include "backend/ops/matmul_parts.h"

#include "backend/core/error.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::products {

cpu::GemmType gemm_type(Dtype d) {
  if (d == float32) return cpu::GemmType::f32;
  if (d == float64) return cpu::GemmType::f64;
  if (d == bfloat16) return cpu::GemmType::bf16;
  if (d == float16) return cpu::GemmType::f16;
  if (d == complex64) return cpu::GemmType::c64;
  type_error("[matmul] There is no product of ", d.name(), " matrices.");
}

Shape batch_shape(const array& a) { return Shape(a.shape().begin(), a.shape().end() - 2); }
Strides batch_strides(const array& a) { return Strides(a.strides().begin(), a.strides().end() - 2); }
array transposed(const array& a) { return swapaxes(a, -1, -2); }

std::vector<int64_t> row_major_offsets(int64_t count, int64_t step) {
  std::vector<int64_t> offsets(count);
  for (int64_t i = 0; i < count; ++i) offsets[i] = i * step;
  return offsets;
}

std::vector<int64_t> index_values(const array& indices, const Shape& shape) {
  std::vector<int64_t> values(num_elements(shape));
  Walker at(shape, broadcast_strides(indices.shape(), indices.strides(), shape));
  const auto* data = indices.data<uint32_t>();
  for (int64_t& v : values) {
    v = data[at.offset()];
    at.next();
  }
  return values;
}

Operands prepare(const char* name, const array& a, const array& b, Dtype type, const StreamOrDevice& s) {
  if (a.ndim() == 0 || b.ndim() == 0) {
    value_error("[", name, "] Got a 0-dimensional input; inputs must have at least one dimension.");
  }
  Operands o{a, b, {}};
  if (a.ndim() == 1) {
    o.a = expand_dims(a, {0}, s);
    o.squeezed.push_back(-2);
  }
  if (b.ndim() == 1) {
    o.b = expand_dims(b, {1}, s);
    o.squeezed.push_back(-1);
  }
  if (o.a.shape(-1) != o.b.shape(-2)) {
    value_error("[", name, "] The last dimension of the first input with shape ", o.a.shape(),
                " must match the second to last dimension of the second input with shape ", o.b.shape(), ".");
  }
  o.a = astype(o.a, type, s);
  o.b = astype(o.b, type, s);
  return o;
}

array finish(const array& out, const Axes& squeezed, const StreamOrDevice& s) {
  return squeezed.empty() ? out : squeeze(out, squeezed, s);
}

void require_real(const char* name, const array& a, const array& b, Dtype type) {
  if (is_floating(type)) return;
  value_error("[", name, "] Only real floating types are supported but ", a.dtype().name(), " and ",
              b.dtype().name(), " give ", type.name(), ".");
}

}  // namespace mlx_rocm::products

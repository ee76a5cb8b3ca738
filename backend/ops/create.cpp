#include "backend/ops/create.h"

#include <cmath>
#include <cstdlib>

#include "backend/core/op.h"
#include "backend/cpu/move.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

class Arange : public OpBase<Arange> {
 public:
  static constexpr const char* kName = "arange";
  double start = 0, step = 1;
  int32_t size = 0;
  Dtype dtype;
  Arange() = default;
  Arange(double start, double step, int32_t size, Dtype d) : start(start), step(step), size(size), dtype(d) {}
  static auto fields(auto& self) { return std::tie(self.start, self.step, self.size, self.dtype); }

  std::vector<Spec> infer(const Arrays&) const override { return {{{size}, dtype}}; }
  void cpu(const Arrays&, const Arrays& out) override {
    out[0].allocate();
    if (dtype == float32 || dtype == int32) return fill_fast(out[0]);
    visit(dtype, [&]<class T>(TypeTag<T>) {
      T* y = out[0].data<T>();
      for (int64_t i = 0; i < size; ++i) {
        if constexpr (std::is_same_v<T, complex64_t>) {
          y[i] = {float(start + double(i) * step), 0};
        } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          y[i] = T(int64_t(start) + i * int64_t(step));  // each converted on its own, as NumPy does
        } else if constexpr (std::is_same_v<T, double>) {
          y[i] = start + double(i) * step;
        } else {
          y[i] = T(float(start) + float(i) * float(step));
        }
      }
    });
  }

  void gpu(const Arrays&, const Arrays& out) override {
    gpu::allocate(out[0]);
    if (size == 0) return;
    const int items = std::min(16 / int(out[0].itemsize()), 8);
    const auto run = [&](const char* type, auto first, auto by) {
      const auto& k = gpu::kernel("arange.hip", "arange", {{"T", dtype}, {"START", type}, {"ITEMS", items}});
      gpu::launch(k, gpu::cover((int64_t(size) + items - 1) / items, 256), 256, gpu::out(out[0]), first, by,
                  uint32_t(size));
    };
    if (is_integer(dtype)) return run("i64", int64_t(start), int64_t(step));  // each on its own, as NumPy does
    if (dtype == complex64) return run("double", start, step);
    run("float", float(start), float(step));
  }

 private:
  void fill_fast(const array& out) const {
    cpu::parallel_for(size, 1 << 15, [&](int64_t begin, int64_t end) {
      if (dtype == float32) {
        cpu::move_table().arange_f32(float(start), float(step), begin, out.data<float>() + begin, end - begin);
      } else {
        cpu::move_table().arange_i32(int32_t(int64_t(start)), int32_t(int64_t(step)), begin,
                                     out.data<int32_t>() + begin, end - begin);
      }
    });
  }
};
REGISTER_OP(Arange)

}  // namespace

array full(const Shape& shape, const array& value, Dtype dtype, const StreamOrDevice& s) {
  for (int32_t d : shape) {
    if (d < 0) value_error("[full] Negative dimensions not allowed: ", shape, ".");
  }
  // A broadcast view of one element costs nothing until somebody needs it dense.
  return contiguous(broadcast_to(astype(value, dtype, s), shape, s), false, s);
}
array zeros(const Shape& shape, Dtype dtype, const StreamOrDevice& s) {
  return full(shape, array::scalar(0, dtype), dtype, s);
}
array ones(const Shape& shape, Dtype dtype, const StreamOrDevice& s) {
  return full(shape, array::scalar(1, dtype), dtype, s);
}
array full_like(const array& a, const array& value, Dtype dtype, const StreamOrDevice& s) {
  if (!in_shapeless_tracing()) return full(a.shape(), value, dtype, s);
  return contiguous(broadcast_like(astype(value, dtype, s), a), false, s);
}
array zeros_like(const array& a, const StreamOrDevice& s) {
  return full_like(a, array::scalar(0, a.dtype()), a.dtype(), s);
}
array ones_like(const array& a, const StreamOrDevice& s) {
  return full_like(a, array::scalar(1, a.dtype()), a.dtype(), s);
}

array arange(double start, double stop, double step, Dtype dtype, const StreamOrDevice& s) {
  if (dtype == bool_) value_error("[arange] bool is not supported.");
  if (std::isnan(start) || std::isnan(stop) || std::isnan(step)) value_error("[arange] Cannot compute length.");
  if (std::isinf(start) || std::isinf(stop)) value_error("[arange] Cannot compute length.");
  if (step == 0) value_error("[arange] The step must not be 0.");
  double n = std::isinf(step) ? (step > 0 ? start < stop : start > stop) : std::max(std::ceil((stop - start) / step), 0.0);
  if (n > double(INT32_MAX)) value_error("[arange] Maximum size exceeded: ", n, " elements.");
  if (std::isinf(step)) step = 0;
  return apply(op<Arange>(start, step, int32_t(n), dtype), {}, s);
}

// An n x m matrix of zeros with `values` (one or as many as fit) on diagonal k: a strided write into the flat matrix.
static array with_diagonal(int n, int m, int k, const array& values, const StreamOrDevice& s) {
  const int64_t first = k >= 0 ? k : -int64_t(k) * m;
  const int64_t count = std::max<int64_t>(0, k >= 0 ? std::min<int64_t>(n, int64_t(m) - k) : std::min<int64_t>(n + int64_t(k), m));
  if (count == 0) return zeros({n, m}, values.dtype(), s);
  const int64_t last = first + (count - 1) * (int64_t(m) + 1);
  array flat = zeros({int32_t(int64_t(n) * m)}, values.dtype(), s);
  flat = slice_update(flat, values, {int32_t(first)}, {int32_t(last + 1)}, {m + 1}, s);
  return reshape(flat, {n, m}, s);
}
static bool fits_flat(int64_t n, int64_t m) { return n * m < INT32_MAX; }

array eye(int n, int m, int k, Dtype dtype, const StreamOrDevice& s) {
  if (n < 0 || m < 0) value_error("[eye] Dimensions must be non-negative, got ", n, " and ", m, ".");
  if (fits_flat(n, m)) return with_diagonal(n, m, k, array::scalar(1, dtype), s);
  array row = expand_dims(arange(0, n, 1, int32, s), {1}, s), column = expand_dims(arange(0, m, 1, int32, s), {0}, s);
  return astype(equal(add(row, array::scalar(k), s), column, s), dtype, s);
}
array tri(int n, int m, int k, Dtype dtype, const StreamOrDevice& s) {
  if (n < 0 || m < 0) value_error("[tri] Dimensions must be non-negative, got ", n, " and ", m, ".");
  array row = expand_dims(arange(0, n, 1, int32, s), {1}, s), column = expand_dims(arange(0, m, 1, int32, s), {0}, s);
  return astype(greater_equal(add(row, array::scalar(k), s), column, s), dtype, s);
}
static void require_matrix(const array& a, const char* op) {
  if (a.ndim() < 2) value_error("[", op, "] Array must be at least 2-d, got shape ", a.shape(), ".");
}
array tril(const array& a, int k, const StreamOrDevice& s) {
  require_matrix(a, "tril");
  return where(tri(a.shape(-2), a.shape(-1), k, bool_, s), a, array::scalar(0, a.dtype()), s);
}
array triu(const array& a, int k, const StreamOrDevice& s) {
  require_matrix(a, "triu");
  return where(tri(a.shape(-2), a.shape(-1), k - 1, bool_, s), array::scalar(0, a.dtype()), a, s);
}

array diag(const array& a, int k, const StreamOrDevice& s) {
  if (a.ndim() == 2) return diagonal(a, k, 0, 1, s);
  if (a.ndim() != 1) value_error("[diag] Array must be 1-d or 2-d, got ", a.ndim(), " dimensions.");
  int n = a.shape(0) + std::abs(k);
  if (fits_flat(n, n)) return with_diagonal(n, n, k, a, s);
  array column = expand_dims(a, {1}, s);
  // Place the vector as rows, then keep the diagonal.
  Shape start{std::max(-k, 0), 0}, stop{std::max(-k, 0) + a.shape(0), 1};
  array rows = slice_update(zeros({n, 1}, a.dtype(), s), column, start, stop, {1, 1}, s);
  return where(eye(n, n, k, bool_, s), rows, array::scalar(0, a.dtype()), s);
}

array linspace(double start, double stop, int num, bool endpoint, Dtype dtype, const StreamOrDevice& s) {
  if (num < 0) value_error("[linspace] number of samples, ", num, ", must be non-negative.");
  if (num == 0) return zeros({0}, dtype, s);
  if (num == 1) return astype(reshape(array::scalar(start, float32), {1}, s), dtype, s);
  // Weighing both ends keeps the last sample exactly at stop.
  int last = endpoint ? num - 1 : num;
  Dtype compute = dtype == float64 ? float64 : float32;
  array t = divide(arange(0, num, 1, compute, s), array::scalar(double(last), compute), s);
  array one = array::scalar(1.0, compute);
  array y = add(multiply(subtract(one, t, s), array::scalar(start, compute), s),
                multiply(t, array::scalar(stop, compute), s), s);
  return astype(y, dtype, s);
}

// a0 - a1 cos(2 pi i / (m - 1)) + a2 cos(4 pi i / (m - 1)).
static array cosine_window(const char* name, int m, double a0, double a1, double a2, const StreamOrDevice& s) {
  if (m < 0) value_error("[", name, "] The length must be non-negative, got ", m, ".");
  if (m == 0) return zeros({0}, float32, s);
  if (m == 1) return ones({1}, float32, s);
  array x = multiply(arange(0, m, 1, float32, s), array::scalar(2 * M_PI / (m - 1), float32), s);
  array y = subtract(array::scalar(a0, float32), multiply(cos(x, s), array::scalar(a1, float32), s), s);
  if (a2 == 0) return y;
  array twice = cos(multiply(x, array::scalar(2.0, float32), s), s);
  return add(y, multiply(twice, array::scalar(a2, float32), s), s);
}
array hanning(int m, const StreamOrDevice& s) { return cosine_window("hanning", m, 0.5, 0.5, 0, s); }
array hamming(int m, const StreamOrDevice& s) { return cosine_window("hamming", m, 0.54, 0.46, 0, s); }
array blackman(int m, const StreamOrDevice& s) { return cosine_window("blackman", m, 0.42, 0.5, 0.08, s); }
array bartlett(int m, const StreamOrDevice& s) {
  if (m < 0) value_error("[bartlett] The length must be non-negative, got ", m, ".");
  if (m == 0) return zeros({0}, float32, s);
  if (m == 1) return ones({1}, float32, s);
  array x = multiply(arange(0, m, 1, float32, s), array::scalar(2.0 / (m - 1), float32), s);
  return subtract(array::scalar(1.0, float32), abs(subtract(x, array::scalar(1.0, float32), s), s), s);
}

}  // namespace mlx_rocm

#include "backend/ops/contract.h"

#include <cmath>
#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/hadamard.h"
#include "backend/ops/matmul.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

// Hadamard matrices of the orders that are no powers of two, row by row, as MLX has them.
//
// Order 12: Paley's second construction over the field of 5 elements. Each entry s of the conference matrix of order
// 6 becomes the block s * [+ +; + -], and each 0 on its diagonal the block [+ -; - -].
std::vector<float> paley_12() {
  constexpr int legendre_5[] = {0, 1, -1, -1, 1};
  std::vector<float> h(12 * 12);
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      int s = i == j ? 0 : i == 0 || j == 0 ? 1 : legendre_5[(j - i + 5) % 5];
      const float block[2][2] = {{s == 0 ? 1.f : s, s == 0 ? -1.f : s}, {s == 0 ? -1.f : s, s == 0 ? -1.f : -s}};
      for (int k = 0; k < 4; ++k) h[(2 * i + k / 2) * 12 + 2 * j + k % 2] = block[k / 2][k % 2];
    }
  }
  return h;
}

// Orders 20 and 28: Williamson's construction (1944), [A B C D; -B A -D C; -C D A -B; -D -C B A] from four circulant
// blocks, given by their first rows.
std::vector<float> williamson(const char* const (&rows)[4]) {
  constexpr int which[4][4] = {{0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  constexpr int sign[4][4] = {{1, 1, 1, 1}, {-1, 1, -1, 1}, {-1, 1, 1, -1}, {-1, -1, 1, 1}};
  const int n = int(std::strlen(rows[0])), m = 4 * n;
  std::vector<float> h(m * m);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < m; ++j) {
      int bi = i / n, bj = j / n;
      char c = rows[which[bi][bj]][((j - i) % n + n) % n];
      h[i * m + j] = float(sign[bi][bj] * (c == '+' ? 1 : -1));
    }
  }
  return h;
}

std::vector<float> hadamard_block(int m) {
  switch (m) {
    case 12: return paley_12();
    case 20: return williamson({"+----", "+----", "++--+", "+-++-"});
    case 28: return williamson({"+------", "++----+", "+-+--+-", "+--++--"});
    default: return {1.0f};
  }
}

class Hadamard : public OpBase<Hadamard> {
 public:
  static constexpr const char* kName = "hadamard";
  int m = 1;  // n = m * 2^k
  float scale = 1;
  bool transposed = false;
  Hadamard() = default;
  Hadamard(int m_, float s, bool t = false) : m(m_), scale(s), transposed(t) {}
  static auto fields(auto& self) { return std::tie(self.m, self.scale, self.transposed); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    // Works in float; the halves convert on the way in and out.
    array x = cpu::contiguous(in[0], float32);
    const int64_t n = x.shape(-1), rows = x.size() / std::max<int64_t>(1, n), power = n / m;
    array y = array::uninitialised(x.shape(), float32);
    const std::vector<float> block = hadamard_block(m);
    cpu::parallel_for(rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, n)), [&](int64_t begin, int64_t end) {
      std::vector<float> t(n);
      for (int64_t r = begin; r < end; ++r) {
        const float* from = x.data<float>() + r * n;
        float* to = y.data<float>() + r * n;
        std::copy(from, from + n, t.begin());
        // (H_m kron H_2^k): butterflies within each of the m blocks, then H_m across them.
        for (int64_t h = 1; h < power; h *= 2) {
          for (int64_t b = 0; b < n; b += 2 * h) {
            for (int64_t i = b; i < b + h; ++i) {
              float u = t[i], v = t[i + h];
              t[i] = u + v;
              t[i + h] = u - v;
            }
          }
        }
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < power; ++j) {
            float acc = 0;
            for (int64_t k = 0; k < m; ++k) acc += block[transposed ? k * m + i : i * m + k] * t[k * power + j];
            to[i * power + j] = acc * scale;
          }
        }
      }
    });
    array z = cpu::contiguous(y, out[0].dtype());
    out[0].share(z);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    std::vector<float> block = hadamard_block(m);
    if (transposed) {
      for (int i = 0; i < m; ++i) {
        for (int j = 0; j < i; ++j) std::swap(block[i * m + j], block[j * m + i]);
      }
    }
    gpu::hadamard(in[0], out[0], m, block, scale);
  }
  // The matrix is symmetric only for powers of two; the transpose serves the gradient.
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return {apply(op<Hadamard>(m, scale, !transposed), cotangents)};
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return {apply(Ref<Op>(this), tangents)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), {moveaxis(inputs[0], axes[0], 0)})}, {0}};
  }
};
REGISTER_OP(Hadamard)

}  // namespace

array hadamard_transform(const array& a, std::optional<float> scale, const StreamOrDevice& s) {
  if (a.size() == 0) value_error("[hadamard_transform] Does not support empty arrays.");
  if (is_complex(a.dtype())) value_error("[hadamard_transform] Not supported for complex64.");
  int n = a.ndim() == 0 ? 1 : a.shape(-1), odd = n;
  while (odd % 2 == 0) odd /= 2;
  int m = odd == 1 ? 1 : 4 * odd;
  if (odd > 7 || n % m != 0) {
    value_error("[hadamard] Only supports n = m*2^k where m in (1, 12, 20, 28), got n = ", n, ".");
  }
  array x = astype(a, at_least_float(a.dtype()), s);
  float factor = scale.value_or(1.0f / std::sqrt(float(n)));
  if (a.ndim() == 0) return multiply(x, array::scalar(factor, x.dtype()), s);
  return apply(op<Hadamard>(m, factor), {x}, s);
}

array inner(const array& a, const array& b, const StreamOrDevice& s) {
  if (a.ndim() == 0 || b.ndim() == 0) return multiply(a, b, s);
  if (a.shape(-1) != b.shape(-1)) {
    value_error("[inner] a and b must have the same last dimension, got shapes ", a.shape(), " and ", b.shape(), ".");
  }
  return tensordot(a, b, {-1}, {-1}, s);
}

array outer(const array& a, const array& b, const StreamOrDevice& s) {
  return multiply(reshape(a, {int32_t(a.size()), 1}, s), flatten(b, 0, -1, s), s);
}

array tensordot(const array& a, const array& b, const Axes& axes_a, const Axes& axes_b, const StreamOrDevice& s) {
  if (axes_a.size() != axes_b.size()) value_error("[tensordot] axes must have the same length.");
  Dtype d = promote_types(a.dtype(), b.dtype());
  Axes order_a, order_b, sum_a, sum_b;
  Shape out;
  int64_t k = 1;
  for (size_t i = 0; i < axes_a.size(); ++i) {
    sum_a.push_back(normalize_axis(axes_a[i], a.ndim(), "tensordot"));
    sum_b.push_back(normalize_axis(axes_b[i], b.ndim(), "tensordot"));
    if (a.shape(sum_a[i]) != b.shape(sum_b[i])) {
      value_error("[tensordot] Shapes ", a.shape(), " and ", b.shape(), " do not match along axes ", axes_a[i],
                  " and ", axes_b[i], ".");
    }
    k *= a.shape(sum_a[i]);
  }
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < a.ndim(); ++i) {
    if (std::find(sum_a.begin(), sum_a.end(), i) != sum_a.end()) continue;
    order_a.push_back(i);
    out.push_back(a.shape(i));
    rows *= a.shape(i);
  }
  for (int i = 0; i < b.ndim(); ++i) {
    if (std::find(sum_b.begin(), sum_b.end(), i) != sum_b.end()) continue;
    order_b.push_back(i);
    out.push_back(b.shape(i));
    columns *= b.shape(i);
  }
  order_a.insert(order_a.end(), sum_a.begin(), sum_a.end());
  order_b.insert(order_b.begin(), sum_b.begin(), sum_b.end());
  array x = reshape(transpose(astype(a, d, s), order_a, s), {int32_t(rows), int32_t(k)}, s);
  array y = reshape(transpose(astype(b, d, s), order_b, s), {int32_t(k), int32_t(columns)}, s);
  return reshape(matmul(x, y, s), out, s);
}

array vecdot(const array& a, const array& b, int axis, const StreamOrDevice& s) {
  int ax_a = normalize_axis(axis, a.ndim(), "vecdot"), ax_b = normalize_axis(axis, b.ndim(), "vecdot");
  if (a.shape(ax_a) != b.shape(ax_b)) {
    value_error("[vecdot] a and b must agree along axis ", axis, ", got shapes ", a.shape(), " and ", b.shape(), ".");
  }
  array x = moveaxis(a, ax_a, -1, s), y = moveaxis(b, ax_b, -1, s);
  return sum(multiply(is_complex(x.dtype()) ? conjugate(x, s) : x, y, s), {-1}, false, s);
}

}  // namespace mlx_rocm

#include "backend/ops/factorise.h"

#include <algorithm>
#include <complex>

#include "backend/core/op.h"
#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack_library.h"
#include "backend/cpu/pool.h"
#include "backend/ops/ops.h"

namespace mlx_rocm::linalg {
namespace {

using Complex = std::complex<float>;
static_assert(sizeof(Complex) == sizeof(complex64_t));

// Calls fn(matrix, i) for each matrix i of a batch, several at once when there are threads.
template <class T, class F>
void for_matrices(const array& a, F&& fn) {
  const int rank = a.ndim();
  cpu::MatrixView<T> shape{nullptr, a.shape(-2), a.shape(-1), a.strides()[rank - 2], a.strides()[rank - 1]};
  const Shape batch(a.shape().begin(), a.shape().end() - 2);
  const Strides strides(a.strides().begin(), a.strides().end() - 2);
  const cpu::SingleThreaded guard;
  cpu::parallel_for(num_elements(batch), 1, [&](int64_t begin, int64_t end) {
    Walker at(batch, strides, begin);
    for (int64_t i = begin; i < end; ++i, at.next()) {
      cpu::MatrixView<T> view = shape;
      view.data = a.data<T>() + at.offset();
      fn(view, i);
    }
  });
}

// Calls fn(T{}) for the element type of a real (or complex) matrix.
template <class F>
void visit_real(Dtype dtype, F&& fn) {
  if (dtype == float64) fn(double{});
  else fn(float{});
}
template <class F>
void visit_scalar(Dtype dtype, F&& fn) {
  if (dtype == complex64) fn(Complex{});
  else visit_real(dtype, fn);
}

// Where matrix i of a row-major output starts; null when the op gives no such output.
template <class T>
T* matrix_of(const Arrays& out, size_t index, int64_t i) {
  return index < out.size() ? out[index].data<T>() + i * out[index].shape(-2) * out[index].shape(-1) : nullptr;
}
template <class T>
T* vector_of(const array& out, int64_t i) {
  return out.data<T>() + i * out.shape(-1);
}

void allocate_all(const Arrays& out) {
  for (const array& o : out) o.allocate();
}

Shape with_last(const Shape& shape, std::initializer_list<int> last, int replaced = 2) {
  Shape out(shape.begin(), shape.end() - replaced);
  out.append(last.begin(), last.end());
  return out;
}

Dtype real_of(Dtype dtype) { return dtype == complex64 ? float32 : dtype; }

// Factorisations work on the last two axes: a batch axis only has to go to the front.
template <class Self>
class Factorisation : public OpBase<Self> {
 public:
  using Result = std::pair<Arrays, std::vector<int>>;
  Result vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays out = apply_multi(Ref<Op>(this), {moveaxis(inputs[0], axes[0], 0)});
    return {out, std::vector<int>(out.size(), 0)};
  }
};

class Lu : public Factorisation<Lu> {
 public:
  static constexpr const char* kName = "lu";
  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape& shape = in[0].shape();
    const int m = in[0].shape(-2), n = in[0].shape(-1);
    return {{shape, in[0].dtype()}, {with_last(shape, {std::min(m, n)}), uint32}, {with_last(shape, {m}), uint32}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_real(in[0].dtype(), [&]<class T>(T) {
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        cpu::lu_factor(a, matrix_of<T>(out, 0, i), vector_of<uint32_t>(out[1], i), vector_of<uint32_t>(out[2], i));
      });
    });
  }
};
REGISTER_OP(Lu)

class Inverse : public Factorisation<Inverse> {
 public:
  static constexpr const char* kName = "inverse";
  bool triangular = false, upper = false;
  Inverse() = default;
  Inverse(bool triangular, bool upper) : triangular(triangular), upper(upper) {}
  static auto fields(auto& self) { return std::tie(self.triangular, self.upper); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_real(in[0].dtype(), [&]<class T>(T) {
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        if (triangular) cpu::triangular_inverse(a, upper, matrix_of<T>(out, 0, i));
        else cpu::inverse(a, matrix_of<T>(out, 0, i));
      });
    });
  }
  // d(A^-1) = -A^-1 dA A^-1, where of a triangular matrix only one triangle moves.
  Arrays vjp(const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays& outputs) override {
    const array turned = swapaxes(outputs[0], -1, -2);
    return {in_triangle(negative(matmul(matmul(turned, cotangents[0]), turned)))};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    const array inverse = apply(Ref<Op>(this), primals);
    return {negative(matmul(matmul(inverse, in_triangle(tangents[0])), inverse))};
  }

 private:
  array in_triangle(const array& a) const { return !triangular ? a : upper ? triu(a, 0) : tril(a, 0); }
};
REGISTER_OP(Inverse)

class Cholesky : public Factorisation<Cholesky> {
 public:
  static constexpr const char* kName = "cholesky";
  bool upper = false;
  Cholesky() = default;
  explicit Cholesky(bool upper) : upper(upper) {}
  static auto fields(auto& self) { return std::tie(self.upper); }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_real(in[0].dtype(), [&]<class T>(T) {
      for_matrices<T>(in[0],
                      [&](cpu::MatrixView<T> a, int64_t i) { cpu::cholesky(a, upper, matrix_of<T>(out, 0, i)); });
    });
  }
};
REGISTER_OP(Cholesky)

class Qr : public Factorisation<Qr> {
 public:
  static constexpr const char* kName = "qr";
  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape& shape = in[0].shape();
    const int m = in[0].shape(-2), n = in[0].shape(-1), k = std::min(m, n);
    return {{with_last(shape, {m, k}), in[0].dtype()}, {with_last(shape, {k, n}), in[0].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_real(in[0].dtype(), [&]<class T>(T) {
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        cpu::qr(a, matrix_of<T>(out, 0, i), matrix_of<T>(out, 1, i));
      });
    });
  }
};
REGISTER_OP(Qr)

class Svd : public Factorisation<Svd> {
 public:
  static constexpr const char* kName = "svd";
  bool vectors = true;
  Svd() = default;
  explicit Svd(bool vectors) : vectors(vectors) {}
  static auto fields(auto& self) { return std::tie(self.vectors); }

  // U, S, Vh; without vectors S alone.
  std::vector<Spec> infer(const Arrays& in) const override {
    const Shape& shape = in[0].shape();
    const Dtype dtype = in[0].dtype();
    const int m = in[0].shape(-2), n = in[0].shape(-1);
    const Spec s{with_last(shape, {std::min(m, n)}), real_of(dtype)};
    if (!vectors) return {s};
    return {{with_last(shape, {m, m}), dtype}, s, {with_last(shape, {n, n}), dtype}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_scalar(in[0].dtype(), [&]<class T>(T) {
      using R = typename cpu::RealOf<T>::type;
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        T* u = vectors ? matrix_of<T>(out, 0, i) : nullptr;
        cpu::svd(a, u, vector_of<R>(out[vectors], i), matrix_of<T>(out, 2, i));
      });
    });
  }
};
REGISTER_OP(Svd)

class Eigh : public Factorisation<Eigh> {
 public:
  static constexpr const char* kName = "eigh";
  bool upper = false, vectors = true;
  Eigh() = default;
  Eigh(bool upper, bool vectors) : upper(upper), vectors(vectors) {}
  static auto fields(auto& self) { return std::tie(self.upper, self.vectors); }

  std::vector<Spec> infer(const Arrays& in) const override {
    const Spec values{with_last(in[0].shape(), {}, 1), real_of(in[0].dtype())};
    if (!vectors) return {values};
    return {values, in[0].spec()};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_scalar(in[0].dtype(), [&]<class T>(T) {
      using R = typename cpu::RealOf<T>::type;
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        cpu::eigh(a, upper, vector_of<R>(out[0], i), matrix_of<T>(out, 1, i));
      });
    });
  }
};
REGISTER_OP(Eigh)

class Eig : public Factorisation<Eig> {
 public:
  static constexpr const char* kName = "eig";
  bool vectors = true;
  Eig() = default;
  explicit Eig(bool vectors) : vectors(vectors) {}
  static auto fields(auto& self) { return std::tie(self.vectors); }

  std::vector<Spec> infer(const Arrays& in) const override {
    const Spec values{with_last(in[0].shape(), {}, 1), complex64};
    if (!vectors) return {values};
    return {values, {in[0].shape(), complex64}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    allocate_all(out);
    visit_scalar(in[0].dtype(), [&]<class T>(T) {
      for_matrices<T>(in[0], [&](cpu::MatrixView<T> a, int64_t i) {
        cpu::eig(a, vector_of<Complex>(out[0], i), matrix_of<Complex>(out, 1, i));
      });
    });
  }
};
REGISTER_OP(Eig)

// The stream, once it is known to be one of the CPU: there is no LAPACK for the GPU.
const StreamOrDevice& on_cpu(const char* name, const StreamOrDevice& s) {
  const bool implied = std::holds_alternative<std::monostate>(s) && scoped_stream() != nullptr;
  const Stream stream = implied ? *scoped_stream() : to_stream(s);
  if (stream.device.type == Device::gpu) {
    value_error("[linalg::", name, "] This op is not yet supported on the GPU. Explicitly pass a CPU stream to run it.");
  }
  return s;
}

}  // namespace

Arrays apply_lu(const array& a, const StreamOrDevice& s) { return apply_multi(op<Lu>(), {a}, on_cpu("lu", s)); }

array apply_inverse(const array& a, const StreamOrDevice& s) {
  return apply(op<Inverse>(false, false), {a}, on_cpu("inv", s));
}

array apply_triangular_inverse(const array& a, bool upper, const StreamOrDevice& s) {
  return apply(op<Inverse>(true, upper), {a}, on_cpu("tri_inv", s));
}

array apply_cholesky(const array& a, bool upper, const StreamOrDevice& s) {
  return apply(op<Cholesky>(upper), {a}, on_cpu("cholesky", s));
}

Arrays apply_qr(const array& a, const StreamOrDevice& s) { return apply_multi(op<Qr>(), {a}, on_cpu("qr", s)); }

Arrays apply_svd(const array& a, bool vectors, const StreamOrDevice& s) {
  return apply_multi(op<Svd>(vectors), {a}, on_cpu("svd", s));
}

Arrays apply_eigh(const array& a, bool upper, bool vectors, const StreamOrDevice& s) {
  return apply_multi(op<Eigh>(upper, vectors), {a}, on_cpu("eigh", s));
}

Arrays apply_eig(const array& a, bool vectors, const StreamOrDevice& s) {
  return apply_multi(op<Eig>(vectors), {a}, on_cpu("eig", s));
}

}  // namespace mlx_rocm::linalg

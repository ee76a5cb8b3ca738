#include "backend/ops/reduce.h"

#include <limits>

#include "backend/core/op.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

enum class Reduction : uint8_t { sum, prod, max, min, all, any };
constexpr const char* kNames[] = {"sum", "prod", "max", "min", "all", "any"};

template <class T>
struct Accumulate {
  using type = T;
};
template <>
struct Accumulate<float16_t> {
  using type = float;
};
template <>
struct Accumulate<bfloat16_t> {
  using type = float;
};

inline complex64_t operator+(complex64_t a, complex64_t b) { return {a.re + b.re, a.im + b.im}; }
inline complex64_t operator*(complex64_t a, complex64_t b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
inline bool operator<(complex64_t a, complex64_t b) { return a.re < b.re || (a.re == b.re && a.im < b.im); }

template <class A>
A combine(Reduction r, A a, A b) {
  switch (r) {
    case Reduction::sum: return A(a + b);
    case Reduction::prod: return A(a * b);
    case Reduction::max: return (b < a || !(a == a)) ? a : b;
    case Reduction::min: return (a < b || !(a == a)) ? a : b;
    case Reduction::all: return A(bool(a == A{} ? false : !(b == A{})) ? A(b) : A{});
    case Reduction::any: return a == A{} ? b : a;
  }
  return a;
}

class Reduce : public OpBase<Reduce> {
 public:
  static constexpr const char* kName = "reduce";
  Reduction kind = Reduction::sum;
  Axes axes;
  Reduce() = default;
  Reduce(Reduction k, Axes a) : kind(k), axes(std::move(a)) {}
  static auto fields(auto& self) { return std::tie(self.kind, self.axes); }
  std::string describe() const override { return kNames[int(kind)]; }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    for (int a : axes) shape[a] = 1;
    return {{shape, in[0].dtype()}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    out[0].allocate();
    const array& x = in[0];
    Shape outer, inner;
    Strides outer_strides, inner_strides;
    for (int i = 0; i < x.ndim(); ++i) {
      bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
      (reduced ? inner : outer).push_back(x.shape(i));
      (reduced ? inner_strides : outer_strides).push_back(x.strides()[i]);
    }
    int64_t n_in = num_elements(inner);
    visit(x.dtype(), [&]<class T>(TypeTag<T>) {
      using A = typename Accumulate<T>::type;
      const T* base = x.data<T>();
      T* y = out[0].data<T>();
      cpu::parallel_for(out[0].size(), std::max<int64_t>(1, 8192 / std::max<int64_t>(1, n_in)),
                        [&](int64_t begin, int64_t end) {
                          Walker at(outer, outer_strides, begin);
                          for (int64_t i = begin; i < end; ++i, at.next()) {
                            A acc = initial<A>();
                            Walker w(inner, inner_strides);
                            for (int64_t k = 0; k < n_in; ++k, w.next()) {
                              acc = combine<A>(kind, acc, A(base[at.offset() + w.offset()]));
                            }
                            y[i] = T(acc);
                          }
                        });
    });
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&,
             const Arrays& outputs) override {
    const array &x = primals[0], &g = cotangents[0];
    if (kind == Reduction::sum) return {broadcast_to(g, x.shape())};
    if (kind == Reduction::max || kind == Reduction::min) {
      // Ties share the cotangent evenly.
      array mask = astype(equal(x, outputs[0]), g.dtype());
      return {mask * (g / sum(mask, axes, true))};
    }
    if (kind == Reduction::prod) return {broadcast_to(g * outputs[0], x.shape()) / x};
    return {zeros_like(x)};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    if (kind == Reduction::sum) return {sum(tangents[0], axes, true)};
    array y = apply(Ref<Op>(this), primals);
    if (kind == Reduction::max || kind == Reduction::min) {
      array mask = astype(equal(primals[0], y), tangents[0].dtype());
      return {sum(mask * tangents[0], axes, true) / sum(mask, axes, true)};
    }
    if (kind == Reduction::prod) return {y * sum(tangents[0] / primals[0], axes, true)};
    return {zeros_like(y)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes_in) override {
    Axes shifted;
    for (int a : axes) shifted.push_back(a + (a >= axes_in[0]));
    return {{apply(op<Reduce>(kind, shifted), inputs)}, {axes_in[0]}};
  }

 private:
  template <class A>
  A initial() const {
    if constexpr (std::is_same_v<A, complex64_t>) {
      float inf = std::numeric_limits<float>::infinity();
      switch (kind) {
        case Reduction::sum:
        case Reduction::any: return {};
        case Reduction::prod:
        case Reduction::all: return {1, 0};
        case Reduction::max: return {-inf, -inf};
        case Reduction::min: return {inf, inf};
      }
    } else {
      using L = std::numeric_limits<A>;
      switch (kind) {
        case Reduction::sum:
        case Reduction::any: return A(0);
        case Reduction::prod:
        case Reduction::all: return A(1);
        case Reduction::max: return L::has_infinity ? A(-L::infinity()) : L::lowest();
        case Reduction::min: return L::has_infinity ? L::infinity() : L::max();
      }
    }
    return A{};
  }
};
REGISTER_OP(Reduce)

array reduce(Reduction kind, array a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  Axes sorted;
  for (int ax : axes) sorted.push_back(normalize_axis(ax, a.ndim(), kNames[int(kind)]));
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    value_error("[", kNames[int(kind)], "] Received duplicate axes.");
  }
  if (sorted.empty()) return a;
  array y = apply(op<Reduce>(kind, sorted), {a}, s);
  return keepdims ? y : squeeze(y, sorted, s);
}

// Sums and products of narrow integers widen to 32 bits.
Dtype widened(Dtype d) {
  if (d == bool_ || d == int8 || d == int16) return int32;
  if (d == uint8 || d == uint16) return uint32;
  return d;
}

void require_elements(const array& a, const Axes& axes, const char* op) {
  for (int ax : axes) {
    if (a.shape(ax) == 0) value_error("[", op, "] Cannot ", op, " reduce zero size array.");
  }
}

}  // namespace

Axes all_axes(const array& a) {
  Axes axes(a.ndim());
  for (int i = 0; i < a.ndim(); ++i) axes[i] = i;
  return axes;
}

array sum(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::sum, astype(a, widened(a.dtype()), s), axes, keepdims, s);
}
array sum(const array& a) { return sum(a, all_axes(a)); }
array prod(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::prod, astype(a, widened(a.dtype()), s), axes, keepdims, s);
}
array max(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  require_elements(a, axes, "max");
  return reduce(Reduction::max, a, axes, keepdims, s);
}
array min(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  require_elements(a, axes, "min");
  return reduce(Reduction::min, a, axes, keepdims, s);
}
array all(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::all, astype(a, bool_, s), axes, keepdims, s);
}
array any(const array& a, const Axes& axes, bool keepdims, const StreamOrDevice& s) {
  return reduce(Reduction::any, astype(a, bool_, s), axes, keepdims, s);
}

}  // namespace mlx_rocm

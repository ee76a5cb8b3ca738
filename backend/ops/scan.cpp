#include "backend/ops/scan.h"

#include <cstring>

#include "backend/core/op.h"
#include "backend/cpu/functors.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/scan.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/scan.h"
#include "backend/ops/index.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

namespace functors = cpu::functors;
using cpu::ScanKind;
constexpr const char* kNames[] = {"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"};

// Scans `columns` neighbouring lines at once: x and y advance by `step` elements per entry.
template <class Op, class T>
void scan_lines(const T* x, T* y, int64_t n, int64_t step, int64_t columns, bool reverse, bool inclusive) {
  using A = functors::Accumulator<T>;
  constexpr int64_t kBlock = 64;
  for (int64_t c0 = 0; c0 < columns; c0 += kBlock) {
    int64_t width = std::min(kBlock, columns - c0);
    A acc[kBlock];
    for (int64_t c = 0; c < width; ++c) acc[c] = functors::neutral<Op, A>();
    for (int64_t i = 0; i < n; ++i) {
      int64_t at = (reverse ? n - 1 - i : i) * step + c0;
      for (int64_t c = 0; c < width; ++c) {
        A v = functors::widen(x[at + c]);
        A next = i == 0 && inclusive ? v : Op{}(acc[c], v);
        y[at + c] = functors::narrow<T>(inclusive ? next : acc[c]);
        acc[c] = next;
      }
    }
  }
}

// The kernels of a common type, or null.
const cpu::ScanKernels* fast_kernels(ScanKind kind, Dtype d) {
  const auto& t = cpu::scan_table();
  const auto* row = d == float32 ? t.f32 : d == float16 ? t.f16 : d == bfloat16 ? t.bf16 : d == int32 ? t.i32 : nullptr;
  return row != nullptr && row[int(kind)].lines != nullptr ? &row[int(kind)] : nullptr;
}

// `outer` lines of n contiguous elements. Long lines are cut: the totals of the pieces give each piece its start, so
// that pieces run side by side. The cuts depend on the shape alone, and so do the results.
void scan_rows(const cpu::ScanKernels& k, size_t item, const char* x, char* y, int64_t outer, int64_t n, bool reverse,
               bool inclusive) {
  constexpr int64_t kPiece = 2048, kTogether = 8, kAccumulator = 4;
  if (n < 8 * kPiece) {
    const int64_t groups = (outer + kTogether - 1) / kTogether;
    cpu::parallel_for(groups, std::max<int64_t>(1, 32768 / (n * kTogether)), [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kTogether, last = std::min(end * kTogether, outer);
      k.lines(x + first * n * int64_t(item), y + first * n * int64_t(item), n, n, last - first, reverse, inclusive,
              nullptr);
    });
    return;
  }
  const int64_t pieces = (n + kPiece - 1) / kPiece;
  std::vector<char> totals(pieces * kAccumulator), carry(pieces * kAccumulator);
  for (int64_t o = 0; o < outer; ++o) {
    const char* from = x + o * n * int64_t(item);
    char* to = y + o * n * int64_t(item);
    auto length = [&](int64_t p) { return std::min(kPiece, n - p * kPiece); };
    cpu::parallel_for(pieces, kTogether, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        k.total(from + p * kPiece * int64_t(item), length(p), totals.data() + p * kAccumulator);
      }
    });
    // Piece number i in scan order starts from what the i pieces before it add up to; the first has no start.
    const int64_t first = reverse ? pieces - 1 : 0, step = reverse ? -1 : 1;
    for (int64_t i = 1; i < pieces; ++i) {
      char* c = carry.data() + (first + i * step) * kAccumulator;
      const char* previous = carry.data() + (first + (i - 1) * step) * kAccumulator;
      const char* total = totals.data() + (first + (i - 1) * step) * kAccumulator;
      std::memcpy(c, i == 1 ? total : previous, kAccumulator);
      if (i > 1) k.combine(c, total);
    }
    auto run = [&](int64_t p, int64_t count, const char* start) {
      const int64_t at = p * kPiece * int64_t(item);
      k.lines(from + at, to + at, length(p), kPiece, count, reverse, inclusive, start);
    };
    cpu::parallel_for(pieces, kTogether, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end;) {
        if (p == first) {
          run(p++, 1, nullptr);
          continue;
        }
        // Neighbours of full length run together.
        int64_t stop = p + 1;
        while (stop < end && stop != first && length(p) == kPiece && length(stop) == kPiece) ++stop;
        run(p, stop - p, carry.data() + p * kAccumulator);
        p = stop;
      }
    });
  }
}

void scan_columns(const cpu::ScanKernels& k, size_t item, const char* x, char* y, int64_t outer, int64_t n,
                  int64_t inner, bool reverse, bool inclusive) {
  constexpr int64_t kWidth = 64;
  const int64_t blocks = (inner + kWidth - 1) / kWidth;
  cpu::parallel_for(outer * blocks, std::max<int64_t>(1, 32768 / (n * kWidth)), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t c = t % blocks * kWidth, at = (t / blocks * n * inner + c) * int64_t(item);
      k.columns(x + at, y + at, n, inner, std::min(kWidth, inner - c), reverse, inclusive);
    }
  });
}

// --- GPU

// What an exclusive scan starts from, in the language of kernels/.
std::string identity_text(ScanKind kind, Dtype d) {
  const auto real = [&]() -> std::string {
    if (kind == ScanKind::sum) return "0";
    if (kind == ScanKind::prod) return "1";
    const bool lowest = kind != ScanKind::min;
    if (is_inexact(d)) return lowest ? "-infinity()" : "infinity()";
    if (d == bool_) return lowest ? "-2147483647 - 1" : "2147483647";  // accumulated as int32
    const int bits = 8 * int(d.size());
    if (is_unsigned(d)) return lowest ? "0" : std::to_string(~uint64_t(0) >> (64 - bits)) + "ull";
    const int64_t top = int64_t(~uint64_t(0) >> (65 - bits));
    return lowest ? "-" + std::to_string(top) + "ll - 1" : std::to_string(top) + "ll";
  };
  if (d != complex64) return "(" + real() + ")";
  const char* im = kind == ScanKind::sum || kind == ScanKind::prod ? "0.0f" : nullptr;
  return "(complex64{" + real() + (im ? ".0f" : "") + ", " + (im ? im : real()) + "})";
}

Dtype gpu_accumulator(ScanKind kind, Dtype d) {
  if (is_inexact(d)) return is_half(d) ? float32 : d;
  // Sums and products wrap around, which is defined for unsigned integers only.
  const bool wraps = kind == ScanKind::sum || kind == ScanKind::prod || is_unsigned(d);
  if (d.size() == 8) return wraps ? uint64 : int64;
  return wraps ? uint32 : int32;
}

constexpr const char* kFunctors[] = {"Add", "Multiply", "Maximum", "Minimum", "ScanLogAddExp"};

class Scan : public OpBase<Scan> {
 public:
  static constexpr const char* kName = "scan";
  ScanKind kind = ScanKind::sum;
  int axis = 0;
  bool reverse = false, inclusive = true;
  Scan() = default;
  Scan(ScanKind k, int a, bool r, bool i) : kind(k), axis(a), reverse(r), inclusive(i) {}
  static auto fields(auto& self) { return std::tie(self.kind, self.axis, self.reverse, self.inclusive); }
  std::string describe() const override { return kNames[int(kind)]; }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }

  void cpu(const Arrays& in, const Arrays& out) override {
    if (in[0].row_contiguous() && in[0].donatable()) {
      out[0].share(in[0]);
    } else {
      out[0].allocate();
    }
    array x = cpu::contiguous(in[0]);
    if (x.size() == 0) return;
    int64_t n = x.shape(axis), inner = 1, outer = 1;
    for (int i = axis + 1; i < x.ndim(); ++i) inner *= x.shape(i);
    for (int i = 0; i < axis; ++i) outer *= x.shape(i);
    if (auto* k = fast_kernels(kind, x.dtype())) {
      if (inner == 1) return scan_rows(*k, x.itemsize(), x.bytes(), out[0].bytes(), outer, n, reverse, inclusive);
      return scan_columns(*k, x.itemsize(), x.bytes(), out[0].bytes(), outer, n, inner, reverse, inclusive);
    }
    visit(x.dtype(), [&]<class T>(TypeTag<T>) {
      auto run = [&]<class Op>(Op) {
        const T* from = x.data<T>();
        T* to = out[0].data<T>();
        cpu::parallel_for(outer, std::max<int64_t>(1, 32768 / (n * inner)), [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o) {
            scan_lines<Op>(from + o * n * inner, to + o * n * inner, n, inner, inner, reverse, inclusive);
          }
        });
      };
      switch (kind) {
        case ScanKind::sum: return run(functors::Add{});
        case ScanKind::prod: return run(functors::Multiply{});
        case ScanKind::max: return run(functors::Maximum{});
        case ScanKind::min: return run(functors::Minimum{});
        case ScanKind::logaddexp:
          if constexpr (std::is_same_v<T, complex64_t> || std::is_floating_point_v<functors::Accumulator<T>>) {
            return run(functors::ScanLogAddExp{});
          }
      }
    });
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    // Any order of axes will do as long as there are no gaps: the axis is found by its stride.
    const array copy = in[0].dense() ? array() : gpu::contiguous(in[0]);
    const array& x = copy.is_null() ? in[0] : copy;
    if (x.row_contiguous()) gpu::donate_or_allocate(x, out[0]);
    else gpu::allocate(out[0], x.strides());
    if (x.size() == 0) return;
    const int64_t n = x.shape(axis), inner = n == 1 ? 1 : x.strides()[axis];
    gpu::ScanSpec spec{kFunctors[int(kind)], identity_text(kind, x.dtype()), gpu_accumulator(kind, x.dtype()), reverse,
                       inclusive};
    if (kind == ScanKind::logaddexp) spec.most_items = 4;
    gpu::scan(spec, x, out[0], x.size() / (n * inner), n, inner);
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>&,
             const Arrays& outputs) override {
    const array &x = primals[0], &g = cotangents[0], &y = outputs[0];
    auto back = [&](const array& a) { return apply(op<Scan>(ScanKind::sum, axis, !reverse, inclusive), {a}); };
    switch (kind) {
      case ScanKind::sum: return {back(g)};
      case ScanKind::prod: return {product_vjp(x, g, y)};
      case ScanKind::logaddexp: return {back(g * exp(negative(y))) * exp(x)};
      case ScanKind::max:
      case ScanKind::min: break;
    }
    return {extreme_vjp(x, g, y)};
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    const array &x = primals[0], &t = tangents[0];
    auto forward = [&](const array& a) { return apply(op<Scan>(ScanKind::sum, axis, reverse, inclusive), {a}); };
    if (kind == ScanKind::sum) return {forward(t)};
    array y = apply(Ref<Op>(this), {x});
    if (kind == ScanKind::logaddexp) return {forward(t * exp(x)) * exp(negative(y))};
    if (kind == ScanKind::prod) return {product_jvp(x, t, y)};
    auto [index, valid] = setter_of(x, y);
    return {where(valid, take_along_axis(t, index, axis), array::scalar(0, t.dtype()))};
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    int shifted = axis + (axis >= axes[0]);
    return {{apply(op<Scan>(kind, shifted, reverse, inclusive), inputs)}, {axes[0]}};
  }

 private:
  // dL/dx_i = sum over j >= i of g_j * (product without x_i): through cumulative sums of g*y divided by x, and where
  // an entry is 0 by scanning with that zero replaced by 1.
  array product_vjp(const array& x, const array& g, const array& y) const {
    auto scan = [&](ScanKind k, const array& a, bool r, bool inc) { return apply(op<Scan>(k, axis, r, inc), {a}); };
    array zero = array::scalar(0, x.dtype());
    array is_zero = equal(x, zero);
    // Zeros met so far (inclusive of the entry itself in scan order).
    array zeros_before = scan(ScanKind::sum, astype(is_zero, int32), reverse, true);
    array first = logical_and(is_zero, equal(zeros_before, array::scalar(1, int32)));
    array plain = scan(ScanKind::sum, g * y, !reverse, inclusive) / where(is_zero, ones_like(x), x);
    // With the first zero set to 1, outputs up to the second zero are the products that leave it out.
    array patched = where(first, ones_like(x), x);
    array without = scan(ScanKind::prod, patched, reverse, inclusive);
    array tail = scan(ScanKind::sum, g * without, !reverse, inclusive);
    array seen_none = equal(zeros_before, array::scalar(0, int32));
    return where(seen_none, plain, where(first, tail, zero));
  }

  // Forwards: with no zero so far y * sum of t / x, with one zero its tangent times the product without it.
  array product_jvp(const array& x, const array& t, const array& y) const {
    auto scan = [&](ScanKind k, const array& a, bool inc) { return apply(op<Scan>(k, axis, reverse, inc), {a}); };
    array is_zero = equal(x, array::scalar(0, x.dtype()));
    array count = astype(is_zero, int32);
    array first = logical_and(is_zero, equal(scan(ScanKind::sum, count, true), array::scalar(1, int32)));
    array zeros_so_far = scan(ScanKind::sum, count, inclusive);
    array plain = y * scan(ScanKind::sum, t / where(is_zero, ones_like(x), x), inclusive);
    array tangent = scan(ScanKind::sum, where(first, t, zeros_like(t)), inclusive);
    array without = scan(ScanKind::prod, where(first, ones_like(x), x), inclusive);
    return where(equal(zeros_so_far, array::scalar(0, int32)), plain,
                 where(equal(zeros_so_far, array::scalar(1, int32)), tangent * without, zeros_like(plain)));
  }

  // For each output the latest entry that set the running extreme, and whether there is one.
  std::pair<array, array> setter_of(const array& x, const array& y) const {
    int n = x.shape(axis);
    Shape along(x.ndim(), 1);
    along[axis] = n;
    array position = broadcast_to(reshape(arange(0, n, 1, int32), along), x.shape());
    array setter;
    array inclusive_y = inclusive ? y : apply(op<Scan>(kind, axis, reverse, true), {x});
    array none = array::scalar(reverse ? n : -1, int32);
    array at = where(equal(x, inclusive_y), position, none);
    setter = apply(op<Scan>(reverse ? ScanKind::min : ScanKind::max, axis, reverse, inclusive), {at});
    array valid = reverse ? less(setter, array::scalar(n, int32)) : greater_equal(setter, array::scalar(0, int32));
    return {stop_gradient(where(valid, setter, array::scalar(0, int32))), valid};
  }

  // The cotangent of each output goes to the entry that set it.
  array extreme_vjp(const array& x, const array& g, const array& y) const {
    auto [index, valid] = setter_of(x, y);
    return scatter_add_along_axis(zeros_like(x), index, where(valid, g, array::scalar(0, g.dtype())), axis);
  }
};
REGISTER_OP(Scan)

array scan(ScanKind kind, array a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  int ax = normalize_axis(axis, a.ndim(), kNames[int(kind)]);
  return apply(op<Scan>(kind, ax, reverse, inclusive), {a}, s);
}

}  // namespace

array cumsum(const array& a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  return scan(ScanKind::sum, a.dtype() == bool_ ? astype(a, int32, s) : a, axis, reverse, inclusive, s);
}
array cumprod(const array& a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  return scan(ScanKind::prod, a, axis, reverse, inclusive, s);
}
array cummax(const array& a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  return scan(ScanKind::max, a, axis, reverse, inclusive, s);
}
array cummin(const array& a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  return scan(ScanKind::min, a, axis, reverse, inclusive, s);
}
array logcumsumexp(const array& a, int axis, bool reverse, bool inclusive, const StreamOrDevice& s) {
  return scan(ScanKind::logaddexp, astype(a, at_least_float(a.dtype()), s), axis, reverse, inclusive, s);
}

}  // namespace mlx_rocm

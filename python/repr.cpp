// Text form of arrays: "array([[1, 2],\n       [3, 4]], dtype=int32)", long axes shortened to their edges.
#include <cmath>
#include <iomanip>
#include <sstream>

#include "python/bind.h"
#include "python/print_options.h"

namespace mlx_rocm::python {
namespace {

constexpr int kEdge = 3;

template <class T>
void write(std::ostream& os, T v) {
  if constexpr (std::is_same_v<T, bool>) {
    os << (v ? "True" : "False");
  } else if constexpr (std::is_same_v<T, complex64_t>) {
    os << v.re << (v.im >= 0 || std::isnan(v.im) ? "+" : "-") << std::abs(v.im) << "j";
  } else if constexpr (std::is_integral_v<T>) {
    os << +v;
  } else {
    os << double(v);
  }
}

template <class T>
void write_level(std::ostream& os, const T* base, const Shape& shape, const Strides& strides, size_t axis) {
  if (axis == shape.size()) {
    write(os, *base);
    return;
  }
  bool last = axis + 1 == shape.size();
  std::string separator = last ? ", " : ",\n" + std::string(7 + axis, ' ');
  os << "[";
  bool shorten = shape[axis] > 2 * kEdge;
  for (int32_t i = 0; i < shape[axis]; ++i) {
    if (shorten && i == kEdge) {
      os << "..." << separator;
      i = shape[axis] - kEdge;
    }
    write_level(os, base + i * strides[axis], shape, strides, axis + 1);
    if (i + 1 < shape[axis]) os << separator;
  }
  os << "]";
}

}  // namespace

std::string to_repr(const array& a) {
  eval_no_gil({a});
  std::ostringstream os;
  os << "array(";
  if (int digits = print_options().precision; digits >= 0) os << std::fixed << std::setprecision(digits);
  visit(a.dtype(), [&]<class T>(TypeTag<T>) {
    const T* base = a.size() > 0 ? a.data<T>() : nullptr;
    write_level(os, base, a.shape(), a.strides(), 0);
  });
  os << ", dtype=" << a.dtype() << ")";
  return os.str();
}

}  // namespace mlx_rocm::python

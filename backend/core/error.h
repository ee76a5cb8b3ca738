#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace mlx_rocm {

// Errors carry the op in brackets, what was got and what is allowed. The Python bindings map
// std::invalid_argument to ValueError, TypeError to TypeError, std::out_of_range to IndexError,
// AxisError to an exception that is both ValueError and IndexError, std::runtime_error to RuntimeError.
struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct AxisError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct OverflowError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct NotImplemented : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
std::string concat_text(const Args&... args) {
  std::ostringstream os;
  (os << ... << args);
  return os.str();
}

// value_error("[softmax] axis ", 3, " is out of range ...") throws std::invalid_argument.
template <class... Args>
[[noreturn]] void value_error(const Args&... args) {
  throw std::invalid_argument(concat_text(args...));
}
template <class... Args>
[[noreturn]] void type_error(const Args&... args) {
  throw TypeError(concat_text(args...));
}
template <class... Args>
[[noreturn]] void index_error(const Args&... args) {
  throw std::out_of_range(concat_text(args...));
}
template <class... Args>
[[noreturn]] void runtime_error(const Args&... args) {
  throw std::runtime_error(concat_text(args...));
}

}  // namespace mlx_rocm

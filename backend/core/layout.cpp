#include "backend/core/layout.h"

#include <numeric>

#include "backend/core/error.h"

namespace mlx_rocm {

std::ostream& operator<<(std::ostream& os, const Shape& s) {
  os << "(";
  for (size_t i = 0; i < s.size(); ++i) os << (i ? ", " : "") << s[i];
  return os << (s.size() == 1 ? ",)" : ")");
}

int64_t num_elements(const Shape& shape) {
  int64_t n = 1;
  for (int32_t d : shape) n *= d;
  return n;
}

Strides row_major_strides(const Shape& shape) {
  Strides strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

int normalize_axis(int axis, int ndim, const char* op) {
  int a = axis < 0 ? axis + ndim : axis;
  if (a < 0 || a >= ndim) {
    throw AxisError(concat_text("[", op, "] Invalid axis ", axis, " for array with ", ndim, " dimensions."));
  }
  return a;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  if (a == b) return a;
  const Shape& big = a.size() >= b.size() ? a : b;
  const Shape& small = a.size() >= b.size() ? b : a;
  Shape out = big;
  size_t lead = big.size() - small.size();
  for (size_t i = 0; i < small.size(); ++i) {
    int32_t s = small[i], &o = out[lead + i];
    if (s == o || s == 1) continue;
    if (o != 1) value_error("[", op, "] Shapes ", a, " and ", b, " cannot be broadcast.");
    o = s;
  }
  return out;
}

Strides broadcast_strides(const Shape& shape, const Strides& strides, const Shape& to) {
  Strides out(to.size(), 0);
  size_t lead = to.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == to[lead + i]) out[lead + i] = shape[i] == 1 ? 0 : strides[i];
  }
  return out;
}

bool is_row_contiguous(const Shape& shape, const Strides& strides) {
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] == 1) continue;
    if (strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool is_dense(const Shape& shape, const Strides& strides) {
  if (is_row_contiguous(shape, strides)) return true;
  SmallVector<int, 8> order;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return true;
    if (shape[i] > 1) order.push_back(int(i));
  }
  std::sort(order.begin(), order.end(), [&](int a, int b) { return strides[a] < strides[b]; });
  int64_t step = 1;
  for (int i : order) {
    if (strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

std::pair<int64_t, int64_t> extent(const Shape& shape, const Strides& strides) {
  int64_t low = 0, high = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return {0, -1};
    (strides[i] < 0 ? low : high) += (shape[i] - 1) * strides[i];
  }
  return {low, high};
}

bool reshape_strides(const Shape& from, const Strides& strides, const Shape& to, Strides* out) {
  if (num_elements(from) == 0 || is_row_contiguous(from, strides)) {
    *out = row_major_strides(to);
    return true;
  }
  // Match groups of axes with equal products: within a group the memory must be walkable with one stride.
  *out = Strides(to.size(), 0);
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    size_t i0 = i, j0 = j;
    int64_t a = from[i++], b = to[j++];
    while (a != b) {
      if (a < b) {
        a *= from[i++];
      } else {
        b *= to[j++];
      }
    }
    int64_t step = 0;
    bool first = true;
    int64_t expected = 0;
    for (size_t k = i; k-- > i0;) {
      if (from[k] == 1) continue;
      if (first) {
        step = strides[k];
        first = false;
      } else if (strides[k] != expected) {
        return false;
      }
      expected = strides[k] * from[k];
    }
    for (size_t k = j; k-- > j0;) {
      (*out)[k] = step;
      step *= to[k];
    }
  }
  return true;  // what is left over are axes of size 1
}

void collapse(Shape& shape, std::span<Strides> operands) {
  size_t kept = 0;  // axes [0, kept) are final so far
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    bool merge = kept > 0;
    if (merge) {
      // A merged axis must still fit an int32, as every dimension does.
      merge = int64_t(shape[kept - 1]) * shape[i] <= INT32_MAX;
      for (auto& s : operands) merge = merge && s[kept - 1] == s[i] * shape[i];
    }
    if (merge) {
      shape[kept - 1] *= shape[i];
      for (auto& s : operands) s[kept - 1] = s[i];
    } else {
      shape[kept] = shape[i];
      for (auto& s : operands) s[kept] = s[i];
      ++kept;
    }
  }
  if (kept == 0) {
    shape.assign(1, 1);
    for (auto& s : operands) s.assign(1, 0);
    return;
  }
  shape.resize(kept);
  for (auto& s : operands) s.resize(kept);
}

Walker::Walker(const Shape& shape, const Strides& strides, int64_t linear)
    : shape_(shape), index_(shape.size(), 0), strides_(strides) {
  for (size_t i = shape.size(); i-- > 0 && linear > 0;) {
    index_[i] = int32_t(linear % shape[i]);
    offset_ += index_[i] * strides[i];
    linear /= shape[i];
  }
}

}  // namespace mlx_rocm

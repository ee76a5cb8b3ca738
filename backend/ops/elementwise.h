// Elementwise ops: C++ functions named as in mlx_rocm.core, one per row of elementwise.def, and operators.
#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

#define UNARY(name, ...) array name(const array& a, const StreamOrDevice& s = {});
#define BINARY(name, ...) array name(const array& a, const array& b, const StreamOrDevice& s = {});
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY

// 1 / a.
array reciprocal(const array& a, const StreamOrDevice& s = {});
// condition ? a : b with broadcasting; the condition is cast to bool, a and b promote to one type.
array where(const array& condition, const array& a, const array& b, const StreamOrDevice& s = {});
array logical_xor(const array& a, const array& b, const StreamOrDevice& s = {});

inline array operator+(const array& a, const array& b) { return add(a, b); }
inline array operator-(const array& a, const array& b) { return subtract(a, b); }
inline array operator*(const array& a, const array& b) { return multiply(a, b); }
inline array operator/(const array& a, const array& b) { return divide(a, b); }
inline array operator-(const array& a) { return negative(a); }
// The scalar takes the array's dtype.
array operator+(const array& a, double b);
array operator-(const array& a, double b);
array operator-(double a, const array& b);
array operator*(const array& a, double b);
array operator/(const array& a, double b);

// What the registry of elementwise ops tells others (bindings, fusion, tests).
struct ElementwiseInfo {
  const char* name;
  int id;     // cpu::ElementwiseId
  int arity;
  const char* doc;
};
const std::vector<ElementwiseInfo>& elementwise_infos();
// The row number of an elementwise op, or -1 when `op` is of another kind.
int elementwise_id(const Op& op);

// Sums a cotangent over the axes along which `shape` was broadcast to it.
array unbroadcast(const array& cotangent, const Shape& shape);

}  // namespace mlx_rocm

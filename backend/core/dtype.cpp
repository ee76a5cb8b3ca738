#include "backend/core/dtype.h"

#include "backend/core/error.h"

namespace mlx_rocm {
namespace {

struct Row {
  const char* name;
  size_t size;
  Dtype::Category category;
};

using C = Dtype::Category;
constexpr Row kRows[Dtype::count] = {
    {"bool", 1, C::generic},
    {"uint8", 1, C::unsignedinteger},
    {"uint16", 2, C::unsignedinteger},
    {"uint32", 4, C::unsignedinteger},
    {"uint64", 8, C::unsignedinteger},
    {"int8", 1, C::signedinteger},
    {"int16", 2, C::signedinteger},
    {"int32", 4, C::signedinteger},
    {"int64", 8, C::signedinteger},
    {"float16", 2, C::floating},
    {"float32", 4, C::floating},
    {"float64", 8, C::floating},
    {"bfloat16", 2, C::floating},
    {"complex64", 8, C::complexfloating},
};

// Row a, column b, in the order of Dtype::Val.
constexpr uint8_t kPromote[Dtype::count][Dtype::count] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13},
    {1, 1, 2, 3, 4, 6, 6, 7, 8, 9, 10, 11, 12, 13},
    {2, 2, 2, 3, 4, 7, 7, 7, 8, 9, 10, 11, 12, 13},
    {3, 3, 3, 3, 4, 8, 8, 8, 8, 9, 10, 11, 12, 13},
    {4, 4, 4, 4, 4, 10, 10, 10, 10, 9, 10, 11, 12, 13},
    {5, 6, 7, 8, 10, 5, 6, 7, 8, 9, 10, 11, 12, 13},
    {6, 6, 7, 8, 10, 6, 6, 7, 8, 9, 10, 11, 12, 13},
    {7, 7, 7, 8, 10, 7, 7, 7, 8, 9, 10, 11, 12, 13},
    {8, 8, 8, 8, 10, 8, 8, 8, 8, 9, 10, 11, 12, 13},
    {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10, 11, 10, 13},
    {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 11, 10, 13},
    {11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 13},
    {12, 12, 12, 12, 12, 12, 12, 12, 12, 10, 10, 11, 12, 13},
    {13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13},
};

// Each category's parent; generic is its own.
constexpr C kParent[] = {C::inexact, C::inexact, C::number, C::integer,
                         C::integer, C::number,  C::generic, C::generic};
constexpr const char* kCategoryNames[] = {"complexfloating", "floating", "inexact", "signedinteger",
                                          "unsignedinteger", "integer",  "number",  "generic"};

}  // namespace

size_t Dtype::size() const { return kRows[val].size; }
const char* Dtype::name() const { return kRows[val].name; }

std::ostream& operator<<(std::ostream& os, Dtype d) { return os << d.name(); }

Dtype promote_types(Dtype a, Dtype b) { return Dtype::Val(kPromote[a][b]); }

Dtype at_least_float(Dtype d) { return is_inexact(d) ? d : float32; }

Dtype dtype_from_name(const std::string& name) {
  for (int i = 0; i < Dtype::count; ++i) {
    if (name == kRows[i].name) return Dtype::Val(i);
  }
  value_error("Unknown dtype '", name, "'.");
}

bool issubdtype(Dtype::Category a, Dtype::Category b) {
  while (a != b && a != C::generic) a = kParent[int(a)];
  return a == b;
}
bool issubdtype(Dtype d, Dtype::Category c) { return issubdtype(kRows[d.val].category, c); }
const char* category_name(Dtype::Category c) { return kCategoryNames[int(c)]; }

}  // namespace mlx_rocm

// v_cmp_* and v_cmpx_*: sixteen float and eight integer predicates over every type, and the class tests.
#include "valu.h"

namespace emu {

namespace {

// v_cmpx: the same comparison with exec as (another) destination.
template <class Fn, int N>
void compare_exec(Wave& w, const Inst& in) {
  detail::handler<N, Fn>(w, in);
  w.set_exec(read_mask<N>(w, in.sdst));
}

template <class Fn>
void add_predicate(Rows& rows, const std::string& name, Fn fn) {
  Row row = valu("v_cmp_" + name, fn);
  row.shape = Shape::Compare;
  rows.push_back(row);
  row.name = "v_cmpx_" + name;
  row.shape = Shape::CompareX;
  row.run32 = compare_exec<Fn, 32>;
  row.run64 = compare_exec<Fn, 64>;
  rows.push_back(row);
}

template <class T>
void add_ordered(Rows& rows, const std::string& type) {
  add_predicate(rows, "f_" + type, [](T, T) { return false; });
  add_predicate(rows, "lt_" + type, [](T x, T y) { return x < y; });
  add_predicate(rows, "eq_" + type, [](T x, T y) { return x == y; });
  add_predicate(rows, "le_" + type, [](T x, T y) { return x <= y; });
  add_predicate(rows, "gt_" + type, [](T x, T y) { return x > y; });
  add_predicate(rows, "ge_" + type, [](T x, T y) { return x >= y; });
}

template <class T>
void add_integer_type(Rows& rows, const std::string& type) {
  add_ordered<T>(rows, type);
  add_predicate(rows, "ne_" + type, [](T x, T y) { return x != y; });
  add_predicate(rows, "t_" + type, [](T, T) { return true; });
}

template <class T>
void add_float_type(Rows& rows, const std::string& type) {
  add_ordered<T>(rows, type);
  add_predicate(rows, "lg_" + type, [](T x, T y) { return x < y || x > y; });
  add_predicate(rows, "o_" + type, [](T x, T y) { return x == x && y == y; });
  add_predicate(rows, "u_" + type, [](T x, T y) { return x != x || y != y; });
  add_predicate(rows, "nge_" + type, [](T x, T y) { return !(x >= y); });
  add_predicate(rows, "nlg_" + type, [](T x, T y) { return !(x < y || x > y); });
  add_predicate(rows, "ngt_" + type, [](T x, T y) { return !(x > y); });
  add_predicate(rows, "nle_" + type, [](T x, T y) { return !(x <= y); });
  add_predicate(rows, "neq_" + type, [](T x, T y) { return !(x == y); });
  add_predicate(rows, "nlt_" + type, [](T x, T y) { return !(x < y); });
  for (const char* name : {"t_", "tru_"}) add_predicate(rows, name + type, [](T, T) { return true; });
}

// Bit numbers of v_cmp_class: 0 signalling NaN, 1 quiet NaN, then -inf, -normal, -subnormal, -0, +0, ...
// +inf.
template <class Bits, int kMantissa, int kExponent>
int float_class(Bits bits) {
  const Bits mantissa = bits & ((Bits(1) << kMantissa) - 1);
  const Bits exponent = (bits >> kMantissa) & ((Bits(1) << kExponent) - 1);
  const bool negative = (bits >> (kMantissa + kExponent)) & 1;
  const Bits largest = (Bits(1) << kExponent) - 1;
  if (exponent == largest && mantissa) return (mantissa >> (kMantissa - 1)) & 1 ? 1 : 0;
  if (exponent == largest) return negative ? 2 : 9;
  if (exponent) return negative ? 3 : 8;
  if (mantissa) return negative ? 4 : 7;
  return negative ? 5 : 6;
}

void add_class_tests(Rows& rows) {
  add_predicate(rows, "class_f32",
                [](f32 x, u32 mask) { return ((mask >> float_class<u32, 23, 8>(as_u32(x))) & 1) != 0; });
  add_predicate(rows, "class_f64",
                [](f64 x, u32 mask) { return ((mask >> float_class<u64, 52, 11>(as_u64(x))) & 1) != 0; });
  add_predicate(rows, "class_f16",
                [](f16 x, u32 mask) { return ((mask >> float_class<u32, 10, 5>(as_u16(x))) & 1) != 0; });
}

}  // namespace

void add_compare_rows(Rows& rows) {
  add_float_type<f16>(rows, "f16");
  add_float_type<f32>(rows, "f32");
  add_float_type<f64>(rows, "f64");
  add_integer_type<i16>(rows, "i16");
  add_integer_type<u16>(rows, "u16");
  add_integer_type<i32>(rows, "i32");
  add_integer_type<u32>(rows, "u32");
  add_integer_type<i64>(rows, "i64");
  add_integer_type<u64>(rows, "u64");
  add_class_tests(rows);
}

}  // namespace emu

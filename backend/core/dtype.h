#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "backend/core/half.h"

namespace mlx_rocm {

// The 14 element types of MLX, and the facts about each. `visit` is the only dtype switch of the CPU code.
struct Dtype {
  enum Val : uint8_t {
    bool_,
    uint8,
    uint16,
    uint32,
    uint64,
    int8,
    int16,
    int32,
    int64,
    float16,
    float32,
    float64,
    bfloat16,
    complex64,
  };
  enum class Category : uint8_t {
    complexfloating,
    floating,
    inexact,
    signedinteger,
    unsignedinteger,
    integer,
    number,
    generic,
  };
  static constexpr int count = 14;

  Val val = float32;

  constexpr Dtype() = default;
  constexpr Dtype(Val v) : val(v) {}
  constexpr operator Val() const { return val; }

  size_t size() const;       // bytes per element
  const char* name() const;  // "float32", "bool", ...
};

inline constexpr Dtype bool_ = Dtype::bool_, uint8 = Dtype::uint8, uint16 = Dtype::uint16, uint32 = Dtype::uint32,
                       uint64 = Dtype::uint64, int8 = Dtype::int8, int16 = Dtype::int16, int32 = Dtype::int32,
                       int64 = Dtype::int64, float16 = Dtype::float16, float32 = Dtype::float32,
                       float64 = Dtype::float64, bfloat16 = Dtype::bfloat16, complex64 = Dtype::complex64;

std::ostream& operator<<(std::ostream& os, Dtype d);

// The type two arrays meet in (JAX's lattice, as MLX 0.32 has it).
Dtype promote_types(Dtype a, Dtype b);
// Ints and bool become float32; everything else stays.
Dtype at_least_float(Dtype d);
// The first dtype of that name, or throws ValueError.
Dtype dtype_from_name(const std::string& name);

bool issubdtype(Dtype d, Dtype::Category c);
bool issubdtype(Dtype::Category a, Dtype::Category b);
const char* category_name(Dtype::Category c);
inline bool is_floating(Dtype d) { return issubdtype(d, Dtype::Category::floating); }
inline bool is_inexact(Dtype d) { return issubdtype(d, Dtype::Category::inexact); }
inline bool is_integer(Dtype d) { return issubdtype(d, Dtype::Category::integer); }  // without bool
inline bool is_unsigned(Dtype d) { return issubdtype(d, Dtype::Category::unsignedinteger); }
inline bool is_complex(Dtype d) { return d == complex64; }
inline bool is_half(Dtype d) { return d == float16 || d == bfloat16; }

template <class T>
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<storage type>{}) for the dtype.
template <class F>
decltype(auto) visit(Dtype d, F&& f) {
  switch (d.val) {
    case Dtype::bool_: return f(TypeTag<bool>{});
    case Dtype::uint8: return f(TypeTag<uint8_t>{});
    case Dtype::uint16: return f(TypeTag<uint16_t>{});
    case Dtype::uint32: return f(TypeTag<uint32_t>{});
    case Dtype::uint64: return f(TypeTag<uint64_t>{});
    case Dtype::int8: return f(TypeTag<int8_t>{});
    case Dtype::int16: return f(TypeTag<int16_t>{});
    case Dtype::int32: return f(TypeTag<int32_t>{});
    case Dtype::int64: return f(TypeTag<int64_t>{});
    case Dtype::float16: return f(TypeTag<float16_t>{});
    case Dtype::float32: return f(TypeTag<float>{});
    case Dtype::float64: return f(TypeTag<double>{});
    case Dtype::bfloat16: return f(TypeTag<bfloat16_t>{});
    case Dtype::complex64: break;
  }
  return f(TypeTag<complex64_t>{});
}

}  // namespace mlx_rocm

// Every functor of scalar.h on the types that it takes, each as a kernel of its own: y[i] = f(a[i], b[i], ...).
#include "device.h"
#include "scalar.h"

#define UNARY(name, functor, in, out)                                      \
  KERNEL(256) name(const in* __restrict__ a, out* __restrict__ y, u32 n) { \
    u32 i = group_x() * 256 + thread_x();                                  \
    if (i < n) y[i] = functor()(a[i]);                                     \
  }
#define BINARY(name, functor, in, out)                                                               \
  KERNEL(256) name(const in* __restrict__ a, const in* __restrict__ b, out* __restrict__ y, u32 n) { \
    u32 i = group_x() * 256 + thread_x();                                                            \
    if (i < n) y[i] = functor()(a[i], b[i]);                                                         \
  }

#define UNARY_REAL(name, functor) UNARY(name##_f32, functor, float, float)
#define UNARY_FLOATING(name, functor) \
  UNARY_REAL(name, functor) UNARY(name##_c64, functor, complex64, complex64)
#define BINARY_REAL(name, functor) BINARY(name##_f32, functor, float, float)
#define BINARY_INTEGER(name, functor) BINARY(name##_i32, functor, i32, i32) BINARY(name##_u8, functor, u8, u8)
#define BINARY_ANY(name, functor) \
  BINARY_REAL(name, functor)      \
  BINARY_INTEGER(name, functor)   \
  BINARY(name##_i64, functor, i64, i64) BINARY(name##_c64, functor, complex64, complex64)
#define COMPARISON(name, functor)          \
  BINARY(name##_f32, functor, float, bool) \
  BINARY(name##_i64, functor, i64, bool)   \
  BINARY(name##_c64, functor, complex64, bool)

UNARY(abs_f32, Abs, float, float)
UNARY(abs_i32, Abs, i32, i32)
UNARY(abs_u8, Abs, u8, u8)
UNARY(abs_c64, Abs, complex64, float)
UNARY_FLOATING(negative, Negative)
UNARY_FLOATING(sign, Sign)
UNARY_FLOATING(square, Square)
UNARY_FLOATING(sqrt, Sqrt)
UNARY_FLOATING(rsqrt, Rsqrt)
UNARY_FLOATING(exp, Exp)
UNARY_FLOATING(expm1, Expm1)
UNARY_FLOATING(log, Log)
UNARY_FLOATING(log2, Log2)
UNARY_FLOATING(log10, Log10)
UNARY_FLOATING(log1p, Log1p)
UNARY_FLOATING(sin, Sin)
UNARY_FLOATING(cos, Cos)
UNARY_FLOATING(tan, Tan)
UNARY_FLOATING(arcsin, ArcSin)
UNARY_FLOATING(arccos, ArcCos)
UNARY_FLOATING(arctan, ArcTan)
UNARY_FLOATING(sinh, Sinh)
UNARY_FLOATING(cosh, Cosh)
UNARY_FLOATING(tanh, Tanh)
UNARY_FLOATING(arcsinh, ArcSinh)
UNARY_FLOATING(arccosh, ArcCosh)
UNARY_FLOATING(arctanh, ArcTanh)
UNARY_FLOATING(sigmoid, Sigmoid)
UNARY_FLOATING(round, Round)
UNARY_REAL(erf, Erf)
UNARY_REAL(erfinv, ErfInv)
UNARY_REAL(floor, Floor)
UNARY_REAL(ceil, Ceil)
UNARY_REAL(trunc, Trunc)
UNARY(logical_not, LogicalNot, bool, bool)
UNARY(bitwise_invert, BitwiseInvert, u32, u32)
UNARY(conjugate, Conjugate, complex64, complex64)
UNARY(real, Real, complex64, float)
UNARY(imag, Imag, complex64, float)

BINARY_ANY(add, Add)
BINARY_ANY(subtract, Subtract)
BINARY_ANY(multiply, Multiply)
BINARY(divide_f32, Divide, float, float)
BINARY(divide_c64, Divide, complex64, complex64)
BINARY_ANY(floor_divide, FloorDivide)
BINARY_REAL(remainder, Remainder)
BINARY_INTEGER(remainder, Remainder)
BINARY_ANY(power, Power)
BINARY_ANY(maximum, Maximum)
BINARY_ANY(minimum, Minimum)
BINARY_REAL(logaddexp, LogAddExp)
BINARY_REAL(arctan2, ArcTan2)
COMPARISON(equal, Equal)
COMPARISON(not_equal, NotEqual)
COMPARISON(nan_equal, NanEqual)
COMPARISON(less, Less)
COMPARISON(less_equal, LessEqual)
COMPARISON(greater, Greater)
COMPARISON(greater_equal, GreaterEqual)
BINARY(logical_and, LogicalAnd, bool, bool)
BINARY(logical_or, LogicalOr, bool, bool)
BINARY_INTEGER(bitwise_and, BitwiseAnd)
BINARY_INTEGER(bitwise_or, BitwiseOr)
BINARY_INTEGER(bitwise_xor, BitwiseXor)
BINARY_INTEGER(left_shift, LeftShift)
BINARY_INTEGER(right_shift, RightShift)

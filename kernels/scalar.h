// Scalar functors: what one element of an elementwise op computes. The CPU loops (backend/cpu/simd/elementwise.cpp,
// once per instruction set, inside its namespace) and the GPU kernels include this same text, so it may use only
// the vocabulary that both define before it: DEVICE and the math_* functions
// (backend/cpu/simd/vmath.h on the CPU, kernels/device.h on GPUs). Half types are converted to float outside.

struct complex64 {
  float re, im;
};

DEVICE complex64 operator+(complex64 a, complex64 b) { return {a.re + b.re, a.im + b.im}; }
DEVICE complex64 operator-(complex64 a, complex64 b) { return {a.re - b.re, a.im - b.im}; }
DEVICE complex64 operator-(complex64 a) { return {-a.re, -a.im}; }
DEVICE complex64 operator*(complex64 a, complex64 b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
DEVICE complex64 operator*(complex64 a, float b) { return {a.re * b, a.im * b}; }
// Smith's method: scales by the larger part of b, so that |b|^2 cannot overflow.
DEVICE complex64 operator/(complex64 a, complex64 b) {
  if (math_abs(b.re) >= math_abs(b.im)) {
    float r = b.im / b.re, d = b.re + b.im * r;
    return {(a.re + a.im * r) / d, (a.im - a.re * r) / d};
  }
  float r = b.re / b.im, d = b.re * r + b.im;
  return {(a.re * r + a.im) / d, (a.im * r - a.re) / d};
}
DEVICE bool operator==(complex64 a, complex64 b) { return a.re == b.re && a.im == b.im; }
DEVICE bool operator!=(complex64 a, complex64 b) { return !(a == b); }
// Complex numbers order by real part, then by imaginary part.
DEVICE bool operator<(complex64 a, complex64 b) { return a.re < b.re || (a.re == b.re && a.im < b.im); }
DEVICE bool operator>(complex64 a, complex64 b) { return b < a; }
DEVICE bool operator<=(complex64 a, complex64 b) { return a < b || a == b; }
DEVICE bool operator>=(complex64 a, complex64 b) { return b <= a; }

DEVICE complex64 times_i(complex64 a) { return {-a.im, a.re}; }
DEVICE complex64 times_minus_i(complex64 a) { return {a.im, -a.re}; }

DEVICE float complex_abs(complex64 x) { return math_hypot(x.re, x.im); }
DEVICE complex64 math_exp(complex64 x) {
  float m = math_exp(x.re);
  // exp(real) stays real: keeps inf * sin(0) from becoming NaN.
  if (x.im == 0.0f) return {m, 0.0f};
  return {m * math_cos(x.im), m * math_sin(x.im)};
}
DEVICE complex64 math_log(complex64 x) { return {math_log(complex_abs(x)), math_atan2(x.im, x.re)}; }
DEVICE complex64 math_sqrt(complex64 x) {
  if (x.re == 0.0f && x.im == 0.0f) return {0.0f, x.im};
  float t = math_sqrt(0.5f * (math_abs(x.re) + complex_abs(x)));
  if (x.re >= 0.0f) return {t, x.im / (2.0f * t)};
  return {math_abs(x.im) / (2.0f * t), x.im < 0.0f ? -t : t};
}
DEVICE complex64 math_sinh(complex64 x) {
  return {math_sinh(x.re) * math_cos(x.im), math_cosh(x.re) * math_sin(x.im)};
}
DEVICE complex64 math_cosh(complex64 x) {
  return {math_cosh(x.re) * math_cos(x.im), math_sinh(x.re) * math_sin(x.im)};
}
DEVICE complex64 math_tanh(complex64 x) {
  // tanh(a+ib) = (sinh 2a + i sin 2b) / (cosh 2a + cos 2b); beyond |a| = 20 the real part is +-1 in float.
  if (math_abs(x.re) > 20.0f) return {x.re > 0.0f ? 1.0f : -1.0f, 0.0f};
  float d = math_cosh(2.0f * x.re) + math_cos(2.0f * x.im);
  return {math_sinh(2.0f * x.re) / d, math_sin(2.0f * x.im) / d};
}
DEVICE complex64 math_sin(complex64 x) { return times_minus_i(math_sinh(times_i(x))); }
DEVICE complex64 math_cos(complex64 x) { return math_cosh(times_i(x)); }
DEVICE complex64 math_tan(complex64 x) { return times_minus_i(math_tanh(times_i(x))); }
DEVICE complex64 math_asinh(complex64 x) {
  return math_log(x + math_sqrt(x * x + complex64{1.0f, 0.0f}));
}
DEVICE complex64 math_acosh(complex64 x) {
  complex64 one = {1.0f, 0.0f};
  return math_log(x + math_sqrt(x + one) * math_sqrt(x - one));
}
DEVICE complex64 math_atanh(complex64 x) {
  complex64 one = {1.0f, 0.0f};
  return (math_log(one + x) - math_log(one - x)) * 0.5f;
}
DEVICE complex64 math_asin(complex64 x) { return times_minus_i(math_asinh(times_i(x))); }
DEVICE complex64 math_acos(complex64 x) {
  complex64 s = math_asin(x);
  return {1.57079632679489661923f - s.re, -s.im};
}
DEVICE complex64 math_atan(complex64 x) { return times_minus_i(math_atanh(times_i(x))); }
DEVICE complex64 math_log2(complex64 x) { return math_log(x) * 1.44269504088896340736f; }
DEVICE complex64 math_log10(complex64 x) { return math_log(x) * 0.43429448190325182765f; }
DEVICE complex64 math_log1p(complex64 x) {
  // log|1+x| through log1p of |1+x|^2 - 1, which keeps small x accurate.
  return {0.5f * math_log1p(x.re * (2.0f + x.re) + x.im * x.im), math_atan2(x.im, 1.0f + x.re)};
}
DEVICE complex64 math_expm1(complex64 x) {
  float s = math_sin(0.5f * x.im), e = math_expm1(x.re);
  return {e * math_cos(x.im) - 2.0f * s * s, (e + 1.0f) * math_sin(x.im)};
}
DEVICE complex64 math_round(complex64 x) { return {math_round(x.re), math_round(x.im)}; }
DEVICE complex64 math_pow(complex64 a, complex64 b) {
  if (a.re == 0.0f && a.im == 0.0f) {
    if (b != b) return b;
    return {b.re == 0.0f && b.im == 0.0f ? 1.0f : 0.0f, 0.0f};
  }
  return math_exp(b * math_log(a));
}

// --- unary

struct Abs {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    if constexpr (Type(-1) < Type(0)) {
      return x < Type(0) ? Type(-x) : x;
    } else {
      return x;
    }
  }
  DEVICE float operator()(float x) const { return math_abs(x); }
  DEVICE double operator()(double x) const { return math_abs(x); }
  DEVICE float operator()(complex64 x) const { return complex_abs(x); }
};
struct Negative {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    return Type(-x);
  }
};
struct Sign {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    return Type((x > Type(0)) - (x < Type(0)));
  }
  DEVICE complex64 operator()(complex64 x) const {
    float m = complex_abs(x);
    return m == 0.0f ? x : complex64{x.re / m, x.im / m};
  }
};
struct Square {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    return Type(x * x);
  }
};
struct Rsqrt {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    return Type(1) / math_sqrt(x);
  }
  DEVICE complex64 operator()(complex64 x) const { return complex64{1.0f, 0.0f} / math_sqrt(x); }
};
struct Sigmoid {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    // exp of a non-positive number only: no overflow, and no cancellation for very negative x.
    Type e = math_exp(-math_abs(x));
    Type p = Type(1) / (Type(1) + e);
    return x < Type(0) ? e * p : p;
  }
  DEVICE complex64 operator()(complex64 x) const {
    complex64 one = {1.0f, 0.0f};
    return one / (one + math_exp(-x));
  }
};
struct LogicalNot {
  DEVICE bool operator()(bool x) const { return !x; }
};
struct BitwiseInvert {
  template <class Type>
  DEVICE Type operator()(Type x) const {
    return Type(~x);
  }
  DEVICE bool operator()(bool x) const { return !x; }
};
struct Conjugate {
  DEVICE complex64 operator()(complex64 x) const { return {x.re, -x.im}; }
};
struct Real {
  DEVICE float operator()(complex64 x) const { return x.re; }
};
struct Imag {
  DEVICE float operator()(complex64 x) const { return x.im; }
};

// Functors that are one math function for every type they take.
#define MATH_FUNCTOR(Name, function)        \
  struct Name {                             \
    template <class Type>                      \
    DEVICE Type operator()(Type x) const {        \
      return function(x);                   \
    }                                       \
  };
MATH_FUNCTOR(Exp, math_exp)
MATH_FUNCTOR(Expm1, math_expm1)
MATH_FUNCTOR(Log, math_log)
MATH_FUNCTOR(Log2, math_log2)
MATH_FUNCTOR(Log10, math_log10)
MATH_FUNCTOR(Log1p, math_log1p)
MATH_FUNCTOR(Sqrt, math_sqrt)
MATH_FUNCTOR(Sin, math_sin)
MATH_FUNCTOR(Cos, math_cos)
MATH_FUNCTOR(Tan, math_tan)
MATH_FUNCTOR(ArcSin, math_asin)
MATH_FUNCTOR(ArcCos, math_acos)
MATH_FUNCTOR(ArcTan, math_atan)
MATH_FUNCTOR(Sinh, math_sinh)
MATH_FUNCTOR(Cosh, math_cosh)
MATH_FUNCTOR(Tanh, math_tanh)
MATH_FUNCTOR(ArcSinh, math_asinh)
MATH_FUNCTOR(ArcCosh, math_acosh)
MATH_FUNCTOR(ArcTanh, math_atanh)
MATH_FUNCTOR(Erf, math_erf)
MATH_FUNCTOR(ErfInv, math_erfinv)
MATH_FUNCTOR(Ceil, math_ceil)
MATH_FUNCTOR(Floor, math_floor)
MATH_FUNCTOR(Round, math_round)
MATH_FUNCTOR(Trunc, math_trunc)
#undef MATH_FUNCTOR

// --- binary

struct Add {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a + b);
  }
};
struct Subtract {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a - b);
  }
};
struct Multiply {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a * b);
  }
};
struct Divide {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return a / b;
  }
};
// Python's floor division and remainder: the remainder takes the divisor's sign. Integer division by zero is 0.
struct FloorDivide {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    if (b == Type(0)) return Type(0);
    if constexpr (Type(-1) < Type(0)) {
      if (b == Type(-1)) return Type(-a);  // the lowest integer / -1 traps otherwise
      Type q = a / b;
      return Type(q - ((a % b != Type(0)) && ((a < Type(0)) != (b < Type(0)))));
    } else {
      return a / b;
    }
  }
  DEVICE float operator()(float a, float b) const { return math_floor(a / b); }
  DEVICE double operator()(double a, double b) const { return math_floor(a / b); }
  DEVICE complex64 operator()(complex64 a, complex64 b) const {
    complex64 q = a / b;
    return {math_floor(q.re), math_floor(q.im)};
  }
};
struct Remainder {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    if (b == Type(0)) return Type(0);
    if constexpr (Type(-1) < Type(0)) {
      if (b == Type(-1)) return Type(0);
      Type r = a % b;
      return r != Type(0) && ((r < Type(0)) != (b < Type(0))) ? Type(r + b) : r;
    } else {
      return a % b;
    }
  }
  template <class Type>
  DEVICE Type floating(Type a, Type b) const {
    Type r = math_fmod(a, b);
    return r != Type(0) && ((r < Type(0)) != (b < Type(0))) ? r + b : r;
  }
  DEVICE float operator()(float a, float b) const { return floating(a, b); }
  DEVICE double operator()(double a, double b) const { return floating(a, b); }
};
struct Power {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    if (b < Type(0)) return Type(0);  // as MLX: also for a base of 1
    Type result = 1;
    for (; b; b >>= 1) {
      if (b & 1) result *= a;
      a *= a;
    }
    return result;
  }
  DEVICE bool operator()(bool a, bool b) const { return a || !b; }
  DEVICE float operator()(float a, float b) const { return math_pow(a, b); }
  DEVICE double operator()(double a, double b) const { return math_pow(a, b); }
  DEVICE complex64 operator()(complex64 a, complex64 b) const { return math_pow(a, b); }
};
// NaN in either operand wins.
struct Maximum {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    Type m = a > b ? a : b;  // two choices: their chain vectorises, one over a combined condition does not
    return a != a ? a : m;
  }
};
struct Minimum {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    Type m = a < b ? a : b;
    return a != a ? a : m;
  }
};
struct LogAddExp {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    Type high = a > b ? a : b, low = a > b ? b : a;
    if (a != a || b != b) return a + b;
    // Equal infinities would give inf - inf.
    if (high == low) return high + Type(0.693147180559945309417);
    return high + math_log1p(math_exp(low - high));
  }
  DEVICE complex64 operator()(complex64 a, complex64 b) const {
    complex64 high = a > b ? a : b, low = a > b ? b : a;
    return high + math_log1p(math_exp(low - high));
  }
};
// LogAddExp with minus infinity as the identity, for complex numbers too.
struct ScanLogAddExp {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return LogAddExp{}(a, b);
  }
  DEVICE complex64 operator()(complex64 a, complex64 b) const {
    complex64 high = a > b ? a : b, low = a > b ? b : a;
    if (low.re < -3.402823466e38f) return high;  // minus infinity
    return high + math_log(complex64{1.0f, 0.0f} + math_exp(low - high));
  }
};
struct ArcTan2 {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return math_atan2(a, b);
  }
};
struct Equal {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a == b;
  }
};
struct NotEqual {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a != b;
  }
};
// Equal, with NaN equal to NaN.
struct NanEqual {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a == b || (a != a && b != b);
  }
};
struct Less {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a < b;
  }
};
struct LessEqual {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a <= b;
  }
};
struct Greater {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a > b;
  }
};
struct GreaterEqual {
  template <class Type>
  DEVICE bool operator()(Type a, Type b) const {
    return a >= b;
  }
};
struct LogicalAnd {
  DEVICE bool operator()(bool a, bool b) const { return a && b; }
};
struct LogicalOr {
  DEVICE bool operator()(bool a, bool b) const { return a || b; }
};
struct BitwiseAnd {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a & b);
  }
};
struct BitwiseOr {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a | b);
  }
};
struct BitwiseXor {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return Type(a ^ b);
  }
};
// Shift counts beyond the width shift everything out, which C++ leaves undefined.
struct LeftShift {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return (unsigned long long)b >= sizeof(Type) * 8 ? Type(0) : Type(a << b);
  }
};
struct RightShift {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return (unsigned long long)b >= sizeof(Type) * 8 ? (a < Type(0) ? Type(-1) : Type(0)) : Type(a >> b);
  }
};

// --- ternary

struct Select {
  template <class Type>
  DEVICE Type operator()(bool condition, Type a, Type b) const {
    return condition ? a : b;
  }
};

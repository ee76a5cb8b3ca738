// The math_* vocabulary of kernels/scalar.h on the CPU. Included inside the namespace of an instruction set.

#define DEVICE inline  // everything sits in an unnamed namespace

DEVICE float math_abs(float x) { return __builtin_fabsf(x); }
DEVICE double math_abs(double x) { return __builtin_fabs(x); }

#define MATH_FROM_LIBM(name, function)                      \
  DEVICE float math_##name(float x) { return ::function##f(x); } \
  DEVICE double math_##name(double x) { return ::function(x); }
MATH_FROM_LIBM(exp, exp)
MATH_FROM_LIBM(expm1, expm1)
MATH_FROM_LIBM(log, log)
MATH_FROM_LIBM(log2, log2)
MATH_FROM_LIBM(log10, log10)
MATH_FROM_LIBM(log1p, log1p)
MATH_FROM_LIBM(sqrt, sqrt)
MATH_FROM_LIBM(sin, sin)
MATH_FROM_LIBM(cos, cos)
MATH_FROM_LIBM(tan, tan)
MATH_FROM_LIBM(asin, asin)
MATH_FROM_LIBM(acos, acos)
MATH_FROM_LIBM(atan, atan)
MATH_FROM_LIBM(sinh, sinh)
MATH_FROM_LIBM(cosh, cosh)
MATH_FROM_LIBM(tanh, tanh)
MATH_FROM_LIBM(asinh, asinh)
MATH_FROM_LIBM(acosh, acosh)
MATH_FROM_LIBM(atanh, atanh)
MATH_FROM_LIBM(erf, erf)
MATH_FROM_LIBM(ceil, ceil)
MATH_FROM_LIBM(floor, floor)
MATH_FROM_LIBM(round, nearbyint)
MATH_FROM_LIBM(trunc, trunc)
#undef MATH_FROM_LIBM

DEVICE float math_pow(float a, float b) { return ::powf(a, b); }
DEVICE double math_pow(double a, double b) { return ::pow(a, b); }
DEVICE float math_atan2(float a, float b) { return ::atan2f(a, b); }
DEVICE double math_atan2(double a, double b) { return ::atan2(a, b); }
DEVICE float math_fmod(float a, float b) { return ::fmodf(a, b); }
DEVICE double math_fmod(double a, double b) { return ::fmod(a, b); }
DEVICE float math_hypot(float a, float b) { return ::hypotf(a, b); }

// Inverse error function: a rational start (Giles 2010, "Approximating the erfinv function") in w = -log(1 - x^2),
// polished by two Newton steps on erf, which brings double to full precision.
DEVICE double math_erfinv(double x) {
  if (!(x > -1.0 && x < 1.0)) return x == 1.0 || x == -1.0 ? x * __builtin_inf() : __builtin_nan("");
  double w = -::log((1.0 - x) * (1.0 + x)), p;
  if (w < 5.0) {
    w -= 2.5;
    p = 2.81022636e-08;
    p = 3.43273939e-07 + p * w;
    p = -3.5233877e-06 + p * w;
    p = -4.39150654e-06 + p * w;
    p = 0.00021858087 + p * w;
    p = -0.00125372503 + p * w;
    p = -0.00417768164 + p * w;
    p = 0.246640727 + p * w;
    p = 1.50140941 + p * w;
  } else {
    w = ::sqrt(w) - 3.0;
    p = -0.000200214257;
    p = 0.000100950558 + p * w;
    p = 0.00134934322 + p * w;
    p = -0.00367342844 + p * w;
    p = 0.00573950773 + p * w;
    p = -0.0076224613 + p * w;
    p = 0.00943887047 + p * w;
    p = 1.00167406 + p * w;
    p = 2.83297682 + p * w;
  }
  double y = p * x;
  for (int i = 0; i < 2; ++i) {
    double error = x < 0 ? -(::erfc(-y) - (1.0 + x)) : ::erfc(y) - (1.0 - x);
    y += error * 0.88622692545275801365 * ::exp(y * y);
  }
  return y;
}
DEVICE float math_erfinv(float x) { return float(math_erfinv(double(x))); }

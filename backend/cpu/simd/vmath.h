// The math_* vocabulary of kernels/scalar.h on the CPU. Included inside the namespace of an instruction set.
//
// The float functions are branch-free polynomials, so that loops over them vectorise (GCC 12 and later; no fast-math
// flags). Range reductions are exact, the polynomials are minimax fits with weights for the relative error of the
// result. tests/test_vmath.py measures the errors: at most 3.5 ulp. The double functions are libm's.

#define DEVICE inline  // everything sits in an unnamed namespace
#define MATH_INLINE inline __attribute__((always_inline))

MATH_INLINE float as_float(uint32_t u) { return __builtin_bit_cast(float, u); }
MATH_INLINE uint32_t as_bits(float f) { return __builtin_bit_cast(uint32_t, f); }

DEVICE float math_abs(float x) { return __builtin_fabsf(x); }
DEVICE double math_abs(double x) { return __builtin_fabs(x); }
MATH_INLINE float with_sign_of(float magnitude, float sign) {
  return as_float((as_bits(magnitude) & 0x7fffffff) | (as_bits(sign) & 0x80000000));
}

// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
template <class T>
MATH_INLINE T polynomial(T, T c) {
  return c;
}
template <class T, class... Rest>
MATH_INLINE T polynomial(T x, T c, Rest... rest) {
  return c + x * polynomial(x, rest...);
}

#define MATH_DOUBLE_FROM_LIBM(name, function) \
  DEVICE double math_##name(double x) { return ::function(x); }
MATH_DOUBLE_FROM_LIBM(exp, exp)
MATH_DOUBLE_FROM_LIBM(expm1, expm1)
MATH_DOUBLE_FROM_LIBM(log, log)
MATH_DOUBLE_FROM_LIBM(log2, log2)
MATH_DOUBLE_FROM_LIBM(log10, log10)
MATH_DOUBLE_FROM_LIBM(log1p, log1p)
MATH_DOUBLE_FROM_LIBM(sqrt, sqrt)
MATH_DOUBLE_FROM_LIBM(sin, sin)
MATH_DOUBLE_FROM_LIBM(cos, cos)
MATH_DOUBLE_FROM_LIBM(tan, tan)
MATH_DOUBLE_FROM_LIBM(asin, asin)
MATH_DOUBLE_FROM_LIBM(acos, acos)
MATH_DOUBLE_FROM_LIBM(atan, atan)
MATH_DOUBLE_FROM_LIBM(sinh, sinh)
MATH_DOUBLE_FROM_LIBM(cosh, cosh)
MATH_DOUBLE_FROM_LIBM(tanh, tanh)
MATH_DOUBLE_FROM_LIBM(asinh, asinh)
MATH_DOUBLE_FROM_LIBM(acosh, acosh)
MATH_DOUBLE_FROM_LIBM(atanh, atanh)
MATH_DOUBLE_FROM_LIBM(erf, erf)
MATH_DOUBLE_FROM_LIBM(ceil, ceil)
MATH_DOUBLE_FROM_LIBM(floor, floor)
MATH_DOUBLE_FROM_LIBM(round, nearbyint)
MATH_DOUBLE_FROM_LIBM(trunc, trunc)
#undef MATH_DOUBLE_FROM_LIBM
DEVICE double math_pow(double a, double b) { return ::pow(a, b); }
DEVICE double math_atan2(double a, double b) { return ::atan2(a, b); }
DEVICE double math_fmod(double a, double b) { return ::fmod(a, b); }

// One instruction each.
DEVICE float math_sqrt(float x) { return ::sqrtf(x); }
DEVICE float math_ceil(float x) { return ::ceilf(x); }
DEVICE float math_floor(float x) { return ::floorf(x); }
DEVICE float math_round(float x) { return ::nearbyintf(x); }
DEVICE float math_trunc(float x) { return ::truncf(x); }

constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // the high part has 9 bits
constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, left in the low bits
constexpr float kInf = __builtin_inff(), kNaN = __builtin_nanf("");

// --- exponentials

// x = j ln 2 + r with |r| <= ln 2 / 2.
struct ExpReduced {
  uint32_t j;
  float r;
};
MATH_INLINE ExpReduced exp_reduce(float x) {
  float t = x * 1.44269504088896341f + kMagic, j = t - kMagic;
  return {as_bits(t) - as_bits(kMagic), (x - j * kLn2High) - j * kLn2Low};
}

// e^x 2^shift, without overflow on the way. Two factors scale, so that results may be denormal.
MATH_INLINE float exp_scaled(float x, int32_t shift) {
  x = x > 91.0f ? 91.0f : x;
  x = x < -105.0f ? -105.0f : x;
  auto [j, r] = exp_reduce(x);
  float p = polynomial(r, 0.5f, 1.6666667e-01f, 4.1666254e-02f, 8.333261e-03f, 1.3947212e-03f, 1.9919922e-04f);
  p = 1.0f + (r + r * r * p);
  int32_t k = int32_t(j) + shift, half = k >> 1;
  return p * as_float(uint32_t(half + 127) << 23) * as_float(uint32_t(k - half + 127) << 23);
}
MATH_INLINE float math_exp(float x) { return exp_scaled(x, 0); }

MATH_INLINE float math_expm1(float x) {
  float c = x > 91.0f ? 91.0f : x;
  c = c < -30.0f ? -30.0f : c;
  auto [j, r] = exp_reduce(c);
  float p = polynomial(r, 0.5f, 1.6666666e-01f, 4.1666348e-02f, 8.3333915e-03f, 1.3941652e-03f, 1.9845959e-04f);
  p = r + r * r * p;
  // 2^j (1 + p) - 1 with half of 2^j, which exists for j = 128 too.
  float half = as_float((j + 126) << 23);
  float y = 2.0f * (half * p + (half - 0.5f));
  return x == 0.0f ? x : x > 88.8f ? kInf : y;
}

MATH_INLINE float math_sinh(float x) {
  float a = math_abs(x), z = x * x;
  float e = exp_scaled(a, -1), large = e - 0.25f / e;
  float small = x + x * z * polynomial(z, 1.6666667e-01f, 8.33335e-03f, 1.983616e-04f, 2.8169513e-06f);
  return a < 1.0f ? small : with_sign_of(large, x);
}
MATH_INLINE float math_cosh(float x) {
  float e = exp_scaled(math_abs(x), -1);
  return e + 0.25f / e;
}
MATH_INLINE float math_tanh(float x) {
  float a = math_abs(x);
  a = a > 10.0f ? 10.0f : a;
  float e = math_expm1(2.0f * a);
  return with_sign_of(e / (e + 2.0f), x);
}

// --- logarithms

// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); positive finite x, denormal ones too.
struct LogReduced {
  float e, f;
};
MATH_INLINE LogReduced log_reduce(float x) {
  bool denormal = x < 0x1p-126f;
  float scaled = denormal ? x * 0x1p23f : x;
  int32_t bits = int32_t(as_bits(scaled)), e = (bits - 0x3f3504f3) >> 23;
  float m = as_float(uint32_t(bits) - (uint32_t(e) << 23));
  return {float(e) - (denormal ? 23.0f : 0.0f), m - 1.0f};
}
// log(1 + f) - f + f^2 / 2
MATH_INLINE float log_tail(float f) {
  return f * f * f *
         polynomial(f, 3.3333313e-01f, -2.500001e-01f, 2.0002119e-01f, -1.6667996e-01f, 1.4219552e-01f,
                    -1.2405589e-01f, 1.1888163e-01f, -1.1675651e-01f, 6.7466386e-02f);
}
MATH_INLINE float log_specials(float x, float y) {
  y = x == kInf ? x : y;
  y = x == 0.0f ? -kInf : y;
  return x >= 0.0f ? y : kNaN;
}
MATH_INLINE float math_log(float x) {
  auto [e, f] = log_reduce(x);
  float y = (log_tail(f) + e * kLn2Low) - 0.5f * f * f;
  return log_specials(x, (f + y) + e * kLn2High);
}
MATH_INLINE float math_log2(float x) {
  auto [e, f] = log_reduce(x);
  constexpr float kRest = 0.44269504088896341f;  // 1 / ln 2 - 1
  float y = log_tail(f) - 0.5f * f * f;
  return log_specials(x, (((y * kRest + f * kRest) + y) + f) + e);
}
MATH_INLINE float math_log10(float x) {
  auto [e, f] = log_reduce(x);
  // 1 / ln 10 and log10(2), each with a short high part.
  constexpr float kHigh = 0.43359375f, kLow = 7.00731903251827651e-4f;
  constexpr float kTwoHigh = 0.30078125f, kTwoLow = 2.48745663981195214e-4f;
  float y = log_tail(f) - 0.5f * f * f;
  float z = (f + y) * kLow + y * kHigh + e * kTwoLow;
  return log_specials(x, (z + f * kHigh) + e * kTwoHigh);
}
MATH_INLINE float math_log1p(float x) {
  // What rounding 1 + x lost comes back to first order.
  float u = 1.0f + x, lost = x - (u - 1.0f);
  float y = math_log(u) + lost / u;
  y = x == kInf ? x : y;
  y = x == -1.0f ? -kInf : y;
  return x == 0.0f ? x : y;
}

MATH_INLINE float math_asinh(float x) {
  float a = math_abs(x);
  bool big = a > 0x1p28f;
  float z = a * a;
  float y = math_log1p(big ? a : a + z / (1.0f + math_sqrt(1.0f + z)));
  return with_sign_of(big ? y + 0.693147181f : y, x);
}
MATH_INLINE float math_acosh(float x) {
  bool big = x > 0x1p28f;
  float t = x - 1.0f;
  float y = math_log1p(big ? x : t + math_sqrt(2.0f * t + t * t));
  y = big ? y + 0.693147181f : y;
  return x >= 1.0f ? y : kNaN;
}
MATH_INLINE float math_atanh(float x) {
  float a = math_abs(x);
  float y = with_sign_of(0.5f * math_log1p((a + a) / (1.0f - a)), x);
  return a <= 1.0f ? y : kNaN;
}

// --- circular functions

// The polynomial forms hold up to here; a block with larger (or no) numbers goes to libm. 2 x / pi is then a float
// with its nearest integer right but for ties, and that integer times the high part of pi / 2 is exact.
constexpr float kCircularLimit = 65536.0f;
struct CircularReduced {
  uint32_t quadrant;
  float r;
};
MATH_INLINE CircularReduced circular_reduce(float x) {
  float t = x * 0.636619772367581343f + kMagic;
  double j = double(t - kMagic);
  double r = (double(x) - j * 1.57079632673412561417e+00) - j * 6.07710050650619224932e-11;
  return {as_bits(t), float(r)};
}
MATH_INLINE float sin_kernel(float r) {
  float z = r * r;
  return r + r * z * polynomial(z, -1.6666667e-01f, 8.333329e-03f, -1.9839211e-04f, 2.717159e-06f);
}
MATH_INLINE float cos_kernel(float r) {
  float z = r * r;
  float tail = polynomial(z, 4.1666668e-02f, -1.3888883e-03f, 2.4799348e-05f, -2.7196668e-07f);
  return 1.0f + (z * z * tail - 0.5f * z);
}
MATH_INLINE float fast_sin(float x) {
  auto [q, r] = circular_reduce(x);
  float y = (q & 1) ? cos_kernel(r) : sin_kernel(r);
  y = as_float(as_bits(y) ^ ((q & 2) << 30));
  return x == 0.0f ? x : y;
}
MATH_INLINE float fast_cos(float x) {
  auto [q, r] = circular_reduce(x);
  float y = (q & 1) ? sin_kernel(r) : cos_kernel(r);
  return as_float(as_bits(y) ^ (((q + 1) & 2) << 30));
}
MATH_INLINE float fast_tan(float x) {
  auto [q, r] = circular_reduce(x);
  float s = sin_kernel(r), c = cos_kernel(r);
  float y = (q & 1) ? -c / s : s / c;
  return x == 0.0f ? x : y;
}
DEVICE float math_sin(float x) { return ::sinf(x); }
DEVICE float math_cos(float x) { return ::cosf(x); }
DEVICE float math_tan(float x) { return ::tanf(x); }

constexpr float kPi = 3.14159265358979324f, kHalfPi = 1.57079632679489662f;
constexpr float kHalfPiLow = -4.37113883e-8f;  // pi / 2 - kHalfPi

// asin(s) / s - 1 for z = s^2, |s| <= 1/2.
MATH_INLINE float asin_tail(float z) {
  return z * polynomial(z, 1.666666e-01f, 7.5005054e-02f, 4.451671e-02f, 3.180991e-02f, 1.4429838e-02f,
                        3.7529383e-02f);
}
MATH_INLINE float math_asin(float x) {
  float a = math_abs(x);
  bool far = a > 0.5f;
  float z = far ? 0.5f - 0.5f * a : a * a, s = far ? math_sqrt(z) : a;
  float y = s + s * asin_tail(z);
  y = with_sign_of(far ? kHalfPi - (2.0f * y - kHalfPiLow) : y, x);
  return a <= 1.0f ? y : kNaN;
}
MATH_INLINE float math_acos(float x) {
  float a = math_abs(x);
  bool far = a > 0.5f;
  float z = far ? 0.5f - 0.5f * a : a * a, s = far ? math_sqrt(z) : a;
  float y = s + s * asin_tail(z), twice = y + y;
  float near = kHalfPi - (with_sign_of(y, x) - kHalfPiLow);
  return far ? (x > 0.0f ? twice : kPi - (twice - 2.0f * kHalfPiLow)) : near;
}
// atan of t in [0, 1].
MATH_INLINE float atan_kernel(float t) {
  float z = t * t;
  return t + t * z * polynomial(z, -3.3333328e-01f, 1.9999671e-01f, -1.4279833e-01f, 1.1058223e-01f, -8.811091e-02f,
                                6.741597e-02f, -4.4689935e-02f, 2.2539862e-02f, -7.3179547e-03f, 1.1137883e-03f);
}
MATH_INLINE float math_atan(float x) {
  float a = math_abs(x);
  bool far = a > 1.0f;
  float y = atan_kernel(far ? 1.0f / a : a);
  return with_sign_of(far ? kHalfPi - (y - kHalfPiLow) : y, x);
}
MATH_INLINE float math_atan2(float y, float x) {
  float a = math_abs(y), b = math_abs(x);
  bool steep = a > b;
  float high = steep ? a : b, low = steep ? b : a;
  float t = low / high;
  t = high == 0.0f ? 0.0f : t;
  t = low == kInf ? 1.0f : t;
  float r = atan_kernel(t);
  r = steep ? kHalfPi - (r - kHalfPiLow) : r;
  r = int32_t(as_bits(x)) < 0 ? kPi - (r - 2.0f * kHalfPiLow) : r;
  r = with_sign_of(r, y);
  return (x != x) | (y != y) ? x + y : r;
}

// --- erf and its inverse

MATH_INLINE float math_erf(float x) {
  float a = math_abs(x), z = x * x;
  float small = x + x * polynomial(z, 1.2837917e-01f, -3.7612638e-01f, 1.1283782e-01f, -2.68654e-02f, 5.2209455e-03f,
                                   -8.482829e-04f, 1.1256949e-04f, -9.641519e-06f);
  // -log(1 - erf(a)) on [1, 4]; beyond, erf is 1.
  float b = a > 4.0f ? 4.0f : a;
  float g = polynomial(b, -1.8846862e-04f, 1.1295803e+00f, 6.332164e-01f, 1.0842211e-01f, -2.5210343e-02f,
                       4.2052856e-03f, -4.4147286e-04f, 2.169763e-05f);
  return a < 1.0f ? small : with_sign_of(1.0f - math_exp(-g), x);
}

// Rational-free start of Giles (2010, "Approximating the erfinv function") in w = -log(1 - x^2).
template <class T>
MATH_INLINE T erfinv_start(T x, T w, T root) {
  T near = polynomial(w - T(2.5), T(1.50140941), T(0.246640727), T(-0.00417768164), T(-0.00125372503), T(0.00021858087),
                      T(-4.39150654e-06), T(-3.5233877e-06), T(3.43273939e-07), T(2.81022636e-08));
  T far = polynomial(root - T(3), T(2.83297682), T(1.00167406), T(0.00943887047), T(-0.0076224613), T(0.00573950773),
                     T(-0.00367342844), T(0.00134934322), T(0.000100950558), T(-0.000200214257));
  return (w < T(5) ? near : far) * x;
}
MATH_INLINE float math_erfinv(float x) {
  float w = -math_log((1.0f - x) * (1.0f + x));
  float y = erfinv_start(x, w, math_sqrt(w));
  float a = math_abs(x);
  y = with_sign_of(a == 1.0f ? kInf : y, x);
  return a <= 1.0f ? y : kNaN;
}
// Two Newton steps on erf bring double to full precision.
DEVICE double math_erfinv(double x) {
  if (!(x > -1.0 && x < 1.0)) return x == 1.0 || x == -1.0 ? x * __builtin_inf() : __builtin_nan("");
  double w = -::log((1.0 - x) * (1.0 + x)), y = erfinv_start(x, w, ::sqrt(w));
  for (int i = 0; i < 2; ++i) {
    double error = x < 0 ? -(::erfc(-y) - (1.0 + x)) : ::erfc(y) - (1.0 - x);
    y += error * 0.88622692545275801365 * ::exp(y * y);
  }
  return y;
}

// --- two operands

// 2^(b log2 a) in double: that product needs some 8 bits more than a float has.
MATH_INLINE float positive_power(float a, float b) {
  auto [e, f] = log_reduce(a);
  double s = double(f) / (2.0 + double(f));
  double q = polynomial(s * s, 2.88539008177784995e+00, 9.61796694114215645e-01, 5.77077942078792594e-01,
                        4.12209283949687200e-01, 3.19904308436681606e-01, 2.82921175118573398e-01);
  double t = double(b) * (double(e) + s * q);
  t = t > 160.0 ? 160.0 : t;
  t = t < -160.0 ? -160.0 : t;
  constexpr double kMagic64 = 6755399441055744.0;  // 1.5 * 2^52
  double u = t + kMagic64, r = t - (u - kMagic64);
  double p = polynomial(r, 9.99999999999737654e-01, 6.93147180545405917e-01, 2.40226506991231770e-01,
                        5.55041094381377720e-02, 9.61812850898041867e-03, 1.33334477601999000e-03,
                        1.54038641522584490e-04, 1.53108829957667694e-05, 1.31752054866600071e-06);
  uint64_t bits = __builtin_bit_cast(uint64_t, p) + (__builtin_bit_cast(uint64_t, u) << 52);
  return float(__builtin_bit_cast(double, bits));
}
#if defined(__x86_64__) && !defined(__AVX2__)
DEVICE float math_pow(float a, float b) { return ::powf(a, b); }  // two doubles at a time are slower than libm
#else
MATH_INLINE float math_pow(float a, float b) {
  float m = math_abs(a), y = positive_power(m, b);
  y = m == 0.0f ? (b < 0.0f ? kInf : 0.0f) : y;
  y = m == kInf ? (b < 0.0f ? 0.0f : kInf) : y;
  y = m == 1.0f ? 1.0f : y;
  float half = 0.5f * b;
  bool whole = math_floor(b) == b, odd = whole & (math_floor(half) != half);
  y = odd ? with_sign_of(y, a) : y;
  y = (a < 0.0f) & (m != kInf) & !whole ? kNaN : y;
  y = (a != a) | (b != b) ? a + b : y;
  return (b == 0.0f) | (a == 1.0f) ? 1.0f : y;
}
#endif

DEVICE float math_fmod(float a, float b) { return ::fmodf(a, b); }
// a - trunc(a / b) b, exact while |a / b| < 2^28: quotient times b then fits a double. The quotient may round up to
// an integer, which the sign of the difference tells.
constexpr float kFmodLimit = 0x1p28f;
MATH_INLINE float fast_fmod(float a, float b) {
  double x = double(a), y = double(b < 0.0f ? -b : b);
  double m = x < 0.0 ? -x : x;
  double r = m - ::trunc(m / y) * y;
  r = r < 0.0 ? r + y : r;
  return with_sign_of(float(r), a);
}

DEVICE float math_hypot(float a, float b) {
  double x = double(a), y = double(b);
  float h = float(::sqrt(x * x + y * y));
  return (math_abs(a) == kInf) | (math_abs(b) == kInf) ? kInf : h;
}

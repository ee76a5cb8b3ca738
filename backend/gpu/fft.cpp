#include "backend/gpu/fft.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <numbers>

#include "backend/core/error.h"
#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int64_t kUsualTile = 1024;   // elements of a workgroup with short lines
constexpr int64_t kAcrossLines = 16;   // neighbouring lines that make whole cache lines of complex numbers
constexpr int64_t kMostLines = 64;
constexpr int64_t kLargestColumn = 1024;  // of which a workgroup holds 4, 32 bytes side by side
constexpr int64_t kFewNeighbours = 8;  // below this, runs along a line are better than runs across lines

int64_t power_of_two_below(int64_t n) {
  int64_t p = 1;
  while (2 * p <= n) p *= 2;
  return p;
}

// --- one launch

// struct Side of kernels/fft.hip.
struct Side {
  uint64_t outer_stride, axis_stride;
  uint32_t high, low, step;
};

// struct Circle of kernels/fft_radix.h.
struct Circle {
  uint32_t length;
  float eighth;
  uint64_t inverse;
};
Circle circle(uint64_t length) {
  return {uint32_t(length), float(std::numbers::pi / 4 / double(length)), UINT64_MAX / length};
}

// LOAD and STORE of kernels/fft.hip. pairs and folded: real transforms of even lengths as complex ones of half of it.
enum class Form { complex, real, half, pairs, folded };
Form form_of(FftSide side) {
  return side == FftSide::real ? Form::real : side == FftSide::half ? Form::half : Form::complex;
}

// Defines and arguments of a launch that passes share, filled in by the kinds of passes below.
struct Launch {
  int64_t n = 1;            // of a line
  int64_t lines_each = 1;   // lines of a transform
  int64_t split = 1;
  int64_t twiddle = 0;
  int64_t length = 1;
  Form load = Form::complex, store = Form::complex;
  bool chirp_in = false, chirp_out = false, convolve = false, filter_out = false;
  bool swap_in = false, swap_mid = false, swap_out = false;
  bool across_in = false, across_out = false;
  uint32_t in_high = 0, in_low = 0, in_step = 1, out_high = 0, out_low = 0, out_step = 1;
  float scale = 1;
};

std::string pass_types(int64_t n) {
  std::vector<int> radices = fft_radices(n);
  if (radices.empty()) radices = {1};
  std::string text;
  int64_t before = 1;
  for (int radix : radices) {
    text += (text.empty() ? "Pass<" : ",Pass<") + std::to_string(radix) + "," + std::to_string(before) + ">";
    before *= radix;
  }
  return text;
}

int64_t lines_of_group(const Launch& l) {
  const int64_t room = power_of_two_below(std::max<int64_t>(1, kLargestLine / l.n));
  const int64_t usual = std::min(kMostLines, power_of_two_below(std::max<int64_t>(1, kUsualTile / l.n)));
  return std::min(room, l.across_in || l.across_out ? std::max(usual, kAcrossLines) : usual);
}

void run(const Launch& l, const array& in, const array& out, int axis, const array& filter = {}) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= in.shape(i);
  for (int i = axis + 1; i < in.ndim(); ++i) inner *= in.shape(i);
  const int64_t group = lines_of_group(l), lines = outer * inner * l.lines_each;
  const int64_t threads = std::clamp<int64_t>((l.n * group / 8 + 63) / 64 * 64, 64, 512);
  const bool wide = std::max(in.size(), out.size()) > std::numeric_limits<uint32_t>::max();
  const array& reals = l.load == Form::pairs ? in : out;
  const bool paired = inner == 1 && reals.offset() % 8 == 0;
  const auto& k = kernel(
      "fft.hip", "fft",
      {{"N", l.n}, {"LINES", group}, {"LINES_EACH", l.lines_each}, {"SPLIT", l.split}, {"THREADS", threads},
       {"TWIDDLE", l.twiddle}, {"PASSES", pass_types(l.n)}, {"OFFSET", wide ? "u64" : "u32"},
       {"LOAD", int(l.load)}, {"STORE", int(l.store)}, {"CHIRP_IN", int(l.chirp_in)},
       {"CHIRP_OUT", int(l.chirp_out)}, {"CONVOLVE", int(l.convolve)}, {"FILTER_OUT", int(l.filter_out)},
       {"SWAP_MID", int(l.swap_mid)}, {"ACROSS_IN", int(l.across_in)}, {"ACROSS_OUT", int(l.across_out)},
       {"PAIRED", int(paired)}});
  const Side from = {uint64_t(in.shape(axis) * inner), uint64_t(inner), l.in_high, l.in_low, l.in_step};
  const Side to = {uint64_t(out.shape(axis) * inner), uint64_t(inner), l.out_high, l.out_low, l.out_step};
  launch(k, (lines + group - 1) / group, uint32_t(threads), gpu::in(in), gpu::out(out),
         gpu::in(filter.is_null() ? in : filter), from, to, uint32_t(inner), l.scale, uint64_t(lines), circle(2 * uint64_t(l.length)),
         uint32_t(l.swap_in ? 1 : 0) | uint32_t(l.swap_out ? 2 : 0));
}

// --- a transform of a length with radices, in as many launches as it has factors

// What the first launch does on the way in and the last one on the way out is in `ends`; temporaries are complex arrays
// of `length` along the axis.
void transform(const Launch& ends, int64_t length, const array& in, const array& out, int axis,
               const array& filter = {}) {
  int64_t inner = 1;
  for (int i = axis + 1; i < in.ndim(); ++i) inner *= in.shape(i);
  const bool strided = inner >= kFewNeighbours;
  const std::vector<int64_t> factors = fft_factors(length);
  if (factors.size() == 1) {
    Launch l = ends;
    l.n = length;
    l.across_in = l.across_out = strided;
    run(l, in, out, axis, filter);
    return;
  }
  Shape shape = out.shape();
  shape[axis] = int32_t(length);
  const array between = temporary(shape, complex64);
  int64_t done = 1;  // product of the factors before
  for (size_t i = 0; i < factors.size(); ++i) {
    const bool first = i == 0, last = i + 1 == factors.size();
    const int64_t n = factors[i], rest = length / done / n;
    Launch l;
    l.n = n;
    l.lines_each = length / n;
    l.length = ends.length;
    if (first) {
      l.load = ends.load;
      l.swap_in = ends.swap_in;
      l.chirp_in = ends.chirp_in;
    }
    if (!last) {
      // Digits done so far stay in front; what is left is at the back.
      l.split = rest;
      l.twiddle = n * rest;
      l.in_high = l.out_high = uint32_t(n * rest);
      l.in_low = l.out_low = 1;
      l.in_step = l.out_step = uint32_t(rest);
      l.across_in = l.across_out = true;
    } else {
      // In: digits k1 k2 ... with k1 in front. Out: reversed, k1 counting fastest.
      l.split = factors[0];
      l.in_low = uint32_t(length / factors[0]);
      l.in_high = uint32_t(n);
      l.in_step = 1;
      l.out_low = 1;
      l.out_high = uint32_t(factors[0]);
      l.out_step = uint32_t(done);
      l.across_in = strided;
      l.across_out = true;
      l.store = ends.store;
      l.swap_mid = ends.swap_mid;
      l.filter_out = ends.filter_out;
      l.chirp_out = ends.chirp_out;
      l.swap_out = ends.swap_out;
      l.scale = ends.scale;
    }
    run(l, first ? in : between, last ? out : between, axis, filter);
    done *= n;
  }
}

// --- Bluestein: a transform of any length n as a convolution of length m >= 2 n - 1

using Numbers = std::vector<std::complex<double>>;

// In place, for powers of two.
void host_fft(Numbers& x) {
  const size_t n = x.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  Numbers roots(std::max<size_t>(1, n / 2));
  for (size_t i = 0; i < n / 2; ++i) roots[i] = std::polar(1.0, -2 * std::numbers::pi * double(i) / double(n));
  for (size_t half = 1; half < n; half *= 2) {
    for (size_t i = 0; i < n; i += 2 * half) {
      for (size_t k = 0; k < half; ++k) {
        const std::complex<double> a = x[i + k], b = x[i + k + half] * roots[k * (n / 2 / half)];
        x[i + k] = a + b;
        x[i + k + half] = a - b;
      }
    }
  }
}

// The transform of the conjugate chirp, wrapped around, divided by m.
array make_filter(int64_t n, int64_t m) {
  Numbers b(m);
  for (int64_t k = 0; k < n; ++k) {
    const auto square = double(int64_t(static_cast<unsigned __int128>(k) * k % (2 * n)));
    b[k] = b[(m - k) % m] = std::polar(1.0 / double(m), std::numbers::pi * square / double(n));
  }
  host_fft(b);
  const array filter = array::uninitialised({int32_t(m)}, complex64);
  auto* to = reinterpret_cast<std::complex<float>*>(filter.bytes());
  for (int64_t i = 0; i < m; ++i) to[i] = std::complex<float>(b[i]);
  return filter;
}

// Filters are kept between calls, up to 64 MB of them. The cache outlives every device, so it is never destroyed.
array filter_of(int64_t n, int64_t m) {
  static std::mutex mutex;
  static auto& cache = *new std::map<std::pair<int64_t, int64_t>, array>;
  std::lock_guard lock(mutex);
  auto found = cache.find({n, m});
  if (found != cache.end()) return found->second;
  size_t bytes = 0;
  for (const auto& [key, filter] : cache) bytes += filter.nbytes();
  if (bytes + size_t(m) * 8 > size_t(64) << 20) cache.clear();
  return cache.emplace(std::pair(n, m), make_filter(n, m)).first->second;
}

void bluestein(const Launch& ends, int64_t n, const array& in, const array& out, int axis) {
  int64_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  if (m > std::numeric_limits<int32_t>::max()) {
    runtime_error("[fft] The length ", n, " has a prime factor above 13 and is too large for the GPU.");
  }
  const array filter = filter_of(n, m);
  if (fft_factors(m).size() == 1) {
    Launch l = ends;
    l.chirp_in = l.chirp_out = l.convolve = l.swap_mid = true;
    transform(l, m, in, out, axis, filter);
    return;
  }
  Shape shape = out.shape();
  shape[axis] = int32_t(m);
  const array spectrum = temporary(shape, complex64);
  Launch there;
  there.length = n;
  there.load = ends.load;
  there.swap_in = ends.swap_in;
  there.chirp_in = there.filter_out = true;
  transform(there, m, in, spectrum, axis, filter);
  Launch back = ends;
  back.load = Form::complex;
  back.swap_in = false;
  back.swap_mid = back.chirp_out = true;
  transform(back, m, spectrum, out, axis, filter);
}

}  // namespace

std::vector<int64_t> fft_factors(int64_t n) {
  if (n <= kLargestLine) return {n};
  // The fewest factors, each as close as possible to the root that makes them equal. Short lines come first: a workgroup
  // holds several of them, and so whole cache lines of columns.
  for (int64_t most : {kLargestColumn, kLargestLine}) {
    for (int count : {2, 3}) {  // transform() knows no more
      std::vector<int64_t> factors;
      int64_t rest = n;
      for (int left = count; left > 1; --left) {
        auto best = int64_t(std::llround(std::pow(double(rest), 1.0 / left)));
        while (rest % best != 0) --best;
        factors.push_back(best);
        rest /= best;
      }
      factors.push_back(rest);
      if (*std::max_element(factors.begin(), factors.end()) <= most) return factors;
    }
  }
  return {};
}

void fft(const FftArgs& args, const array& in, const array& out) {
  if (out.size() == 0) return;
  Launch ends;
  ends.length = args.n;
  ends.load = form_of(args.from);
  ends.store = form_of(args.to);
  ends.scale = args.scale;
  ends.swap_in = ends.swap_out = args.inverse;
  const bool forth = args.from == FftSide::real && args.to == FftSide::half && !args.inverse;
  const bool back = args.from == FftSide::half && args.to == FftSide::real && args.inverse;
  const int64_t half = args.n / 2;
  if ((forth || back) && args.n % 2 == 0 && half <= kLargestLine && (half == 1 || !fft_radices(half).empty())) {
    ends.load = forth ? Form::pairs : Form::folded;
    ends.store = forth ? Form::folded : Form::pairs;
    return transform(ends, half, in, out, args.axis);
  }
  const bool smooth = args.n == 1 || (!fft_radices(args.n).empty() && !fft_factors(args.n).empty());
  if (smooth) {
    transform(ends, args.n, in, out, args.axis);
  } else {
    bluestein(ends, args.n, in, out, args.axis);
  }
}

}  // namespace mlx_rocm::gpu

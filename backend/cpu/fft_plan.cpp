#include "backend/cpu/fft_plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <numbers>
#include <tuple>
#include <utility>

#include "backend/core/fft_radices.h"
#include "backend/cpu/pool.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kCachedElements = int64_t{1} << 24;  // tables of the cache: at most about 256 MB

// exp(-2 pi i k / n) with the angle reduced to an eighth of a turn, where sin and cos are exact to the last
// bit.
std::pair<double, double> unit_root(int64_t k, int64_t n) {
  const int64_t eighth = 8 * k / n;  // k < n
  const auto at = [n](int64_t numerator) { return std::numbers::pi / 4 * double(numerator) / double(n); };
  // The angle is numerator / n eighths; odd octants count back from their end.
  const int64_t rest = 8 * k - eighth * n;
  const double angle = at(eighth % 2 == 0 ? rest : n - rest);
  const double c = std::cos(angle), s = std::sin(angle);
  switch (eighth) {
    case 0: return {c, -s};
    case 1: return {s, -c};
    case 2: return {-s, -c};
    case 3: return {-c, -s};
    case 4: return {-c, s};
    case 5: return {-s, c};
    case 6: return {s, c};
  }
  return {c, s};
}

FftPass make_pass(int radix, int64_t length) {
  FftPass pass;
  pass.radix = radix;
  pass.m = length / radix;
  if (pass.m == 1) return pass;
  pass.twiddle_re.resize((radix - 1) * pass.m);
  pass.twiddle_im.resize((radix - 1) * pass.m);
  for (int64_t t = 1; t < radix; ++t) {
    for (int64_t p = 0; p < pass.m; ++p) {
      const auto [re, im] = unit_root(p * t, length);
      pass.twiddle_re[(t - 1) * pass.m + p] = float(re);
      pass.twiddle_im[(t - 1) * pass.m + p] = float(im);
    }
  }
  return pass;
}

// The cheapest length >= `least` for a convolution.
int64_t smooth_length(int64_t least) {
  int64_t best = 1;
  while (best < least) best *= 2;
  for (int64_t odd : {3, 5, 7, 9, 15}) {
    int64_t length = odd;
    while (length < least) length *= 2;
    best = std::min(best, length);
  }
  return best;
}

// The filter holds the transform of the conjugate chirp, wrapped around, divided by the convolution's length.
void make_bluestein(FftPlan& plan, bool single) {
  const int64_t n = plan.n, m = smooth_length(2 * n - 1);
  plan.inner = fft_plan(m, single, false);
  plan.chirp_re.resize(n);
  plan.chirp_im.resize(n);
  std::vector<float> b_re(m), b_im(m), spare_re(m), spare_im(m);
  for (int64_t k = 0; k < n; ++k) {
    const auto square = int64_t(static_cast<unsigned __int128>(k) * k % (2 * n));
    const auto [re, im] = unit_root(square, 2 * n);
    plan.chirp_re[k] = float(re);
    plan.chirp_im[k] = float(im);
    b_re[k] = b_re[(m - k) % m] = float(re / double(m));
    b_im[k] = b_im[(m - k) % m] = float(-im / double(m));
  }
  const Split result =
      run_fft(*plan.inner, 1, {b_re.data(), b_im.data()}, {spare_re.data(), spare_im.data()}, false);
  plan.filter_re.assign(result.re, result.re + m);
  plan.filter_im.assign(result.im, result.im + m);
}

void make_passes(FftPlan& plan, bool single) {
  const int64_t n = plan.n;
  const int width = fft_table().width;
  const bool across = single && n % (width * width) == 0;
  const std::vector<int> radices = fft_radices(across ? n / width : n);
  if (radices.empty()) return make_bluestein(plan, single);
  int64_t length = n;
  if (across) {
    plan.across = true;
    plan.passes.push_back(make_pass(width, length));
    length /= width;
  }
  for (int radix : radices) {
    plan.passes.push_back(make_pass(radix, length));
    length /= radix;
  }
}

std::shared_ptr<const FftPlan> make_plan(int64_t n, bool single, bool real) {
  auto plan = std::make_shared<FftPlan>();
  plan->n = n;
  if (n > 1) make_passes(*plan, single);
  if (real) {
    plan->root_re.resize(n);
    plan->root_im.resize(n);
    for (int64_t k = 0; k < n; ++k) {
      const auto [re, im] = unit_root(k, 2 * n);
      plan->root_re[k] = float(re);
      plan->root_im[k] = float(im);
    }
  }
  return plan;
}

void run_first_pass(const FftPass& pass, Split x, Split y, bool threaded) {
  const FftTable& table = fft_table();
  if (!threaded) return table.first_pass(pass, x, y, 0, pass.m);
  parallel_for(pass.m / table.width, 64, [&](int64_t begin, int64_t end) {
    table.first_pass(pass, x, y, begin * table.width, end * table.width);
  });
}

void run_pass(const FftPass& pass, Split x, Split y, int64_t s, bool threaded) {
  const FftTable& table = fft_table();
  if (!threaded) return table.pass(pass, x, y, s, 0, pass.m, 0, s);
  constexpr int64_t kElements = 16384;  // per task
  if (pass.m >= 64) {
    parallel_for(pass.m, std::max<int64_t>(1, kElements / (s * pass.radix)),
                 [&](int64_t begin, int64_t end) { table.pass(pass, x, y, s, begin, end, 0, s); });
  } else {
    parallel_for(s, std::max<int64_t>(table.width, kElements / (pass.m * pass.radix)),
                 [&](int64_t begin, int64_t end) { table.pass(pass, x, y, s, 0, pass.m, begin, end); });
  }
}

Split run_bluestein(const FftPlan& plan, int64_t lanes, Split x, Split y, bool threaded) {
  const FftTable& table = fft_table();
  const int64_t m = plan.inner->n, rest = (m - plan.n) * lanes;
  table.scale_by(x, plan.chirp_re.data(), plan.chirp_im.data(), plan.n, lanes);
  std::memset(x.re + plan.n * lanes, 0, rest * sizeof(float));
  std::memset(x.im + plan.n * lanes, 0, rest * sizeof(float));
  Split product = run_fft(*plan.inner, lanes, x, y, threaded);
  Split other = product.re == x.re ? y : x;
  table.scale_by(product, plan.filter_re.data(), plan.filter_im.data(), m, lanes);
  const Split result = run_fft(*plan.inner, lanes, product.swapped(), other.swapped(), threaded).swapped();
  table.scale_by(result, plan.chirp_re.data(), plan.chirp_im.data(), plan.n, lanes);
  return result;
}

}  // namespace

Split run_fft(const FftPlan& plan, int64_t lanes, Split x, Split y, bool threaded) {
  if (plan.inner) return run_bluestein(plan, lanes, x, y, threaded);
  int64_t s = lanes;
  for (const FftPass& pass : plan.passes) {
    if (plan.across && s == 1) {
      run_first_pass(pass, x, y, threaded);
    } else {
      run_pass(pass, x, y, s, threaded);
    }
    s *= pass.radix;
    std::swap(x, y);
  }
  return x;
}

std::shared_ptr<const FftPlan> fft_plan(int64_t n, bool single, bool real) {
  using Key = std::tuple<int64_t, bool, bool>;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const FftPlan>> plans;
  static int64_t elements = 0;
  const Key key{n, single, real};
  {
    const std::lock_guard lock(mutex);
    const auto found = plans.find(key);
    if (found != plans.end()) return found->second;
  }
  auto plan = make_plan(n, single, real);  // may ask for the inner plan, so without the lock
  const std::lock_guard lock(mutex);
  if (elements + plan->work_length() > kCachedElements) {
    plans.clear();
    elements = 0;
  }
  elements += plan->work_length();
  plans[key] = plan;
  return plan;
}

}  // namespace mlx_rocm::cpu

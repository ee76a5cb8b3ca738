#include "backend/gpu/conv.h"

#include <algorithm>
#include <limits>

#include "backend/gpu/gemm.h"
#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {
namespace {

// struct Conv of kernels/conv.h.
struct Geometry {
  int32_t in[3], out[3], stride[3], pad[3], dilation[3], input_dilation[3];
  int32_t channels, out_channels, groups;
};

constexpr int64_t kLongestSpan = 24;      // inputs that a thread of conv_depthwise may hold
constexpr int64_t kMostParts = 64;        // partial sums of an element
constexpr int64_t kFewestSteps = 4;       // of a part
constexpr int64_t kPartialBytes = 256 << 20;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

Geometry geometry_of(const ConvShape& s) {
  Geometry g = {};
  for (int i = 0; i < 3; ++i) {
    g.in[i] = int32_t(s.in[i]);
    g.out[i] = int32_t(s.out[i]);
    g.stride[i] = int32_t(s.stride[i]);
    g.pad[i] = int32_t(s.pad[i]);
    g.dilation[i] = int32_t(s.dilation[i]);
    g.input_dilation[i] = int32_t(s.input_dilation[i]);
  }
  g.channels = int32_t(s.channels);
  g.out_channels = int32_t(s.out_channels);
  g.groups = int32_t(s.groups);
  return g;
}

bool fits_index(const ConvShape& s) { return s.positions() * s.out_channels < (int64_t(1) << 31); }

Defines defines_of(const ConvShape& s, Dtype dtype) {
  return {{"T", dtype},
          {"KZ", s.kernel[0]},
          {"KY", s.kernel[1]},
          {"KX", s.kernel[2]},
          {"AXES", s.axes},
          {"INPUT_DILATED", int(s.input_dilated())},
          {"FLIP", int(s.flip)},
          {"INDEX", fits_index(s) ? "u32" : "u64"}};
}

void add(Defines& to, Defines more) { to.insert(to.end(), more.begin(), more.end()); }

// Elements of an access of at most 16 bytes to runs of `run` elements of a row-contiguous array.
int64_t vector_width(const array& a, int64_t run) {
  int64_t width = int64_t(16 / a.itemsize());
  while (width > 1 && (run % width != 0 || a.offset() % int64_t(width * a.itemsize()) != 0)) width /= 2;
  return width;
}

// Launches a kernel whose last argument is a count, in the type that INDEX names.
template <class... Args>
void launch_counted(bool small, const Kernel& k, Grid grid, uint32_t threads, int64_t count, const Args&... args) {
  if (small) {
    launch(k, grid, threads, args..., uint32_t(count));
  } else {
    launch(k, grid, threads, args..., uint64_t(count));
  }
}

// Splits the sum over `steps` steps when `tiles` workgroups leave compute units idle.
void split_sum(ConvRoute& r, int64_t tiles, int64_t steps, int64_t result_size, int compute_units) {
  int64_t parts = 1;
  if (tiles < compute_units) {
    parts = std::min({ceil_div(2 * compute_units, tiles), steps / kFewestSteps, kMostParts,
                      kPartialBytes / std::max<int64_t>(4, 4 * result_size)});
    parts = std::max<int64_t>(parts, 1);
  }
  r.steps = std::max<int64_t>(1, ceil_div(steps, parts));
  r.parts = std::max<int64_t>(1, ceil_div(steps, r.steps));
}

void set_tile(ConvRoute& r, Dtype dtype, const Target& target) {
  r.kind = ConvKind::tiles;
  if (dtype == float32) {
    r.step = 16;
    r.threads = 256;
  } else {
    r.step = 32;
    r.threads = 4 * target.wave;
  }
}

int depthwise_pixels(const ConvShape& s, int compute_units) {
  for (int pixels : {4, 2, 1}) {
    const int64_t span = (pixels - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1;
    const bool busy = s.positions() / pixels * s.channels >= int64_t(compute_units) * 256 * 8;
    if (span <= kLongestSpan && (pixels == 1 || (busy && s.out[2] >= pixels))) return pixels;
  }
  return 0;
}

// One tap that meets each input once: a matrix product of the pixels with the weights.
bool is_product(const ConvShape& s) {
  const std::array<int64_t, 3> ones = {1, 1, 1}, zeros = {0, 0, 0};
  return s.groups == 1 && s.taps() == 1 && s.stride == ones && s.pad == zeros && s.in == s.out && !s.input_dilated() &&
         s.channels > 0 && s.positions() <= std::numeric_limits<int32_t>::max();
}

array matrix(const array& a, int64_t rows, int64_t columns) {
  return array(a.buffer(), {int32_t(rows), int32_t(columns)}, a.dtype(), {columns, 1}, a.offset());
}
array transposed(const array& a) {
  return array(a.buffer(), {a.shape(1), a.shape(0)}, a.dtype(), {a.strides()[1], a.strides()[0]}, a.offset());
}

void sum_parts(const array& parts, int64_t count, const array& out, Defines defines) {
  const auto& k = kernel("conv_direct.hip", "conv_sum", std::move(defines));
  launch(k, cover(out.size(), 256), 256, in(parts), gpu::out(out), uint64_t(out.size()), uint32_t(count));
}

// Where partial sums go, or `result` itself when there is one part.
array parts_of(const ConvRoute& r, const array& result) {
  if (r.parts == 1) return result;
  return temporary({int32_t(r.parts), int32_t(result.size())}, float32);
}

void run_tiles(const ConvShape& s, const ConvRoute& r, const array& x, const array& w, const array& y) {
  const array to = parts_of(r, y);
  const int64_t channels = s.channels / s.groups;
  const int64_t vec = std::min(vector_width(x, channels), vector_width(w, channels));
  const bool whole = vec * int64_t(x.itemsize()) == 16;
  Defines d = defines_of(s, x.dtype());
  add(d, {{"OUT", to.dtype()}, {"TILE_M", r.tile_m}, {"TILE_N", r.tile_n}, {"THREADS", r.threads}, {"VEC", vec},
          {"VEC_G", 1}, {"ALIGNED", int(whole && channels % r.step == 0)}, {"GRADIENT", 0}});
  const auto& k = kernel("conv.hip", "conv", d);
  launch(k, r.m_tiles * r.n_tiles * s.groups * r.parts, uint32_t(r.threads), in(x), in(w), out(to), geometry_of(s),
         uint32_t(s.positions()), uint32_t(r.m_tiles), uint32_t(r.n_tiles), uint32_t(r.steps));
  if (r.parts > 1) sum_parts(to, r.parts, y, defines_of(s, y.dtype()));
}

void run_depthwise(const ConvShape& s, const ConvRoute& r, const array& x, const array& w, const array& y) {
  const bool taps_first = s.axes > 1;
  array weights = w;
  if (taps_first) {  // (channels, taps) to (taps, channels): then a thread's weights are neighbours
    const Strides strides = {1, s.taps()};
    weights = contiguous(array(w.buffer(), {int32_t(s.taps()), int32_t(s.channels)}, w.dtype(), strides, w.offset()));
  }
  const int64_t vec = std::min({vector_width(x, s.channels), vector_width(weights, s.channels), vector_width(y, s.channels)});
  const int64_t items = s.batch * s.out[0] * s.out[1] * ceil_div(s.out[2], r.pixels) * (s.channels / vec);
  Defines d = defines_of(s, x.dtype());
  add(d, {{"VEC", vec}, {"PIXELS", r.pixels}, {"STRIDE_X", s.stride[2]}, {"DILATION_X", s.dilation[2]},
          {"TAPS_FIRST", int(taps_first)}});
  const auto& k = kernel("conv_direct.hip", "conv_depthwise", d);
  launch_counted(fits_index(s), k, ceil_div(items, 256), 256, items, in(x), in(weights), out(y), geometry_of(s));
}

void run_general(const ConvShape& s, const array& x, const array& w, const array& y) {
  const auto& k = kernel("conv_direct.hip", "conv_general", defines_of(s, x.dtype()));
  launch_counted(fits_index(s), k, cover(y.size(), 256), 256, y.size(), in(x), in(w), out(y), geometry_of(s));
}

}  // namespace

ConvRoute conv_route(const ConvShape& s, Dtype dtype, const Target& target, int compute_units) {
  ConvRoute r;
  if (is_product(s)) {
    r.kind = ConvKind::product;
    return r;
  }
  const int64_t channels = s.channels / s.groups, outs = s.out_channels / s.groups;
  if (channels == 1 && outs == 1 && s.groups > 1 && !s.input_dilated()) {
    r.pixels = depthwise_pixels(s, compute_units);
    if (r.pixels > 0) {
      r.kind = ConvKind::depthwise;
      return r;
    }
    r.pixels = 1;
  }
  // A tile of a group with hardly any outputs, or of a sum with hardly any terms, would be all padding.
  if (outs < 4 || s.taps() * channels < 8 || !fits_index(s)) return r;
  set_tile(r, dtype, target);
  const bool half = dtype != float32;
  if (half && outs <= 32 && target.wave == 32) r.tile_n = 32;  // 256 threads have 64 rows to load
  r.n_tiles = ceil_div(outs, r.tile_n);
  const bool many = ceil_div(s.positions(), 128) * r.n_tiles * s.groups >= 2 * compute_units;
  r.tile_m = many && !by_fma(target.mma) ? 128 : 64;
  r.m_tiles = ceil_div(s.positions(), r.tile_m);
  split_sum(r, r.m_tiles * r.n_tiles * s.groups, ceil_div(s.taps() * channels, r.step),
            s.positions() * s.out_channels, compute_units);
  return r;
}

ConvRoute conv_gradient_route(const ConvShape& s, Dtype dtype, const Target& target, int compute_units) {
  ConvRoute r;
  if (is_product(s)) {
    r.kind = ConvKind::product;
    return r;
  }
  const int64_t channels = s.channels / s.groups, outs = s.out_channels / s.groups, depth = s.taps() * channels;
  const int64_t size = s.out_channels * depth;
  if (outs >= 4 && depth >= 8 && fits_index(s)) {
    set_tile(r, dtype, target);
    r.m_tiles = ceil_div(outs, r.tile_m);
    r.n_tiles = ceil_div(depth, r.tile_n);
    split_sum(r, r.m_tiles * r.n_tiles * s.groups, ceil_div(s.positions(), r.step), size, compute_units);
    return r;
  }
  // A step is a position, and a workgroup has 256 elements of the result.
  r.step = 1;
  r.threads = 256;
  split_sum(r, ceil_div(size, 256), ceil_div(s.positions(), 16), size, 4 * compute_units);
  r.steps = std::max<int64_t>(1, ceil_div(s.positions(), r.parts));
  r.parts = std::max<int64_t>(1, ceil_div(s.positions(), r.steps));
  return r;
}

void convolve(const ConvShape& s, const array& input, const array& weight, const array& y) {
  const array x = contiguous(input), w = contiguous(weight);
  allocate(y);
  if (y.size() == 0) return;
  if (s.taps() * s.channels == 0) return fill_bytes(y, 0);
  const ConvRoute r = conv_route(s, x.dtype(), target(), compute_units());
  switch (r.kind) {
    case ConvKind::product:
      return matmul(matrix(x, s.positions(), s.channels), transposed(matrix(w, s.out_channels, s.channels)), nullptr, 1, 0,
                    matrix(y, s.positions(), s.out_channels));
    case ConvKind::depthwise: return run_depthwise(s, r, x, w, y);
    case ConvKind::tiles: return run_tiles(s, r, x, w, y);
    case ConvKind::general: return run_general(s, x, w, y);
  }
}

void convolve_weight_gradient(const ConvShape& s, const array& input, const array& cotangent, const array& dw) {
  const array x = contiguous(input), g = contiguous(cotangent);
  allocate(dw);
  if (dw.size() == 0) return;
  if (s.positions() == 0) return fill_bytes(dw, 0);
  const ConvRoute r = conv_gradient_route(s, x.dtype(), target(), compute_units());
  if (r.kind == ConvKind::product) {
    return matmul(transposed(matrix(g, s.positions(), s.out_channels)), matrix(x, s.positions(), s.channels), nullptr, 1, 0,
                  matrix(dw, s.out_channels, s.channels));
  }
  const bool small = fits_index(s);
  Defines d = defines_of(s, x.dtype());
  if (r.kind == ConvKind::tiles) {
    const array to = parts_of(r, dw);
    add(d, {{"OUT", to.dtype()}, {"TILE_M", r.tile_m}, {"TILE_N", r.tile_n}, {"THREADS", r.threads},
            {"VEC", vector_width(x, s.channels / s.groups)}, {"VEC_G", vector_width(g, s.out_channels / s.groups)},
            {"ALIGNED", 0}, {"GRADIENT", 1}});
    const auto& k = kernel("conv.hip", "conv_gradient", d);
    launch(k, r.m_tiles * r.n_tiles * s.groups * r.parts, uint32_t(r.threads), in(x), in(g), out(to), geometry_of(s),
           uint32_t(s.positions()), uint32_t(r.m_tiles), uint32_t(r.n_tiles), uint32_t(r.steps));
    if (r.parts > 1) sum_parts(to, r.parts, dw, defines_of(s, dw.dtype()));
    return;
  }
  const array to = temporary({int32_t(r.parts), int32_t(dw.size())}, float32);
  const auto& k = kernel("conv_direct.hip", "conv_general_gradient", d);
  const Grid grid(cover(dw.size(), 256).x, uint64_t(r.parts));
  const Geometry geometry = geometry_of(s);
  if (small) {
    launch(k, grid, 256, in(x), in(g), out(to), geometry, uint32_t(s.positions()), uint32_t(r.steps));
  } else {
    launch(k, grid, 256, in(x), in(g), out(to), geometry, uint64_t(s.positions()), uint64_t(r.steps));
  }
  sum_parts(to, r.parts, dw, defines_of(s, dw.dtype()));
}

}  // namespace mlx_rocm::gpu

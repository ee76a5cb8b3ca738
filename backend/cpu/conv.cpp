#include "backend/cpu/conv.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cpu/pool.h"
#include "backend/cpu/rows.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kPatchBytes = int64_t{8} << 20;  // patches gathered at a time

int64_t size_of(GemmType type) {
  return type == GemmType::f32 ? 4 : type == GemmType::f64 || type == GemmType::c64 ? 8 : 2;
}

// The input index that a tap of one axis reads, or -1 when it reads padding or the gap of a dilated input.
int64_t input_index(const ConvProblem& s, int axis, int64_t position, int64_t tap) {
  const int64_t at = position * s.stride[axis] + tap * s.dilation[axis] - s.pad[axis];
  if (at < 0 || at % s.input_dilation[axis] != 0) return -1;
  const int64_t index = at / s.input_dilation[axis];
  return index < s.in[axis] ? index : -1;
}

struct Position {
  int64_t batch;
  std::array<int64_t, 3> at;
};

Position position_of(const ConvProblem& s, int64_t linear) {
  Position p{};
  for (int axis = 2; axis >= 0; --axis) {
    p.at[axis] = linear % s.out[axis];
    linear /= s.out[axis];
  }
  p.batch = linear;
  return p;
}

// Writes the patch of one output position for channels [first, first + count): [tap][channel].
class PatchCopier {
 public:
  PatchCopier(const ConvProblem& s, const void* x, int64_t first, int64_t count)
      : s_(s), x_(static_cast<const char*>(x)), first_(first), count_(count), size_(size_of(s.type)) {
    // Neighbouring taps of the last axis read neighbouring input when nothing is between them.
    runs_ = s.dilation[2] == 1 && s.input_dilation[2] == 1 && count == s.channels;
  }

  void copy(const Position& p, char* out) const {
    const int64_t bytes = count_ * size_;
    const int64_t line_bytes = s_.kernel[2] * bytes;
    for (int64_t i = 0; i < s_.kernel[0]; ++i) {
      const int64_t a = input_index(s_, 0, p.at[0], i);
      for (int64_t j = 0; j < s_.kernel[1]; ++j, out += line_bytes) {
        const int64_t b = input_index(s_, 1, p.at[1], j);
        if (a < 0 || b < 0) {
          std::memset(out, 0, line_bytes);
          continue;
        }
        const int64_t line = ((p.batch * s_.in[0] + a) * s_.in[1] + b) * s_.in[2];
        if (runs_) {
          copy_run(p.at[2], line, out, bytes);
        } else {
          copy_taps(p.at[2], line, out, bytes);
        }
      }
    }
  }

 private:
  void copy_run(int64_t position, int64_t line, char* out, int64_t bytes) const {
    const int64_t start = position * s_.stride[2] - s_.pad[2];
    const int64_t before = std::clamp<int64_t>(-start, 0, s_.kernel[2]);
    const int64_t end = std::clamp<int64_t>(s_.in[2] - start, before, s_.kernel[2]);
    std::memset(out, 0, before * bytes);
    if (end > before)
      std::memcpy(out + before * bytes, x_ + (line + start + before) * bytes, (end - before) * bytes);
    std::memset(out + end * bytes, 0, (s_.kernel[2] - end) * bytes);
  }

  void copy_taps(int64_t position, int64_t line, char* out, int64_t bytes) const {
    for (int64_t k = 0; k < s_.kernel[2]; ++k, out += bytes) {
      const int64_t c = input_index(s_, 2, position, k);
      if (c < 0) {
        std::memset(out, 0, bytes);
      } else {
        std::memcpy(out, x_ + ((line + c) * s_.channels + first_) * size_, bytes);
      }
    }
  }

  const ConvProblem& s_;
  const char* x_;
  int64_t first_;
  int64_t count_;
  int64_t size_;
  bool runs_;
};

// Whether the patches of consecutive positions are the input itself.
bool is_pointwise(const ConvProblem& s) {
  for (int axis = 0; axis < 3; ++axis) {
    if (s.kernel[axis] != 1 || s.stride[axis] != 1 || s.pad[axis] != 0 || s.input_dilation[axis] != 1)
      return false;
    if (s.in[axis] != s.out[axis]) return false;
  }
  return true;
}

// Calls use(patches, row stride, first position, count) over all positions, with the patches of one group.
template <class Use>
void for_patches(const ConvProblem& s, const void* x, int64_t group, Use use) {
  const int64_t channels = s.channels / s.groups;
  const int64_t size = size_of(s.type);
  if (is_pointwise(s)) {
    use(static_cast<const char*>(x) + group * channels * size, s.channels, int64_t{0}, s.positions());
    return;
  }
  const int64_t row = s.taps() * channels;
  const int64_t most = std::clamp<int64_t>(kPatchBytes / std::max<int64_t>(1, row * size), 64, s.positions());
  std::vector<char> patches(most * row * size);
  const PatchCopier copier(s, x, group * channels, channels);
  for (int64_t first = 0; first < s.positions(); first += most) {
    const int64_t count = std::min(most, s.positions() - first);
    parallel_for(count, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, row * size)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     copier.copy(position_of(s, first + i), patches.data() + i * row * size);
                   }
                 });
    use(patches.data(), row, first, count);
  }
}

// w with its taps reversed, when the convolution asks for it.
const void* flipped(const ConvProblem& s, const void* w, std::vector<char>& storage) {
  if (!s.flip || s.taps() == 1) return w;
  const int64_t bytes = s.channels / s.groups * size_of(s.type);
  const int64_t taps = s.taps();
  storage.resize(s.out_channels * taps * bytes);
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t t = 0; t < taps; ++t) {
      std::memcpy(storage.data() + (o * taps + t) * bytes,
                  static_cast<const char*>(w) + (o * taps + taps - 1 - t) * bytes, bytes);
    }
  }
  return storage.data();
}

bool is_depthwise(const ConvProblem& s) {
  return s.groups == s.channels && s.out_channels == s.channels && s.channels > 1 &&
         (s.type == GemmType::f32 || s.type == GemmType::bf16 || s.type == GemmType::f16);
}

void depthwise(const ConvProblem& s, const void* x, const void* w, void* y) {
  const RowTable& rows = row_table();
  const ConvTable& table = conv_table();
  const bool is_f32 = s.type == GemmType::f32, is_bf16 = s.type == GemmType::bf16;
  const auto kernel = is_f32 ? table.depthwise_f32 : is_bf16 ? table.depthwise_bf16 : table.depthwise_f16;
  const RowKernels& convert = is_f32 ? rows.f32 : is_bf16 ? rows.bf16 : rows.f16;
  const int64_t channels = s.channels, taps = s.taps(), size = size_of(s.type);
  std::vector<float> wide(channels * taps), by_tap(channels * taps);
  convert.to_f32(w, wide.data(), channels * taps);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t t = 0; t < taps; ++t) by_tap[t * channels + c] = wide[c * taps + t];
  }
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, channels * taps));
  parallel_for(s.positions(), grain, [&](int64_t begin, int64_t end) {
    std::vector<const void*> lines(taps);
    std::vector<const float*> weights(taps);
    for (int64_t i = begin; i < end; ++i) {
      const Position p = position_of(s, i);
      int64_t used = 0, tap = 0;
      for (int64_t a = 0; a < s.kernel[0]; ++a) {
        const int64_t u = input_index(s, 0, p.at[0], a);
        for (int64_t b = 0; b < s.kernel[1]; ++b) {
          const int64_t v = input_index(s, 1, p.at[1], b);
          for (int64_t c = 0; c < s.kernel[2]; ++c, ++tap) {
            const int64_t z = input_index(s, 2, p.at[2], c);
            if (u < 0 || v < 0 || z < 0) continue;
            const int64_t at = ((p.batch * s.in[0] + u) * s.in[1] + v) * s.in[2] + z;
            lines[used] = static_cast<const char*>(x) + at * channels * size;
            weights[used++] = by_tap.data() + tap * channels;
          }
        }
      }
      kernel(lines.data(), weights.data(), used, static_cast<char*>(y) + i * channels * size, channels);
    }
  });
}

}  // namespace

void convolve(const ConvProblem& s, const void* x, const void* weights, void* y) {
  if (s.positions() == 0 || s.out_channels == 0) return;
  std::vector<char> storage;
  const void* w = flipped(s, weights, storage);
  if (is_depthwise(s)) return depthwise(s, x, w, y);
  const int64_t size = size_of(s.type);
  const int64_t out = s.out_channels / s.groups;
  const int64_t k = s.taps() * (s.channels / s.groups);
  for (int64_t group = 0; group < s.groups; ++group) {
    for_patches(s, x, group, [&](const char* patches, int64_t row, int64_t first, int64_t count) {
      GemmArgs g;
      g.type = s.type;
      g.m = count;
      g.n = out;
      g.k = k;
      g.a = patches;
      g.a_row = row;
      g.a_col = 1;
      g.b = static_cast<const char*>(w) + group * out * k * size;
      g.b_row = 1;
      g.b_col = k;
      g.c = static_cast<char*>(y) + (first * s.out_channels + group * out) * size;
      g.c_row = s.out_channels;
      gemm(g);
    });
  }
}

void convolve_weight_gradient(const ConvProblem& s, const void* x, const void* cotangent, void* dw) {
  const int64_t size = size_of(s.type);
  const int64_t out = s.out_channels / s.groups;
  const int64_t k = s.taps() * (s.channels / s.groups);
  ConvProblem forward = s;
  for (int64_t group = 0; group < s.groups; ++group) {
    char* target = static_cast<char*>(dw) + group * out * k * size;
    std::memset(target, 0, out * k * size);
    if (s.positions() == 0) continue;
    for_patches(forward, x, group, [&](const char* patches, int64_t row, int64_t first, int64_t count) {
      GemmArgs g;
      g.type = s.type;
      g.m = out;
      g.n = k;
      g.k = count;
      g.a = static_cast<const char*>(cotangent) + (first * s.out_channels + group * out) * size;
      g.a_row = 1;
      g.a_col = s.out_channels;
      g.b = patches;
      g.b_row = row;
      g.b_col = 1;
      g.c = target;
      g.c_row = k;
      g.beta = 1.0;
      g.addend = target;
      g.d_row = k;
      g.d_col = 1;
      gemm(g);
    });
  }
  if (!s.flip) return;
  // The gradient by tap; the weights lie in reverse.
  std::vector<char> storage;
  const void* reversed = flipped(s, dw, storage);
  if (reversed != dw) std::memcpy(dw, reversed, storage.size());
}

}  // namespace mlx_rocm::cpu

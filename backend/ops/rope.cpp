#include "backend/ops/rope.h"

#include <cmath>

#include "backend/core/op.h"
#include "backend/cpu/row_loop.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

// Inputs: x, offset (int32 or uint32), then freqs (float32) when they replace the base.
class RoPE : public OpBase<RoPE> {
 public:
  static constexpr const char* kName = "rope";
  int dims = 0;
  bool traditional = false;
  float base = 1.0f;
  float scale = 1.0f;
  bool forward = true;  // false rotates back
  RoPE() = default;
  RoPE(int d, bool t, float b, float s, bool f) : dims(d), traditional(t), base(b), scale(s), forward(f) {}
  static auto fields(auto& self) {
    return std::tie(self.dims, self.traditional, self.base, self.scale, self.forward);
  }

  std::vector<Spec> infer(const Arrays& in) const override { return {in[0].spec()}; }

  void cpu(const Arrays& in, const Arrays& out) override {
    const array& x = in[0];
    if (x.dtype() == float64) {
      run_wide(in, out[0]);
      return;
    }
    cpu::allocate_rows(x, out[0]);
    run(in, out[0]);
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    Rows rows = gpu_rows(in[0]);
    gpu::donate_or_allocate(rows.x, out[0]);
    if (out[0].size() == 0) return;
    const array& x = rows.x;
    const int features = x.shape(-1), half = dims / 2;
    int vec = int(16 / x.itemsize());
    while (half % vec != 0 || (features - dims) % vec != 0 || !rows.aligned(vec)) vec /= 2;
    const uint64_t items = (uint64_t(half) + (features - dims)) / vec;
    const uint64_t threads = uint64_t(x.shape(0)) * rows.heads * x.shape(-2) * items;
    // A thread takes several heads where that leaves enough threads to fill the device.
    const int heads = rows.heads >= 4 && threads / 4 >= uint64_t(gpu::compute_units()) * 1024 ? 4 : 1;
    const uint64_t count = uint64_t(x.shape(0)) * ((rows.heads + heads - 1) / heads) * x.shape(-2) * items;
    const bool has_freqs = in.size() == 3;
    const auto& k = gpu::kernel("rope.hip", "rope",
                                {{"T", x.dtype()},
                                 {"VEC", vec},
                                 {"HEADS", heads},
                                 {"TRADITIONAL", int(traditional)},
                                 {"FREQS", int(has_freqs)},
                                 {"OFFSET", in[1].dtype()},
                                 {"INDEX", count < (1u << 31) ? "u32" : "u64"}});
    auto step_of = [](const array& a) { return a.size() == 1 ? int64_t(0) : a.strides()[0]; };
    gpu::launch(k, gpu::cover(int64_t(count), 256), 256, gpu::in(x), gpu::out(out[0]), gpu::in(in[1]), step_of(in[1]),
                gpu::in(has_freqs ? in[2] : array()), has_freqs ? step_of(in[2]) : int64_t(0), count,
                uint32_t(rows.heads), uint32_t(x.shape(-2)), uint32_t(features), uint32_t(half), rows.batch_stride,
                rows.head_stride, rows.time_stride, scale, std::log(base) / float(half), forward ? 1.0f : -1.0f);
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    if (argnums.size() != 1 || argnums[0] != 0) {
      value_error("[rope] There is no derivative by offset or frequencies.");
    }
    Arrays in = primals;
    in[0] = cotangents[0];
    return {apply(op<RoPE>(dims, traditional, base, scale, !forward), in)};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    if (argnums.size() != 1 || argnums[0] != 0) {
      value_error("[rope] There is no derivative by offset or frequencies.");
    }
    Arrays in = primals;
    in[0] = tangents[0];
    return {apply(Ref<Op>(this), in)};
  }

  // Joins the mapped axis with the batch axis, and gives every item of it an offset of its own.
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    if (inputs.size() == 3 && axes[2] >= 0) return each_alone(inputs, axes);
    const Arrays in = batch_all_to_front({inputs[0], inputs[1]}, {axes[0], axes[1]});
    const Shape& shape = in[0].shape();
    Shape joined(shape.begin() + 1, shape.end());
    joined[0] = shape[0] * shape[1];
    array offset = in[1];
    if (offset.ndim() == 1) offset = expand_dims(offset, {1});
    offset = flatten(broadcast_to(offset, {shape[0], shape[1]}));
    Arrays all = {reshape(in[0], joined), offset};
    if (inputs.size() == 3) all.push_back(inputs[2]);
    return {{reshape(apply(Ref<Op>(this), all), shape)}, {0}};
  }

 private:
  // x as [batch][head][time][features] with contiguous features.
  struct Rows {
    array x;
    int heads;
    int64_t batch_stride, head_stride, time_stride;

    // Whether vectors of `n` elements at multiples of n in each row are aligned; rows of the output too.
    bool aligned(int n) const {
      return (batch_stride | head_stride | time_stride | x.offset() / int64_t(x.itemsize())) % n == 0;
    }
  };

  static Rows gpu_rows(const array& x) {
    const int n = x.ndim();
    Shape shape(x.shape().begin() + 1, x.shape().end() - 2);
    Strides strides[] = {Strides(x.strides().begin() + 1, x.strides().end() - 2)};
    if (shape.empty()) {
      shape = {1};
      strides[0] = {0};
    }
    collapse(shape, strides);
    if (shape.size() > 1 || (x.shape(-1) > 1 && x.strides()[n - 1] != 1)) {
      return gpu_rows(gpu::contiguous(x));  // whose middle axes are one
    }
    return {x, shape[0], x.shape(0) > 1 ? x.strides()[0] : 0, shape[0] > 1 ? strides[0][0] : 0,
            x.shape(-2) > 1 ? x.strides()[n - 2] : 0};
  }

  // Mapped frequencies: the items have nothing in common.
  std::pair<Arrays, std::vector<int>> each_alone(const Arrays& inputs, const std::vector<int>& axes) {
    const Arrays in = batch_all_to_front(inputs, axes);
    Arrays results;
    for (int i = 0; i < in[0].shape(0); ++i) {
      Arrays item;
      for (const array& a : in) {
        Shape start(a.ndim(), 0), step(a.ndim(), 1), stop = a.shape();
        start[0] = i;
        stop[0] = i + 1;
        item.push_back(squeeze(slice(a, start, stop, step), {0}));
      }
      results.push_back(apply(Ref<Op>(this), item));
    }
    return {{stack(results, 0)}, {0}};
  }

  // cos and sin of position * frequency as [item][time][dims / 2]; one item when all share the offset.
  struct Angles {
    std::vector<float> cos;
    std::vector<float> sin;
  };

  Angles angles(const Arrays& in, int64_t items, int64_t times) const {
    const int64_t half = dims / 2;
    std::vector<float> rates(half);
    if (in.size() == 3) {
      const array freqs = cpu::contiguous(in[2]);
      for (int64_t i = 0; i < half; ++i) rates[i] = 1.0f / freqs.data<float>()[i];
    } else {
      const float step = std::log(base) / float(half);
      for (int64_t i = 0; i < half; ++i) rates[i] = std::exp(float(-i) * step);
    }
    const array offsets = cpu::contiguous(in[1]);
    const bool is_signed = in[1].dtype() == int32;
    Angles a{std::vector<float>(items * times * half), std::vector<float>(items * times * half)};
    const auto sincos = cpu::row_table().sincos;
    const float sign = forward ? 1.0f : -1.0f;
    cpu::parallel_for(
        items * times, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, half)),
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t item = i / times;
            const float offset =
                is_signed ? float(offsets.data<int32_t>()[item]) : float(offsets.data<uint32_t>()[item]);
            const float position = (float(i % times) + offset) * scale;
            sincos(rates.data(), position, sign, a.sin.data() + i * half, a.cos.data() + i * half, half);
          }
        });
    return a;
  }

  void run(const Arrays& in, const array& out) const {
    const array& x = in[0];
    if (x.size() == 0) return;
    const int64_t features = x.shape(-1);
    const int64_t times = x.shape(-2);
    const int64_t item_rows = num_elements(x.shape()) / (x.shape(0) * features);
    const int64_t items = in[1].size();
    const Angles a = angles(in, items, times);
    const int64_t half = dims / 2;
    const auto size = int64_t(x.itemsize());
    const cpu::RowKernels& kernels = cpu::row_kernels(x.dtype());
    cpu::for_rows(x, [&](const char* row, int64_t i) {
      char* y = out.bytes() + i * features * size;
      const int64_t item = items == 1 ? 0 : i / item_rows;
      const int64_t at = (item * times + i % times) * half;
      kernels.rope(row, y, a.cos.data() + at, a.sin.data() + at, half, traditional);
      if (y != row) std::memcpy(y + dims * size, row + dims * size, (features - dims) * size);
    });
  }

  void run_wide(const Arrays& in, const array& out) const {
    Arrays narrow = in;
    narrow[0] = cpu::contiguous(in[0], float32);
    const array y = array::uninitialised(out.shape(), float32);
    run(narrow, y);
    out.allocate();
    cpu::copy(y, out);
  }
};
REGISTER_OP(RoPE)

void check_rope(const array& x, int dims, const array& offset, const std::optional<array>& freqs) {
  if (x.ndim() < 3) {
    value_error("[rope] The input must have at least 3 dimensions but has ", x.ndim(), ".");
  }
  if (!is_floating(x.dtype()))
    value_error("[rope] The input must be floating but is ", x.dtype().name(), ".");
  if (offset.ndim() > 1) {
    value_error("[rope] offset must have at most one dimension but has shape ", offset.shape(), ".");
  }
  if (offset.size() != 1 && offset.size() != x.shape(0)) {
    value_error("[rope] offset must be a scalar or have ", x.shape(0), " elements but has shape ",
                offset.shape(), ".");
  }
  if (!is_integer(offset.dtype()))
    value_error("[rope] offset must be an integer but is ", offset.dtype().name(), ".");
  if (dims <= 0) value_error("[rope] dims must be positive but is ", dims, ".");
  if (dims % 2 != 0) value_error("[rope] dims must be even but is ", dims, ".");
  if (dims > x.shape(-1)) {
    value_error("[rope] dims must not exceed the last dimension of the input, ", x.shape(-1), ", but is ",
                dims, ".");
  }
  if (freqs && (freqs->ndim() != 1 || freqs->shape(0) != dims / 2)) {
    value_error("[rope] freqs must have shape (", dims / 2, ",) but has ", freqs->shape(), ".");
  }
}

}  // namespace

namespace fast {

array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const array& offset, const std::optional<array>& freqs, const StreamOrDevice& s) {
  if (freqs && base) value_error("[rope] Only one of base and freqs can be given.");
  if (!freqs && !base) value_error("[rope] Neither base nor freqs is given.");
  check_rope(x, dims, offset, freqs);
  const bool word = offset.dtype() == int32 || offset.dtype() == uint32;
  Arrays in = {x, word ? offset : astype(offset, int32, s)};
  if (freqs) in.push_back(astype(*freqs, float32, s));
  return apply(op<RoPE>(dims, traditional, base.value_or(1.0f), scale, true), in, s);
}

}  // namespace fast
}  // namespace mlx_rocm

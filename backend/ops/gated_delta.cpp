#include "backend/ops/gated_delta.h"

#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/gpu.h"
#include "backend/ops/fused.h"
#include "backend/ops/ops.h"
#include "kernels/gated_delta_args.h"

namespace mlx_rocm {
namespace {

constexpr const char* kTag = "gated_delta_update";

struct Sizes {
  int64_t batch, time, key_heads, heads, dk, dv;
  explicit Sizes(const Arrays& in)
      : batch(in[2].shape(0)), time(in[2].shape(1)), key_heads(in[0].shape(2)), heads(in[2].shape(2)),
        dk(in[0].shape(3)), dv(in[2].shape(3)) {}
};

// Row-contiguous float32 copies of the inputs; the mask is null where none was given.
struct Views {
  const float *q, *k, *v, *gamma, *beta;
  const bool* mask;
};

// All steps of rows [first, last) of one head's state. Rows of the state do not meet: each is a recurrence of its own.
void run_rows(const Sizes& n, const Views& x, int64_t b, int64_t h, int64_t first, int64_t last, float* state, float* y) {
  const int64_t key_head = h / (n.heads / n.key_heads);
  for (int64_t t = 0; t < n.time; ++t) {
    const int64_t step = b * n.time + t, at = step * n.heads + h;
    float* out = y + at * n.dv;
    if (x.mask != nullptr && !x.mask[step]) {
      for (int64_t i = first; i < last; ++i) out[i] = 0;
      continue;
    }
    const float* q = x.q + (step * n.key_heads + key_head) * n.dk;
    const float* k = x.k + (step * n.key_heads + key_head) * n.dk;
    for (int64_t i = first; i < last; ++i) {
      float* row = state + i * n.dk;
      float recalled = 0, result = 0;
      for (int64_t j = 0; j < n.dk; ++j) recalled += (row[j] *= x.gamma[at]) * k[j];
      const float change = (x.v[at * n.dv + i] - recalled) * x.beta[at];
      for (int64_t j = 0; j < n.dk; ++j) result += (row[j] += change * k[j]) * q[j];
      out[i] = result;
    }
  }
}

// Inputs: q, k, v, gamma, beta, state, and the mask where given.
class GatedDelta : public OpBase<GatedDelta, FusedOp> {
 public:
  static constexpr const char* kName = kTag;

  std::vector<Spec> infer(const Arrays& in) const override {
    return {{in[2].shape(), in[2].dtype()}, {in[5].shape(), float32}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    const Sizes n(in);
    Arrays copies;
    for (int i = 0; i < 5; ++i) copies.push_back(cpu::contiguous(in[i], float32));
    Views x{copies[0].data<float>(), copies[1].data<float>(), copies[2].data<float>(),
            copies[3].data<float>(), copies[4].data<float>(), nullptr};
    array mask;
    if (in.size() == 7) {
      mask = cpu::contiguous(in[6]);
      x.mask = mask.data<bool>();
    }
    out[0].allocate();
    out[1].allocate();
    const array start = cpu::contiguous(in[5]);
    float* state = out[1].data<float>();
    std::copy_n(start.data<float>(), start.size(), state);
    const bool direct = out[0].dtype() == float32;
    std::vector<float> wide(direct ? 0 : out[0].size());
    float* y = direct ? out[0].data<float>() : wide.data();
    constexpr int64_t kRows = 16;  // of the state, per piece of work
    const int64_t pieces = (n.dv + kRows - 1) / kRows;
    cpu::parallel_for(n.batch * n.heads * pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t head = i / pieces, first = i % pieces * kRows;
        run_rows(n, x, head / n.heads, head % n.heads, first, std::min(first + kRows, n.dv),
                 state + head * n.dv * n.dk, y);
      }
    });
    if (!direct) {
      visit(out[0].dtype(), [&]<class T>(TypeTag<T>) {
        if constexpr (std::is_constructible_v<T, float>) {
          std::transform(wide.begin(), wide.end(), out[0].data<T>(), [](float v) { return T(v); });
        }
      });
    }
  }

  void gpu(const Arrays& in, const Arrays& out) override {
    const Sizes n(in);
    gpu::allocate(out[0]);
    const array state = gpu::contiguous(in[5]);
    gpu::donate_or_allocate(state, out[1]);
    if (state.size() == 0) {
      if (out[0].size() > 0) gpu::fill_bytes(out[0], 0);
      return;
    }
    auto rows = [](const array& a) { return a.shape(3) == 1 || a.strides()[3] == 1 ? a : gpu::contiguous(a); };
    const array q = rows(in[0]), k = rows(in[1]), v = rows(in[2]);
    const array mask = in.size() == 7 ? in[6] : array();
    const GatedDeltaArgs args = gpu_args(n, {q, k, v, in[3], in[4]}, mask);
    const bool whole = n.dk % 4 == 0 && aligned(q, 4) && aligned(k, 4) && aligned(state, 4);
    const int vec = whole ? 4 : 1;
    int lanes = 1;
    while (lanes < 32 && n.dk > lanes * 16) lanes *= 2;
    // Several rows a lane where that leaves enough threads to hide latencies.
    const int64_t threads = n.batch * n.heads * n.dv * lanes, enough = int64_t(gpu::compute_units()) * 256;
    const int most = n.dk > 512 ? 1 : 4;
    int rows_each = 1;
    while (rows_each < most && threads / (2 * rows_each) >= enough) rows_each *= 2;
    const int steps = n.time == 1 || n.dk > 512 ? 1 : q.itemsize() == 4 || k.itemsize() == 4 ? 2 : 4;
    const auto& kernel = gpu::kernel("gated_delta.hip", "gated_delta",
                                     {{"QT", q.dtype()},
                                      {"KT", k.dtype()},
                                      {"VT", v.dtype()},
                                      {"GAMMA_T", in[3].dtype()},
                                      {"BETA_T", in[4].dtype()},
                                      {"KEYS", n.dk},
                                      {"VEC", vec},
                                      {"LANES", lanes},
                                      {"ROWS", rows_each},
                                      {"STEPS", steps},
                                      {"MASK", int(!mask.is_null())}});
    const int64_t block = 256 / lanes * rows_each;
    gpu::launch(kernel, n.batch * n.heads * ((n.dv + block - 1) / block), 256, gpu::in(q), gpu::in(k), gpu::in(v),
                gpu::in(in[3]), gpu::in(in[4]), gpu::in(mask), gpu::in(state), gpu::out(out[0]), gpu::out(out[1]), args);
  }

  Arrays compose(const Arrays& in) const override {
    const Sizes n(in);
    const int repeats = n.heads / n.key_heads;
    auto step = [](const array& a, int t) { return take(a, array::scalar(t), 1); };
    auto spread = [&](const array& a) { return repeats == 1 ? a : repeat(a, repeats, 1); };
    array state = in[5];
    Arrays steps;
    for (int t = 0; t < n.time; ++t) {
      const array q = expand_dims(spread(astype(step(in[0], t), float32)), {-1});
      const array k = expand_dims(spread(astype(step(in[1], t), float32)), {-1});
      const array decayed = state * expand_dims(astype(step(in[3], t), float32), {-1, -2});
      const array recalled = squeeze(matmul(decayed, k), {-1});
      const array change =
          (astype(step(in[2], t), float32) - recalled) * expand_dims(astype(step(in[4], t), float32), {-1});
      array next = decayed + expand_dims(change, {-1}) * swapaxes(k, -1, -2);
      array y = squeeze(matmul(next, q), {-1});
      if (in.size() == 7) {
        const array used = step(in[6], t);
        next = where(expand_dims(used, {1, 2, 3}), next, state);
        y = where(expand_dims(used, {1, 2}), y, zeros_like(y));
      }
      state = next;
      steps.push_back(y);
    }
    return {astype(stack(steps, 1), in[2].dtype()), state};
  }
 private:
  // Whether loads of `vec` elements at multiples of it are aligned in every row.
  static bool aligned(const array& a, int vec) {
    const Strides& s = a.strides();
    return (s[0] | s[1] | s[2] | a.offset() / int64_t(a.itemsize())) % vec == 0;
  }

  static GatedDeltaArgs gpu_args(const Sizes& n, const Arrays& in, const array& mask) {
    GatedDeltaArgs a{};
    auto set = [](const array& x, long long& batch, long long& time, long long& head) {
      batch = x.strides()[0];
      time = x.strides()[1];
      head = x.strides()[2];
    };
    set(in[0], a.q_batch, a.q_time, a.q_head);
    set(in[1], a.k_batch, a.k_time, a.k_head);
    set(in[2], a.v_batch, a.v_time, a.v_head);
    set(in[3], a.gamma_batch, a.gamma_time, a.gamma_head);
    set(in[4], a.beta_batch, a.beta_time, a.beta_head);
    if (!mask.is_null()) {
      a.mask_batch = mask.strides()[0];
      a.mask_time = mask.strides()[1];
    }
    a.time = int(n.time);
    a.heads = int(n.heads);
    a.key_heads = int(n.key_heads);
    a.values = int(n.dv);
    return a;
  }
};
REGISTER_OP(GatedDelta)

void check(const Arrays& in) {
  for (int i = 0; i < 5; ++i) {
    const int rank = i < 3 ? 4 : 3;
    if (in[i].ndim() != rank) {
      value_error("[", kTag, "] Input ", i, " must have ", rank, " dimensions but has shape ", in[i].shape(), ".");
    }
    if (!is_floating(in[i].dtype())) value_error("[", kTag, "] Received unsupported type ", in[i].dtype().name(), ".");
  }
  const Sizes n(in);
  const Shape keys{int(n.batch), int(n.time), int(n.key_heads), int(n.dk)};
  const Shape gates{int(n.batch), int(n.time), int(n.heads)};
  if (in[0].shape() != keys || in[1].shape() != keys || in[3].shape() != gates || in[4].shape() != gates) {
    value_error("[", kTag, "] Shapes do not fit: q ", in[0].shape(), ", k ", in[1].shape(), ", v ", in[2].shape(),
                ", gamma ", in[3].shape(), ", beta ", in[4].shape(), ".");
  }
  if (n.key_heads == 0 || n.heads % n.key_heads != 0) {
    value_error("[", kTag, "] The value heads must be a multiple of the key heads but there are ", n.heads, " and ",
                n.key_heads, ".");
  }
}

}  // namespace

namespace fast {

Arrays gated_delta_update(const array& q, const array& k, const array& v, const array& gamma, const array& beta,
                          const std::optional<array>& state, const std::optional<array>& mask,
                          const StreamOrDevice& s) {
  Arrays in{q, k, v, gamma, beta};
  check(in);
  const Sizes n(in);
  const Shape shape{int(n.batch), int(n.heads), int(n.dv), int(n.dk)};
  if (state && state->shape() != shape) {
    value_error("[", kTag, "] The state must have shape ", shape, " but has ", state->shape(), ".");
  }
  in.push_back(state ? astype(*state, float32, s) : zeros(shape, float32, s));
  if (mask) {
    if (mask->shape() != Shape{int(n.batch), int(n.time)}) {
      value_error("[", kTag, "] The mask must have shape ", Shape{int(n.batch), int(n.time)}, " but has ",
                  mask->shape(), ".");
    }
    in.push_back(astype(*mask, bool_, s));
  }
  return apply_multi(op<GatedDelta>(), in, s);
}

}  // namespace fast
}  // namespace mlx_rocm

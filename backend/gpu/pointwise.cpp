#include "backend/gpu/pointwise.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "backend/core/elementwise_layout.h"
#include "backend/core/error.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/residency.h"

namespace mlx_rocm::gpu {
namespace {

constexpr uint32_t kThreads = 256;

constexpr const char* kFunctors[cpu::num_elementwise] = {
#define UNARY(name, functor, ...) #functor,
#define BINARY(name, functor, ...) #functor,
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
    "Select",
};

void give_memory(const Arrays& in, const Arrays& out, const CommonLayout& layout) {
  // A scalar that only the host has travels by value; its buffer would have to be uploaded.
  const auto usable = [](const array& a) { return a.size() != 1 || a.buffer()->device(); };
  SmallVector<int, 8> taken;
  for (const array& o : out) {
    if (o.is_evaluated()) continue;
    if (const int donor = find_donor(in, o, layout, taken, usable); donor >= 0) {
      o.share(in[donor]);
    } else if (layout.strides) {
      allocate(o, *layout.strides);
    } else {
      allocate(o);
    }
  }
}

// A view that repeats one element everywhere.
bool repeats_one(const array& a) {
  return a.size() > 1 && std::all_of(a.strides().begin(), a.strides().end(), [](int64_t s) { return s == 0; });
}
array one_of(const array& a) {
  array one(make_ref<Node>(Shape{}, a.dtype()));
  one.set_memory(a.buffer(), {}, a.offset());
  return one;
}

// How many axes a launch over these operands would walk one by one.
size_t separate_axes(const Arrays& in, const Arrays& out) {
  if (out[0].ndim() <= LAYOUT_MAX_DIMS) return size_t(out[0].ndim());
  Shape shape = out[0].shape();
  std::vector<Strides> strides;
  for (const array& a : in) {
    if (a.size() > 1) strides.push_back(broadcast_strides(a.shape(), a.strides(), out[0].shape()));
  }
  for (const array& o : out) strides.push_back(o.is_evaluated() ? o.strides() : row_major_strides(o.shape()));
  collapse(shape, strides);
  return shape.size();
}
// The view broadcast to `shape` in memory of its own.
array whole(const array& a, const Shape& shape) {
  array broad(make_ref<Node>(shape, a.dtype()));
  broad.set_memory(a.buffer(), broadcast_strides(a.shape(), a.strides(), shape), a.offset());
  return contiguous(broad);
}

bool aligned(const array& a, size_t vec) {
  return a.offset() % int64_t(std::min<size_t>(16, vec * a.itemsize())) == 0;
}

}  // namespace

std::string functor(int id) { return std::string(kFunctors[id]) + "()"; }

Pointwise::Pointwise(std::vector<Dtype> inputs, std::vector<Dtype> outputs, std::string body)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)), body_(std::move(body)) {}

// One launch: the kinds of the operands are chosen, then the kernel, then its arguments.
class PointwiseLaunch {
 public:
  PointwiseLaunch(const Pointwise& p, const Arrays& in, const Arrays& out) : p_(p), in_(in), out_(out) {}

  void run(bool flat) {
    choose_vector();
    flat ? make_flat() : make_strided();
    const Kernel& k = p_.kernel(form_, current().device().index);
    collect_arguments();
    detail::launch(k, cover(std::max<int64_t>(threads_, 1), kThreads), kThreads, 0, arguments_.data(), arguments_.size());
  }

 private:
  size_t operands() const { return in_.size() + out_.size(); }
  const array& operand(size_t i) const { return i < in_.size() ? in_[i] : out_[i - in_.size()]; }

  void choose_vector() {
    size_t smallest = 16, largest = 1;
    for (size_t i = 0; i < operands(); ++i) {
      const array& a = operand(i);
      if (i < in_.size() && a.size() == 1) continue;
      smallest = std::min(smallest, a.itemsize());
      largest = std::max(largest, a.itemsize());
    }
    vec_ = std::max<size_t>(1, std::min(16 / smallest, 32 / largest));
    form_.kinds.assign(operands(), kVector);
    for (size_t i = 0; i < in_.size(); ++i) {
      if (in_[i].size() == 1) form_.kinds[i] = on_host(in_[i]) ? kValue : kUniform;
    }
  }

  // Everything lies in the same order: one index serves all.
  void make_flat() {
    const int64_t n = out_[0].size();
    for (size_t i = 0; i < operands(); ++i) {
      if (form_.kinds[i] == kVector && !aligned(operand(i), vec_)) vec_ = 1;
    }
    count_ = uint64_t(n);
    form_.wide = n > INT32_MAX;
    threads_ = (n + int64_t(vec_) - 1) / int64_t(vec_);
    form_.vec = int(vec_);
  }

  void make_strided() {
    Shape shape = out_[0].shape();
    std::vector<Strides> strides;
    for (size_t i = 0; i < operands(); ++i) {
      if (form_.kinds[i] != kVector) continue;
      const array& a = operand(i);
      strides.push_back(broadcast_strides(a.shape(), a.strides(), out_[0].shape()));
      index_.push_back(i);
    }
    collapse(shape, strides);
    if (shape.size() > size_t(LAYOUT_MAX_DIMS)) runtime_error("[gpu] An elementwise operation over ", shape.size(), " separate axes.");
    const int last = int(shape.size()) - 1;
    bool vectors = shape[last] % int64_t(vec_) == 0;
    for (size_t k = 0; k < index_.size() && vectors; ++k) {
      if (strides[k][last] != 1) continue;
      vectors = aligned(operand(index_[k]), vec_);
      for (int i = 0; i < last; ++i) vectors = vectors && strides[k][i] % int64_t(vec_) == 0;
    }
    if (!vectors) vec_ = 1;
    Arrays views;
    for (size_t k = 0; k < index_.size(); ++k) {
      const int64_t step = strides[k][last];
      form_.kinds[index_[k]] = step == 0 ? kRepeat : step == 1 || vec_ == 1 ? kVector : kApart;
      inner_.push_back(step);
      views.push_back(operand(index_[k]));
    }
    form_.wide = !fits_u32(views) || out_[0].size() > INT32_MAX;
    fill_layout(shape, strides, last);
    threads_ = out_[0].size() / int64_t(vec_);
    count_ = uint64_t(threads_);
    form_.flat = false;
    form_.vec = int(vec_);
  }

  // The bytes of a Layout<index_.size()>.
  void fill_layout(const Shape& shape, const std::vector<Strides>& strides, int last) {
    Layout<1> head{};
    head.ndim = last + 1;
    for (int i = 0; i < LAYOUT_MAX_DIMS; ++i) head.shape[i] = i <= last ? shape[i] : 1;
    head.shape[last] /= int(vec_);
    layout_.resize(offsetof(Layout<1>, strides) + index_.size() * sizeof(head.strides[0]));
    std::memcpy(layout_.data(), &head, offsetof(Layout<1>, strides));
    auto* to = reinterpret_cast<long long*>(layout_.data() + offsetof(Layout<1>, strides));
    for (const Strides& s : strides) {
      for (int i = 0; i < LAYOUT_MAX_DIMS; ++i) *to++ = i > last ? 0 : i == last ? s[i] * int64_t(vec_) : s[i];
    }
  }

  void collect_arguments() {
    values_.resize(in_.size());
    for (size_t i = 0; i < operands(); ++i) {
      if (form_.kinds[i] == kValue) {
        std::memcpy(&values_[i], in_[i].bytes(), in_[i].itemsize());
        arguments_.push_back({&values_[i], nullptr, false});
      } else {
        arguments_.push_back({nullptr, &operand(i), i >= in_.size()});
      }
    }
    count32_ = uint32_t(count_);
    if (form_.wide) {
      arguments_.push_back({&count_, nullptr, false});
    } else {
      arguments_.push_back({&count32_, nullptr, false});
    }
    if (form_.flat) return;
    arguments_.push_back({layout_.data(), nullptr, false});
    for (size_t k = 0; k < index_.size(); ++k) {
      if (form_.kinds[index_[k]] == kApart) arguments_.push_back({&inner_[k], nullptr, false});
    }
  }

  const Pointwise& p_;
  const Arrays &in_, &out_;
  size_t vec_ = 1;
  PointwiseForm form_;
  uint64_t count_ = 0;  // elements of a flat launch, vectors of a strided one
  uint32_t count32_ = 0;
  int64_t threads_ = 0;
  SmallVector<size_t, 8> index_;   // operands in memory, in the order of the layout
  SmallVector<int64_t, 8> inner_;  // their strides along the last axis
  SmallVector<uint64_t, 8> values_;
  std::vector<char> layout_;
  SmallVector<detail::Argument, 16> arguments_;
};

void Pointwise::operator()(const Arrays& inputs, const Arrays& out) const {
  Arrays replaced;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!repeats_one(inputs[i])) continue;
    if (replaced.empty()) replaced = inputs;
    replaced[i] = one_of(inputs[i]);
  }
  if (separate_axes(replaced.empty() ? inputs : replaced, out) > size_t(LAYOUT_MAX_DIMS)) {
    if (replaced.empty()) replaced = inputs;
    for (array& a : replaced) {
      if (a.size() > 1) a = whole(a, out[0].shape());
    }
  }
  const Arrays& in = replaced.empty() ? inputs : replaced;
  const CommonLayout layout = common_layout(in, out[0].shape());
  give_memory(in, out, layout);
  if (out[0].size() == 0) return;
  bool flat = layout.found;
  for (const array& o : out) {
    const bool rows = !layout.strides || is_row_contiguous(o.shape(), *layout.strides);
    flat = flat && (rows ? o.row_contiguous() : o.strides() == *layout.strides);
  }
  PointwiseLaunch(*this, in, out).run(flat);
}

const Kernel& Pointwise::kernel(const PointwiseForm& form, int device) const {
  for (const Variant& v : variants_) {
    const PointwiseForm& f = v.form;
    if (v.device == device && f.flat == form.flat && f.wide == form.wide && f.vec == form.vec && f.kinds == form.kinds) {
      return *v.kernel;
    }
  }
  const std::string text = pointwise_text(inputs_, outputs_, body_, form);
  const Kernel& k = gpu::kernel("pointwise.hip", "pointwise", {{"GENERATED", 1}}, text);
  variants_.push_back({form, device, &k});
  return k;
}

const Pointwise& pointwise_op(int id, Dtype in, Dtype out) {
  // Under the evaluation lock, as all of gpu().
  // Never destroyed: another thread may be evaluating while the process ends.
  using Table = std::array<std::array<std::unique_ptr<Pointwise>, Dtype::count>, cpu::num_elementwise>;
  static Table& made = *new Table;
  auto& slot = made[id][in.val];
  if (!slot) {
    const bool unary = id != cpu::id_select && cpu::elementwise_arity(id) == 1;
    std::vector<Dtype> inputs = unary ? std::vector<Dtype>{in} : std::vector<Dtype>{in, in};
    std::string arguments = unary ? "(x0)" : "(x0, x1)";
    if (id == cpu::id_select) {
      inputs = {bool_, in, in};
      arguments = "(x0, x1, x2)";
    }
    slot = std::make_unique<Pointwise>(inputs, std::vector<Dtype>{out}, "  y0 = " + functor(id) + arguments + ";\n");
  }
  return *slot;
}

}  // namespace mlx_rocm::gpu

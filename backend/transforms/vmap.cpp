#include "backend/transforms/vmap.h"

#include "backend/core/error.h"
#include "backend/ops/ops.h"
#include "backend/transforms/trace.h"

namespace mlx_rocm {
namespace {

int mapped_length(const Arrays& inputs, const std::vector<int>& in_axes) {
  if (in_axes.size() != inputs.size()) {
    value_error("[vmap] The number of in axes (", in_axes.size(), ") must match the number of inputs (",
                inputs.size(), ").");
  }
  int length = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (in_axes[i] < 0) continue;
    if (inputs[i].ndim() == 0) value_error("[vmap] Cannot vmap an input with zero dimensions.");
    if (in_axes[i] >= inputs[i].ndim()) {
      value_error("[vmap] Axis ", in_axes[i], " invalid for input with ", inputs[i].ndim(), " dimensions.");
    }
    int n = inputs[i].shape(in_axes[i]);
    if (length >= 0 && n != length) value_error("[vmap] Inconsistent axis sizes: ", n, " and ", length, ".");
    length = n;
  }
  if (length < 0) value_error("[vmap] At least one of in_axes must be non-None.");
  return length;
}

// Stands for one slice of an input while the function is traced.
array placeholder(const array& a, int axis) {
  Shape shape = a.shape();
  shape.erase(shape.begin() + axis);
  array p(make_ref<Node>(std::move(shape), a.dtype()));
  p.set_tracer(true);
  return p;
}

struct Batched {
  array value;
  int axis = -1;
};

array place_axis(const array& slice, const Batched& b, int length, int out_axis) {
  int rank = slice.ndim() + 1;
  if (out_axis >= rank) {
    value_error("[vmap] Axis ", out_axis, " invalid for output with ", rank, " dimensions.");
  }
  if (b.axis < 0) {
    if (out_axis < 0) return slice;
    Shape shape = slice.shape();
    shape.insert(shape.begin() + out_axis, length);
    return broadcast_to(expand_dims(slice, {out_axis}), shape);
  }
  if (out_axis < 0) {
    value_error("[vmap] An output depends on a mapped input, so its out axis cannot be None.");
  }
  return b.axis == out_axis ? b.value : moveaxis(b.value, b.axis, out_axis);
}

}  // namespace

Arrays vmap(const Function& f, const Arrays& inputs, const std::vector<int>& in_axes, const OutAxes& out_axes) {
  const int length = mapped_length(inputs, in_axes);
  Arrays slices = inputs, sources;
  std::vector<Batched> at;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (in_axes[i] < 0) continue;
    slices[i] = placeholder(inputs[i], in_axes[i]);
    sources.push_back(slices[i]);
    at.push_back({inputs[i], in_axes[i]});
  }
  Arrays outputs;
  {
    TraceScope scope(Tracing::vmap);
    outputs = f(slices);
  }
  for (const array& s : sources) s.set_tracer(false);
  Tape tape = record(sources, outputs, Walk::all);
  std::vector<int> axes = out_axes(outputs);
  if (axes.size() != outputs.size()) {
    value_error("[vmap] The number of out axes (", axes.size(), ") must match the number of outputs (",
                outputs.size(), ").");
  }

  at.resize(tape.slots);
  for (const Tape::Entry& e : tape.entries) {
    StreamScope stream(e.call->stream);
    Arrays in = e.call->inputs;
    std::vector<int> batch(in.size(), -1);
    bool mapped = false;
    for (size_t i = 0; i < e.argnums.size(); ++i) {
      const Batched& b = at[e.slots[i]];
      in[e.argnums[i]] = b.value;
      batch[e.argnums[i]] = b.axis;
      mapped = mapped || b.axis >= 0;
    }
    if (!mapped) {
      Arrays out = apply_multi(e.call->op, in);
      for (size_t k = 0; k < out.size(); ++k) at[e.first_slot + k] = {out[k], -1};
      continue;
    }
    auto [out, batched] = e.call->op->vmap(in, batch);
    for (size_t k = 0; k < out.size(); ++k) at[e.first_slot + k] = {out[k], batched[k]};
  }

  Arrays result;
  for (size_t i = 0; i < outputs.size(); ++i) {
    int slot = tape.slot(outputs[i]);
    Batched b = slot < 0 ? Batched{outputs[i], -1} : at[slot];
    const array& one = slot < 0 || b.axis >= 0 ? outputs[i] : b.value;
    result.push_back(place_axis(one, b, length, axes[i]));
  }
  return result;
}

}  // namespace mlx_rocm

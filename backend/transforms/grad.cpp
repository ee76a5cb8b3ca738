#include "backend/transforms/grad.h"

#include <numeric>

#include "backend/core/error.h"
#include "backend/core/op.h"
#include "backend/ops/ops.h"
#include "backend/transforms/trace.h"

namespace mlx_rocm {
namespace {

Stream stream_of(const array& a) { return a.has_call() ? a.stream() : default_stream(default_device()); }

array traced_copy(const array& a) {
  array t = copy(a, stream_of(a));
  t.set_tracer(true);
  return t;
}

struct Traced {
  Arrays sources;  // the traced stand-ins of primals[argnums]
  Arrays outputs;
  Tape tape;
};

Traced trace(const Function& f, const Arrays& primals, const std::vector<int>& argnums) {
  Traced t;
  Arrays inputs = primals;
  for (int arg : argnums) {
    inputs[arg] = traced_copy(primals[arg]);
    t.sources.push_back(inputs[arg]);
  }
  {
    OpenSources open(t.sources);
    t.outputs = f(inputs);
  }
  // An enclosing transform may trace the primals themselves.
  for (size_t i = 0; i < argnums.size(); ++i) t.sources[i].set_tracer(primals[argnums[i]].node()->tracer);
  t.tape = record(t.sources, t.outputs, Walk::differentiable);
  return t;
}

bool stopped(const array& a) { return a.has_call() && a.op().blocks_gradient(); }

// Pulls the cotangents back through the tape; null where nothing arrives.
void pull(const Tape& tape, Arrays& cotangents) {
  for (auto it = tape.entries.rbegin(); it != tape.entries.rend(); ++it) {
    bool reached = false;
    for (size_t k = 0; k < it->outputs.size(); ++k) reached |= !cotangents[it->first_slot + k].is_null();
    if (!reached) continue;
    StreamScope scope(it->call->stream);
    Arrays from;
    for (size_t k = 0; k < it->outputs.size(); ++k) {
      array c = std::move(cotangents[it->first_slot + k]);
      from.push_back(c.is_null() ? zeros_like(it->outputs[k]) : std::move(c));
    }
    Arrays to = it->call->op->vjp(it->call->inputs, from, it->argnums, it->outputs);
    for (size_t i = 0; i < it->slots.size(); ++i) {
      array& sum = cotangents[it->slots[i]];
      sum = sum.is_null() ? to[i] : add(sum, to[i]);
    }
  }
}

Arrays source_gradients(const Traced& t, const Arrays& cotangents) {
  Arrays grads;
  for (const array& s : t.sources) {
    const array& g = cotangents[t.tape.slot(s)];
    grads.push_back(g.is_null() ? zeros_like(s, stream_of(s)) : g);
  }
  return grads;
}

void seed(const Traced& t, const array& output, const array& cotangent, Arrays& cotangents) {
  int slot = t.tape.slot(output);
  if (slot < 0) return;
  StreamScope scope(stream_of(output));
  array c = astype(cotangent, output.dtype());
  cotangents[slot] = cotangents[slot].is_null() ? c : add(cotangents[slot], c);
}

}  // namespace

std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& primals, const Arrays& cotangents,
                              const std::vector<int>& argnums) {
  TraceScope scope(Tracing::grad);
  Traced t = trace(f, primals, argnums);
  Arrays at(t.tape.slots);
  size_t next = 0;
  for (const array& out : t.outputs) {
    if (stopped(out)) continue;
    if (next == cotangents.size()) {
      value_error("[vjp] Number of outputs to compute gradients for (", t.outputs.size(),
                  ") does not match number of cotangents (", cotangents.size(), ").");
    }
    const array& c = cotangents[next++];
    if (!(out.shape() == c.shape())) {
      value_error("[vjp] Output shape ", out.shape(), " does not match cotangent shape ", c.shape(), ".");
    }
    seed(t, out, c, at);
  }
  pull(t.tape, at);
  return {t.outputs, source_gradients(t, at)};
}

std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& primals, const Arrays& cotangents) {
  std::vector<int> all(primals.size());
  std::iota(all.begin(), all.end(), 0);
  return vjp(f, primals, cotangents, all);
}

std::pair<Arrays, Arrays> value_and_grad(const Function& f, const Arrays& inputs, const std::vector<int>& argnums) {
  TraceScope scope(Tracing::grad);
  Traced t = trace(f, inputs, argnums);
  if (t.outputs.empty()) value_error("[grad] The function must return an array.");
  const array& loss = t.outputs[0];
  if (loss.ndim() != 0) {
    value_error("[grad] The function must return a scalar to be differentiated, but it returned an array of shape ",
                loss.shape(), ".");
  }
  Arrays at(t.tape.slots);
  seed(t, loss, array::scalar(1.0f), at);
  pull(t.tape, at);
  return {t.outputs, source_gradients(t, at)};
}

std::pair<Arrays, Arrays> jvp(const Function& f, const Arrays& primals, const Arrays& tangents) {
  if (primals.size() != tangents.size()) {
    value_error("[jvp] Number of inputs (", primals.size(), ") does not match number of tangents (", tangents.size(),
                ").");
  }
  for (size_t i = 0; i < primals.size(); ++i) {
    if (!(primals[i].shape() == tangents[i].shape())) {
      value_error("[jvp] Input shape ", primals[i].shape(), " does not match shape of tangent ", tangents[i].shape(),
                  ".");
    }
  }
  TraceScope scope(Tracing::grad);
  std::vector<int> all(primals.size());
  std::iota(all.begin(), all.end(), 0);
  Traced t = trace(f, primals, all);

  Arrays at(t.tape.slots);
  for (size_t i = 0; i < tangents.size(); ++i) at[i] = tangents[i];
  for (const Tape::Entry& e : t.tape.entries) {
    StreamScope stream(e.call->stream);
    Arrays in;
    for (int slot : e.slots) in.push_back(at[slot]);
    Arrays out = e.call->op->jvp(e.call->inputs, in, e.argnums);
    for (size_t k = 0; k < e.outputs.size(); ++k) {
      at[e.first_slot + k] = k < out.size() ? out[k] : zeros_like(e.outputs[k]);
    }
  }
  Arrays result;
  for (const array& out : t.outputs) {
    int slot = t.tape.slot(out);
    result.push_back(slot < 0 ? zeros_like(out, stream_of(out)) : at[slot]);
  }
  return {t.outputs, result};
}

}  // namespace mlx_rocm

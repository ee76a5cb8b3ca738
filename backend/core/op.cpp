#include "backend/core/op.h"

namespace mlx_rocm {
namespace {

thread_local const Stream* current_scope = nullptr;
thread_local int traces[3] = {0, 0, 0};
thread_local int shapeless_traces = 0;
thread_local uint32_t trace_id = 0;

[[noreturn]] void missing(const Op& op, const char* what) {
  throw NotImplemented(concat_text("[", op.name(), "] has no ", what, "."));
}

bool any_tracer(const Arrays& inputs) {
  for (const array& a : inputs) {
    if (a.node()->tracer) return true;
  }
  return false;
}

}  // namespace

void Op::gpu(const Arrays& in, const Arrays& out) {
  if (!is_view()) missing(*this, "GPU kernel");
  cpu(in, out);
}
Arrays Op::vjp(const Arrays&, const Arrays&, const std::vector<int>&, const Arrays&) {
  missing(*this, "gradient (vjp)");
}
Arrays Op::jvp(const Arrays&, const Arrays&, const std::vector<int>&) { missing(*this, "forward derivative (jvp)"); }
std::pair<Arrays, std::vector<int>> Op::vmap(const Arrays&, const std::vector<int>&) {
  missing(*this, "batching rule (vmap)");
}

std::map<std::string, OpLoader>& op_registry() {
  static auto* r = new std::map<std::string, OpLoader>;
  return *r;
}

static Stream stream_for(const StreamOrDevice& s) {
  if (std::holds_alternative<std::monostate>(s) && current_scope) return *current_scope;
  return to_stream(s);
}

// GPUs of the kinds we serve have no double worth the name, as in MLX.
static void refuse_double(const Op& op, const Arrays& inputs, const std::vector<Spec>& outputs, Stream s) {
  if (s.device.type != Device::gpu) return;
  bool found = false;
  for (const array& a : inputs) found = found || a.dtype() == float64;
  for (const Spec& o : outputs) found = found || o.dtype == float64;
  if (found) value_error("[", op.name(), "] float64 is not supported on the GPU. Use a CPU stream (stream=mx.cpu) or float32.");
}

array apply(Ref<Op> op, Arrays inputs, const StreamOrDevice& s) {
  auto specs = op->infer(inputs);
  bool tracer = any_tracer(inputs);
  const Stream stream = stream_for(s);
  refuse_double(*op, inputs, specs, stream);
  array out(make_ref<Node>(std::move(specs[0].shape), specs[0].dtype));
  auto call = make_ref<Call>(std::move(op), std::move(inputs), stream);
  call->outputs.push_back(out.node());
  out.node()->tracer = tracer;
  out.node()->trace = trace_id;
  out.node()->call = std::move(call);
  return out;
}

Arrays apply_multi(Ref<Op> op, Arrays inputs, const StreamOrDevice& s) {
  auto specs = op->infer(inputs);
  return apply_as(std::move(op), std::move(inputs), stream_for(s), std::move(specs));
}

Arrays apply_as(Ref<Op> op, Arrays inputs, Stream s, std::vector<Spec> specs) {
  bool tracer = any_tracer(inputs);
  refuse_double(*op, inputs, specs, s);
  auto call = make_ref<Call>(std::move(op), std::move(inputs), s);
  Arrays outs;
  outs.reserve(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    array out(make_ref<Node>(specs[i].shape, specs[i].dtype));
    out.node()->output_index = uint32_t(i);
    out.node()->tracer = tracer;
    out.node()->trace = trace_id;
    out.node()->call = call;
    call->outputs.push_back(out.node());
    outs.push_back(std::move(out));
  }
  if (specs.size() > 1) call->specs = std::move(specs);
  return outs;
}

StreamScope::StreamScope(Stream s) : previous_(current_scope), stream_(s) { current_scope = &stream_; }
StreamScope::~StreamScope() { current_scope = previous_; }
const Stream* scoped_stream() { return current_scope; }

TraceScope::TraceScope(Tracing kind, bool shapeless) : kind_(kind), shapeless_(shapeless), enclosing_(trace_id) {
  static std::atomic<uint32_t> count{0};
  ++traces[int(kind)];
  shapeless_traces += shapeless;
  if (kind == Tracing::compile) trace_id = ++count;
}
TraceScope::~TraceScope() {
  --traces[int(kind_)];
  shapeless_traces -= shapeless_;
  trace_id = enclosing_;
}
uint32_t current_trace() { return trace_id; }
bool in_tracing() { return traces[0] + traces[1] + traces[2] > 0; }
bool in_opaque_tracing() { return traces[int(Tracing::vmap)] + traces[int(Tracing::compile)] > 0; }
bool in_shapeless_tracing() { return shapeless_traces > 0; }

}  // namespace mlx_rocm

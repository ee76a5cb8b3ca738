#include "backend/transforms/eval.h"

#include <exception>
#include <mutex>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/op.h"
#include "backend/gpu/evaluation.h"

namespace mlx_rocm {
namespace {

// One evaluation at a time: ops of a graph that two threads share must run once, and the CPU ops use every core
// anyway. Callers from Python have released the GIL.
std::mutex& eval_mutex() {
  static auto* m = new std::mutex;
  return *m;
}

thread_local std::exception_ptr async_error;

// A call that is to run. Its output nodes stay alive without a reference from here, because a consumer later on
// the tape or the caller holds them; holding one more would forbid donation.
struct Step {
  Call* call;
  Node* node;
};

// Calls in an order in which every producer comes first.
std::vector<Step> order(const Arrays& outputs) {
  static uint64_t stamp = 0;  // under eval_mutex
  ++stamp;
  struct Frame {
    Node* node;
    size_t next;
  };
  std::vector<Step> tape;
  std::vector<Frame> stack;
  auto enter = [&](const array& a) {
    Node* n = a.node();
    if (n->evaluated) return;
    if (!n->call) value_error("[eval] Attempting to eval an array without a primitive.");
    if (n->call->mark == stamp) return;
    n->call->mark = stamp;
    stack.push_back({n, 0});
  };
  for (const array& root : outputs) {
    enter(root);
    while (!stack.empty()) {
      Frame& f = stack.back();
      Call* c = f.node->call.get();
      if (f.next < c->inputs.size()) {
        enter(c->inputs[f.next++]);
        continue;
      }
      tape.push_back({c, f.node});
      stack.pop_back();
    }
  }
  return tape;
}

void run(const Step& step, bool retain, gpu::Evaluation& gpus) {
  Ref<Call> call(step.call);
  check_usable(call->stream);
  Arrays outputs;
  if (call->outputs.size() == 1) {
    outputs.push_back(array(Ref<Node>(step.node)));
  } else {
    outputs = array(Ref<Node>(step.node)).outputs();
  }
  bool tracer = step.node->tracer;
  if (call->stream.device.type == Device::cpu) {
    for (const array& in : call->inputs) {
      // The op may write there; work of a GPU that reads it comes first.
      if (DeviceCopy* copy = in.buffer()->device(); copy && in.donatable()) copy->wait_unused();
    }
    call->op->cpu(call->inputs, outputs);
    if (!call->op->is_view()) {
      for (const array& out : outputs) out.buffer()->host_written();
    }
  } else {
    gpus.run(call->stream, [&] { call->op->gpu(call->inputs, outputs); });
  }
  if (retain && tracer) return;
  for (const array& out : outputs) out.detach();
}

// Queues the work, or does it where it runs on the CPU.
void start(const Arrays& outputs) {
  bool retain = in_tracing();
  if (in_opaque_tracing()) {
    for (const array& a : outputs) {
      if (a.is_tracer()) {
        value_error("[eval] Attempting to eval an array during function transformations like compile or vmap is "
                    "not allowed.");
      }
    }
  }
  std::lock_guard lock(eval_mutex());
  gpu::Evaluation gpus;
  for (const Step& step : order(outputs)) run(step, retain, gpus);
  // An array evaluated while it was traced keeps its producer until it is evaluated again outside.
  if (!retain) {
    for (const array& a : outputs) a.detach();
  }
}

}  // namespace

void eval(Arrays outputs) {
  start(outputs);
  for (const array& a : outputs) {
    if (DeviceCopy* copy = a.buffer()->device()) copy->wait();
  }
}

void async_eval(Arrays outputs) {
  if (in_tracing()) {
    for (const array& a : outputs) {
      if (a.is_tracer()) {
        value_error("[async_eval] Not allowed inside a graph transformation.");
      }
    }
  }
  // Work that fails where nobody waits for it is reported by the next synchronize; what cannot run at all, at once.
  try {
    start(outputs);
  } catch (const TypeError&) {
    throw;
  } catch (const NotImplemented&) {
    throw;
  } catch (const std::runtime_error&) {
    async_error = std::current_exception();
  }
}

void rethrow_async_error() {
  if (async_error) std::rethrow_exception(std::exchange(async_error, nullptr));
}

}  // namespace mlx_rocm

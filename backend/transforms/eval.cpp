#include "backend/transforms/eval.h"

#include <exception>
#include <mutex>
#include <utility>

#include "backend/core/error.h"
#include "backend/core/op.h"
#include "backend/gpu/evaluation.h"
#include "backend/transforms/tape.h"

namespace mlx_rocm {
namespace {

// One evaluation at a time: ops of a graph that two threads share must run once, and the CPU ops use every core
// anyway. Callers from Python have released the GIL.
std::mutex& eval_mutex() {
  static auto* m = new std::mutex;
  return *m;
}

thread_local std::exception_ptr async_error;

// An op that fails may have given its outputs memory already. They are not evaluated: who asks again gets the error again,
// not what that memory held.
template <class Work>
void run_or_forget(const Arrays& outputs, Work work) {
  try {
    work();
  } catch (...) {
    for (const array& out : outputs) {
      out.node()->evaluated = false;
      out.node()->buffer = {};
    }
    throw;
  }
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
    run_or_forget(outputs, [&] { call->op->cpu(call->inputs, outputs); });
    if (!call->op->is_view()) {
      for (const array& out : outputs) out.buffer()->host_written();
    }
  } else {
    gpus.run(call->stream, [&] { run_or_forget(outputs, [&] { call->op->gpu(call->inputs, outputs); }); });
  }
  if (retain && tracer) return;
  for (const array& out : outputs) out.detach();
}

// As one kernel; false when the steps are to run one by one.
bool run_together(const std::vector<Step>& tape, const std::vector<int>& members, gpu::Evaluation& gpus) {
  const Step& last = tape[members.back()];
  Ref<Call> call(last.call);
  check_usable(call->stream);
  const array out{Ref<Node>(last.node)};
  bool done = false;
  gpus.run(call->stream, [&] { run_or_forget({out}, [&] { done = run_group(tape, members, {out}); }); });
  if (done) out.detach();
  return done;
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
  const std::vector<Step> tape = order(outputs);
  if (retain) {
    for (const Step& step : tape) run(step, retain, gpus);
    return;
  }
  const TapeGroups groups(tape);
  for (size_t i = 0; i < tape.size(); ++i) {
    if (groups.absorbed(i)) continue;
    const std::vector<int>& members = groups.ending_at(i);
    if (members.empty()) {
      run(tape[i], retain, gpus);
    } else if (!run_together(tape, members, gpus)) {
      for (int m : members) run(tape[m], retain, gpus);
    }
  }
  // An array evaluated while it was traced keeps its producer until it is evaluated again outside.
  for (const array& a : outputs) a.detach();
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

#include "backend/transforms/trace.h"

#include <algorithm>

#include "backend/transforms/post_order.h"

namespace mlx_rocm {
namespace {

thread_local std::vector<const Node*> open_sources;

bool is_open_source(const Node* n) {
  return std::find(open_sources.begin(), open_sources.end(), n) != open_sources.end();
}

class Recorder {
 public:
  Recorder(const Arrays& sources, Walk walk) : walk_(walk) {
    for (const array& s : sources) tape_.slot_of.emplace(s.node(), tape_.slots++);
  }

  void visit(const array& root) {
    calls_.visit(
        root, [&](const array& a) { return is_traced(a); }, [&](const array& a) { finish(a); });
  }

  Tape take() { return std::move(tape_); }

 private:
  bool is_traced(const array& a) const {
    const Node* n = a.node();
    return n->tracer && n->call && !tape_.slot_of.count(n) && !is_open_source(n);
  }

  void finish(const array& a) {
    const Ref<Call>& call = a.call();
    Tape::Entry entry;
    bool tracer = false;
    for (size_t i = 0; i < call->inputs.size(); ++i) {
      const array& in = call->inputs[i];
      tracer = tracer || in.node()->tracer;
      int slot = tape_.slot(in);
      if (slot < 0) continue;
      entry.argnums.push_back(int(i));
      entry.slots.push_back(slot);
    }
    bool blocked = walk_ == Walk::differentiable && call->op->blocks_gradient();
    if (entry.argnums.empty() || blocked) {
      a.set_tracer(tracer);
      return;
    }
    entry.call = call;
    entry.outputs = a.outputs();
    entry.first_slot = tape_.slots;
    for (const array& out : entry.outputs) {
      out.set_tracer(tracer);
      tape_.slot_of.emplace(out.node(), tape_.slots++);
    }
    tape_.entries.push_back(std::move(entry));
  }

  Walk walk_;
  Tape tape_;
  PostOrder calls_;
};

}  // namespace

OpenSources::OpenSources(const Arrays& sources) : count_(sources.size()) {
  for (const array& s : sources) open_sources.push_back(s.node());
}

OpenSources::~OpenSources() { open_sources.resize(open_sources.size() - count_); }

Tape record(const Arrays& sources, const Arrays& outputs, Walk walk) {
  Recorder recorder(sources, walk);
  for (const array& out : outputs) recorder.visit(out);
  return recorder.take();
}

}  // namespace mlx_rocm

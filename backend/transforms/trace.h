// What grad, vmap and compile share: walking the graph that a function built from its inputs.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backend/core/array.h"
#include "backend/core/op.h"

namespace mlx_rocm {

// The calls between some source arrays and what was computed from them, in topological order. Every array that
// depends on a source has a slot: the sources come first, then the outputs of each call.
struct Tape {
  struct Entry {
    Ref<Call> call;
    Arrays outputs;
    std::vector<int> argnums;  // inputs that have a slot
    std::vector<int> slots;    // and which
    int first_slot = 0;        // of the outputs
  };
  std::vector<Entry> entries;
  std::unordered_map<const Node*, int> slot_of;
  int slots = 0;

  int slot(const array& a) const {
    auto it = slot_of.find(a.node());
    return it == slot_of.end() ? -1 : it->second;
  }
};

enum class Walk { all, differentiable };  // the second stops at ops that block gradients

// Records what `outputs` owe to `sources`. Only arrays marked as tracers are looked at, which every array computed
// from a tracer is; afterwards an array is a tracer only if it depends on one from outside. The sources must have
// got back the mark of the arrays they stand for.
Tape record(const Arrays& sources, const Arrays& outputs, Walk walk);

// While alive, these arrays are leaves for every record() on this thread: they are sources of a transform that is still
// tracing, and keep their mark although what they were computed from has none.
class OpenSources {
 public:
  explicit OpenSources(const Arrays& sources);
  ~OpenSources();
  OpenSources(const OpenSources&) = delete;
  OpenSources& operator=(const OpenSources&) = delete;

 private:
  size_t count_;
};

}  // namespace mlx_rocm

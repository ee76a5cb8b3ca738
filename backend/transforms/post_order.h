#pragma once

#include <unordered_set>
#include <vector>

#include "backend/core/array.h"

namespace mlx_rocm {

// Visits the calls behind arrays, each once and after those of its inputs, with a stack of its own: graphs may be far
// deeper than the C++ stack.
class PostOrder {
 public:
  // `wanted(array)`: whether to go behind an array, which then has a call. `leave(array)` gets an output of the call.
  template <class Wanted, class Leave>
  void visit(const array& root, Wanted wanted, Leave leave) {
    auto enter = [&](const array& a) {
      if (wanted(a) && visited_.insert(a.node()->call.get()).second) stack_.push_back({a, 0});
    };
    enter(root);
    while (!stack_.empty()) {
      Frame& f = stack_.back();
      const Arrays& inputs = f.output.inputs();
      if (f.next < inputs.size()) {
        enter(inputs[f.next++]);
        continue;
      }
      array done = std::move(f.output);
      stack_.pop_back();
      leave(done);
    }
  }

 private:
  struct Frame {
    array output;
    size_t next;
  };
  std::unordered_set<const Call*> visited_;
  std::vector<Frame> stack_;
};

}  // namespace mlx_rocm

// The calls of one evaluation in the order they run, and which of them run as one kernel on a GPU.
#pragma once

#include <string>
#include <vector>

#include "backend/core/op.h"

namespace mlx_rocm {

// A call that is to run. Its output nodes stay alive without a reference from here, because a consumer later on
// the tape or the caller holds them; holding one more would forbid donation.
struct Step {
  Call* call;
  Node* node;
};

// Calls in an order in which every producer comes first. Call::mark then holds the evaluation's number and, in its low bits, the
// call's place on the tape.
std::vector<Step> order(const Arrays& outputs);

// Elementwise calls of one GPU stream whose results only the next of them reads form a group: a tree that can run as one
// kernel, at the place of its last member. Nothing is computed that was not asked for, and nothing twice.
class TapeGroups {
 public:
  explicit TapeGroups(const std::vector<Step>& tape);

  // The members of the group that ends with step i, in order; empty when step i runs by itself.
  const std::vector<int>& ending_at(size_t i) const;
  // Whether step i runs as part of a group that ends later.
  bool absorbed(size_t i) const { return of_[i] >= 0 && groups_[of_[i]].members.back() != int(i); }

 private:
  struct Group {
    std::vector<int> members;        // places on the tape, ascending
    SmallVector<Node*, 12> inputs;   // from outside, each once
  };
  void place(const std::vector<Step>& tape, int i);

  std::vector<int> of_;  // step -> group or -1
  std::vector<Group> groups_;
  const std::vector<int> none_;
};

// Runs a group as one kernel: outputs of `last` get their memory. Returns false, having done nothing, while groups of this form are
// too rare for a kernel of their own to be compiled.
bool run_group(const std::vector<Step>& tape, const std::vector<int>& members, const Arrays& out);

}  // namespace mlx_rocm

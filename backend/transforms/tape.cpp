#include "backend/transforms/tape.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "backend/core/error.h"
#include "backend/ops/elementwise.h"
#include "backend/transforms/compiled.h"

namespace mlx_rocm {
namespace {

constexpr int kPlaceBits = 28;  // of Call::mark
constexpr uint64_t kPlaceMask = (uint64_t(1) << kPlaceBits) - 1;
constexpr size_t kMostMembers = 32, kMostInputs = 12;  // code and registers of a kernel
constexpr int kAstype = 200;                           // beside the numbers of elementwise ops
// How often a form of group must occur before it gets a kernel: compiling takes as long as some ten thousand launches,
// and most expressions that are typed once are never seen again.
constexpr int kWorthCompiling = 4;

int place_of(const Call& c) { return int(c.mark & kPlaceMask); }

// The number that identifies an op which can be a member, or -1.
int member_id(const Op& op) {
  const int id = elementwise_id(op);
  if (id >= 0) return id;
  return std::strcmp(op.name(), "astype") == 0 ? kAstype : -1;
}

bool fusion_on() {
  static const bool on = [] {
    const char* v = std::getenv("MLX_ROCM_EVAL_FUSION");
    return !v || std::strcmp(v, "0") != 0;
  }();
  return on;
}

// What the kernel of a group depends on, and where its operands are.
struct Form {
  std::string key;
  struct Operand {
    Call* call;
    int slot;
    int input;  // of the kernel
  };
  std::vector<Operand> operands;  // the ones from outside
  int inputs = 0;

  Form(const std::vector<Step>& tape, const std::vector<int>& members) {
    std::string dtypes;
    SmallVector<Node*, 12> seen;
    for (size_t m = 0; m < members.size(); ++m) {
      const Step& s = tape[members[m]];
      key += char(member_id(*s.call->op));
      key += char(s.node->dtype.val);
      for (size_t k = 0; k < s.call->inputs.size(); ++k) {
        Node* n = s.call->inputs[k].node();
        if (int at = member_of(n, tape, members, m); at >= 0) {
          key += char(at);
          continue;
        }
        size_t i = 0;
        while (i < seen.size() && seen[i] != n) ++i;
        if (i == seen.size()) {
          seen.push_back(n);
          dtypes += char(n->dtype.val);
        }
        key += char(64 + i);
        operands.push_back({s.call, int(k), int(i)});
      }
    }
    inputs = int(seen.size());
    key += '|';
    key += dtypes;
  }

  static int member_of(Node* n, const std::vector<Step>& tape, const std::vector<int>& members, size_t before) {
    for (size_t m = before; m-- > 0;) {
      if (tape[members[m]].node == n) return int(m);
    }
    return -1;
  }
};

Ref<Compiled> compile(const std::vector<Step>& tape, const std::vector<int>& members, const Form& form) {
  Program p;
  p.num_inputs = form.inputs;
  p.values.resize(form.inputs);
  std::vector<bool> known(form.inputs, false);
  for (const Form::Operand& o : form.operands) p.values[o.input] = o.call->inputs[o.slot].spec();
  auto operand = form.operands.begin();
  for (size_t m = 0; m < members.size(); ++m) {
    const Step& s = tape[members[m]];
    Program::Step step;
    step.op = s.call->op;
    step.stream = s.call->stream;
    for (size_t k = 0; k < s.call->inputs.size(); ++k) {
      const int at = Form::member_of(s.call->inputs[k].node(), tape, members, m);
      step.inputs.push_back(at >= 0 ? form.inputs + at : (operand++)->input);
    }
    step.first_output = p.add_value({s.node->shape, s.node->dtype});
    p.steps.push_back(std::move(step));
  }
  p.outputs = {int(p.values.size()) - 1};
  return make_ref<Compiled>(std::move(p));
}

// The external operands, moved out of their calls so that one that nobody else holds can be overwritten; put back when
// the launch fails.
class Operands {
 public:
  explicit Operands(const Form& form) : form_(form), arrays_(form.inputs) {
    for (const Form::Operand& o : form.operands) {
      array& slot = o.call->inputs[o.slot];
      array taken = std::move(slot);
      if (arrays_[o.input].is_null()) arrays_[o.input] = std::move(taken);
    }
  }
  void put_back() {
    for (const Form::Operand& o : form_.operands) o.call->inputs[o.slot] = arrays_[o.input];
  }
  const Arrays& arrays() const { return arrays_; }

 private:
  const Form& form_;
  Arrays arrays_;
};

}  // namespace

std::vector<Step> order(const Arrays& outputs) {
  static uint64_t stamp = 0;  // under the evaluation lock
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
    if (n->call->mark >> kPlaceBits == stamp) return;
    n->call->mark = stamp << kPlaceBits;
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
      c->mark |= std::min<uint64_t>(tape.size(), kPlaceMask);
      tape.push_back({c, f.node});
      stack.pop_back();
    }
  }
  return tape;
}

TapeGroups::TapeGroups(const std::vector<Step>& tape) : of_(tape.size(), -1) {
  if (!fusion_on() || tape.size() > kPlaceMask) return;
  for (size_t i = 0; i < tape.size(); ++i) {
    const Call& c = *tape[i].call;
    if (c.stream.device.type == Device::gpu && c.outputs.size() == 1 && member_id(*c.op) >= 0) place(tape, int(i));
  }
}

// Puts step i into a group with the producers of its inputs that it alone reads, or begins a group with it.
void TapeGroups::place(const std::vector<Step>& tape, int i) {
  const Step& s = tape[i];
  Group merged;
  SmallVector<Node*, 12> own;  // inputs that stay outside
  SmallVector<int, 4> joined;
  size_t members = 1;
  for (const array& a : s.call->inputs) {
    Node* n = a.node();
    int g = -1;
    if (!n->evaluated && n->call && n->use_count() == 1 && n->call->stream == s.call->stream && n->shape == s.node->shape) {
      const int j = place_of(*n->call);
      if (j < i && tape[j].node == n) g = of_[j];
    }
    if (g >= 0 && members + groups_[g].members.size() <= kMostMembers) {
      SmallVector<Node*, 12> both = merged.inputs;
      for (Node* input : groups_[g].inputs) {
        if (std::find(both.begin(), both.end(), input) == both.end()) both.push_back(input);
      }
      if (both.size() + s.call->inputs.size() <= kMostInputs) {
        merged.inputs = both;
        members += groups_[g].members.size();
        joined.push_back(g);
        continue;
      }
    }
    own.push_back(n);
  }
  for (Node* n : own) {
    if (std::find(merged.inputs.begin(), merged.inputs.end(), n) == merged.inputs.end()) merged.inputs.push_back(n);
  }
  if (joined.size() == 1) {
    // The common case, a chain: the group grows in place.
    Group& g = groups_[joined[0]];
    g.inputs = std::move(merged.inputs);
    g.members.push_back(i);
    of_[i] = joined[0];
    return;
  }
  for (int g : joined) {
    merged.members.insert(merged.members.end(), groups_[g].members.begin(), groups_[g].members.end());
  }
  std::sort(merged.members.begin(), merged.members.end());
  merged.members.push_back(i);
  for (int m : merged.members) of_[m] = int(groups_.size());
  groups_.push_back(std::move(merged));
}

const std::vector<int>& TapeGroups::ending_at(size_t i) const {
  if (of_[i] < 0 || groups_[of_[i]].members.size() < 2 || absorbed(i)) return none_;
  return groups_[of_[i]].members;
}

bool run_group(const std::vector<Step>& tape, const std::vector<int>& members, const Arrays& out) {
  struct Known {
    int seen = 0;
    Ref<Compiled> op;
  };
  static auto* known = new std::unordered_map<std::string, Known>;  // under the evaluation lock
  const Form form(tape, members);
  Known& k = (*known)[form.key];
  if (!k.op) {
    if (++k.seen < kWorthCompiling) return false;
    k.op = compile(tape, members, form);
  }
  Operands operands(form);
  try {
    k.op->gpu(operands.arrays(), out);
  } catch (...) {
    operands.put_back();
    throw;
  }
  return true;
}

}  // namespace mlx_rocm

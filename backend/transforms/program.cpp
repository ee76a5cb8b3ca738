#include "backend/transforms/program.h"

#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "backend/core/error.h"
#include "backend/transforms/post_order.h"

namespace mlx_rocm {
namespace {

// Reads a program off the graph between stand-ins and outputs.
class GraphReader {
 public:
  GraphReader(const Arrays& stand_ins, const Arrays& originals, uint32_t trace, const char* what)
      : trace_(trace), what_(what) {
    for (const array& a : originals) originals_.insert(a.node());
    for (const array& a : stand_ins) value_of_[a.node()] = program_.add_value(a.spec());
    program_.num_inputs = int(stand_ins.size());
  }

  void visit(const array& root) {
    calls_.visit(
        root, [&](const array& a) { return is_traced(a); }, [&](const array& a) { add_step(a); });
    program_.outputs.push_back(value_of_.at(root.node()));
  }

  Program take() { return std::move(program_); }

 private:
  // Whether the array comes from a call that is still to be read; arrays from outside become constants.
  bool is_traced(const array& a) {
    const Node* n = a.node();
    if (value_of_.count(n)) return false;
    if (!n->evaluated && n->call && n->trace == trace_) return true;
    add_constant(a);
    return false;
  }

  void add_constant(const array& a) {
    check_captured(a);
    int v = program_.add_value(a.spec());
    value_of_[a.node()] = v;
    program_.constants.push_back({v, a});
  }

  void check_captured(const array& root) {
    Arrays pending{root};
    while (!pending.empty()) {
      array a = std::move(pending.back());
      pending.pop_back();
      const Node* n = a.node();
      if (originals_.count(n)) {
        value_error("[", what_, "] The function captures an array that is also one of its inputs (or is computed "
                    "from one, without having been evaluated).");
      }
      if (n->evaluated || !captured_.insert(n).second) continue;
      if (!n->call) {
        if (n->tracer) continue;  // the stand-in of an enclosing transform
        value_error("[", what_, "] The function uses an array that another trace left behind.");
      }
      for (const array& in : n->call->inputs) pending.push_back(in);
    }
  }

  void add_step(const array& a) {
    const Ref<Call>& call = a.call();
    Program::Step step{call->op, call->stream, {}, int(program_.values.size()), 1};
    for (const array& in : call->inputs) step.inputs.push_back(value_of_.at(in.node()));
    Arrays outputs = a.outputs();
    step.num_outputs = int(outputs.size());
    for (const array& out : outputs) {
      value_of_[out.node()] = program_.add_value(out.spec());
      kept_.push_back(out);
    }
    program_.steps.push_back(std::move(step));
  }

  uint32_t trace_;
  const char* what_;
  Program program_;
  Arrays kept_;  // so that node addresses stay unique
  std::unordered_map<const Node*, int> value_of_;
  PostOrder calls_;
  std::unordered_set<const Node*> originals_, captured_;
};

// Bits of a 0-d constant, for merging equal ones.
bool scalar_bits(const array& a, std::pair<int, uint64_t>* key) {
  if (a.ndim() != 0 || !a.is_evaluated() || !a.buffer()) return false;
  uint64_t bits = 0;
  std::memcpy(&bits, a.bytes(), a.itemsize());
  *key = {int(a.dtype().val), bits};
  return true;
}

size_t mix(size_t h, size_t x) {
  return (h ^ (x + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2))) * 0xff51afd7ed558ccdull;
}

size_t hash_step(const Program::Step& s) {
  size_t h = typeid(*s.op).hash_code();
  for (int v : s.inputs) h = mix(h, size_t(v));
  return h;
}

bool equal_steps(const Program::Step& a, const Program::Step& b) {
  return a.inputs == b.inputs && a.num_outputs == b.num_outputs && a.stream == b.stream &&
         (a.op == b.op || a.op->equals(*b.op));
}

void merge_scalars(const Program& p, std::vector<int>& same_as) {
  std::map<std::pair<int, uint64_t>, int> seen;
  for (const auto& [v, a] : p.constants) {
    std::pair<int, uint64_t> key;
    if (scalar_bits(a, &key)) same_as[v] = seen.try_emplace(key, v).first->second;
  }
}

}  // namespace

Program trace_program(const Function& f, const Arrays& inputs, bool shapeless, const char* what) {
  Arrays stand_ins;
  for (const array& in : inputs) {
    array a(make_ref<Node>(in.shape(), in.dtype()));
    a.set_tracer(true);
    stand_ins.push_back(std::move(a));
  }
  TraceScope scope(Tracing::compile, shapeless);
  Arrays outputs = f(stand_ins);
  GraphReader reader(stand_ins, inputs, current_trace(), what);
  for (const array& out : outputs) reader.visit(out);
  return reader.take();
}

void simplify(Program& p) {
  std::vector<int> same_as(p.values.size());
  for (size_t v = 0; v < same_as.size(); ++v) same_as[v] = int(v);
  merge_scalars(p, same_as);

  std::unordered_multimap<size_t, size_t> seen;  // hash -> step
  std::vector<Program::Step> kept;
  for (Program::Step& s : p.steps) {
    for (int& v : s.inputs) v = same_as[v];
    bool forwards = true;
    for (int k = 0; k < s.num_outputs; ++k) forwards = forwards && s.op->forwards(k, int(s.inputs.size())) >= 0;
    if (forwards) {
      for (int k = 0; k < s.num_outputs; ++k) {
        same_as[s.first_output + k] = s.inputs[s.op->forwards(k, int(s.inputs.size()))];
      }
      continue;
    }
    size_t h = hash_step(s);
    auto [first, last] = seen.equal_range(h);
    auto twin = std::find_if(first, last, [&](const auto& e) { return equal_steps(kept[e.second], s); });
    if (twin != last) {
      for (int k = 0; k < s.num_outputs; ++k) same_as[s.first_output + k] = kept[twin->second].first_output + k;
      continue;
    }
    seen.emplace(h, kept.size());
    kept.push_back(std::move(s));
  }
  p.steps = std::move(kept);
  for (int& v : p.outputs) v = same_as[v];
  remove_dead(p);
}

void remove_dead(Program& p) {
  std::vector<bool> needed(p.values.size(), false);
  for (int v : p.outputs) needed[v] = true;
  std::vector<Program::Step> kept;
  for (auto s = p.steps.rbegin(); s != p.steps.rend(); ++s) {
    bool used = false;
    for (int k = 0; k < s->num_outputs; ++k) used = used || needed[s->first_output + k];
    if (!used) continue;
    for (int v : s->inputs) needed[v] = true;
    kept.push_back(std::move(*s));
  }
  p.steps.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  std::erase_if(p.constants, [&](const auto& c) { return !needed[c.first]; });
}

std::vector<std::vector<int>> value_users(const Program& p) {
  std::vector<std::vector<int>> users(p.values.size());
  for (size_t s = 0; s < p.steps.size(); ++s) {
    for (int v : p.steps[s].inputs) users[v].push_back(int(s));
  }
  return users;
}

Arrays replay(const Program& p, const Arrays& inputs, bool infer) {
  Arrays at(p.values.size());
  for (size_t i = 0; i < inputs.size(); ++i) at[i] = inputs[i];
  for (const auto& [v, a] : p.constants) at[v] = a;
  for (const Program::Step& s : p.steps) {
    Arrays in;
    in.reserve(s.inputs.size());
    for (int v : s.inputs) in.push_back(at[v]);
    std::vector<Spec> specs;
    if (infer) {
      specs = s.op->infer(in);
    } else {
      specs.assign(p.values.begin() + s.first_output, p.values.begin() + s.first_output + s.num_outputs);
    }
    Arrays out = apply_as(s.op, std::move(in), s.stream, std::move(specs));
    for (int k = 0; k < s.num_outputs; ++k) at[s.first_output + k] = std::move(out[k]);
  }
  Arrays result;
  result.reserve(p.outputs.size());
  for (int v : p.outputs) result.push_back(at[v]);
  return result;
}

}  // namespace mlx_rocm

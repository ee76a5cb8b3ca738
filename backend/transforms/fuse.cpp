// Grouping of elementwise steps.
//
// Steps that are connected by arrays of one shape form a group. Contracting groups must not create a cycle, which is
// made sure of by levels: the level of a step is the number of other steps (anything not fusable, or a change of
// stream) on the longest path to it. A path that leaves a group through such a step ends at a higher level, and a
// path through elementwise steps of another shape cannot come back, because broadcasting only ever grows shapes.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "backend/transforms/compiled.h"

namespace mlx_rocm {
namespace {

// A generated kernel with more arrays or steps than this gains nothing and may exceed what a GPU takes as arguments.
constexpr size_t kMaxArrays = 40;
constexpr size_t kMaxSteps = 256;

class Fuser {
 public:
  explicit Fuser(Program& p) : p_(p), producer_(p.values.size(), -1), users_(value_users(p)) {
    for (size_t s = 0; s < p.steps.size(); ++s) {
      for (int k = 0; k < p.steps[s].num_outputs; ++k) producer_[p.steps[s].first_output + k] = int(s);
    }
    is_output_.assign(p.values.size(), false);
    for (int v : p.outputs) is_output_[v] = true;
    is_constant_.assign(p.values.size(), nullptr);
    for (auto& [v, a] : p.constants) {
      if (a.ndim() == 0 && a.is_evaluated()) is_constant_[v] = &a;
    }
  }

  void run() {
    find_levels();
    connect();
    make_groups();
    absorb_scalars();
    rebuild();
  }

 private:
  const Program::Step& step(int s) const { return p_.steps[s]; }
  const Shape& shape_of(int s) const { return p_.values[step(s).first_output].shape; }
  bool broadcast(int s) const { return is_broadcast(*step(s).op); }
  bool groupable(int s) const { return fusable_[s] && !broadcast(s); }

  void find_levels() {
    const size_t n = p_.steps.size();
    fusable_.resize(n);
    level_.resize(n, 0);
    for (size_t s = 0; s < n; ++s) {
      fusable_[s] = is_fusable(*step(int(s)).op);
      for (int v : step(int(s)).inputs) {
        int u = producer_[v];
        if (u < 0) continue;
        bool barrier = !fusable_[u] || !fusable_[s] || !(step(u).stream == step(int(s)).stream);
        level_[s] = std::max(level_[s], level_[u] + int(barrier));
      }
    }
  }

  int find(int s) {
    while (parent_[s] != s) s = parent_[s] = parent_[parent_[s]];
    return s;
  }

  void connect() {
    parent_.resize(p_.steps.size());
    std::iota(parent_.begin(), parent_.end(), 0);
    for (int s = 0; s < int(p_.steps.size()); ++s) {
      if (!groupable(s)) continue;
      for (int v : step(s).inputs) {
        int u = producer_[v];
        if (u < 0 || !groupable(u) || level_[u] != level_[s] || !(step(u).stream == step(s).stream)) continue;
        if (shape_of(u) == shape_of(s)) parent_[find(u)] = find(s);
      }
    }
  }

  // Components, cut where they get too large. In topological order, so that cuts depend forwards only.
  void make_groups() {
    group_.assign(p_.steps.size(), -1);
    std::unordered_map<int, int> open;  // component -> group under construction
    std::vector<std::vector<int>> arrays;
    for (int s = 0; s < int(p_.steps.size()); ++s) {
      if (!groupable(s)) continue;
      auto [it, fresh] = open.try_emplace(find(s), int(members_.size()));
      if (fresh) start_group(arrays);
      size_t added = 1 + step(s).inputs.size();
      if (members_[it->second].size() >= kMaxSteps || arrays[it->second].size() + added > kMaxArrays) {
        it->second = int(members_.size());
        start_group(arrays);
      }
      int g = it->second;
      group_[s] = g;
      members_[g].push_back(s);
      auto& seen = arrays[g];
      for (int v : step(s).inputs) {
        bool inside = producer_[v] >= 0 && group_[producer_[v]] == g;
        if (!inside && !is_constant_[v] && std::find(seen.begin(), seen.end(), v) == seen.end()) seen.push_back(v);
      }
      if (is_output_[step(s).first_output]) seen.push_back(step(s).first_output);
    }
  }
  void start_group(std::vector<std::vector<int>>& arrays) {
    members_.emplace_back();
    arrays.emplace_back();
  }

  // Steps that use a value, looking through broadcasts; false when a program output is among the uses.
  bool users_beyond_broadcasts(int v, std::vector<int>& out) const {
    if (is_output_[v]) return false;
    for (int s : users_[v]) {
      if (!broadcast(s)) {
        out.push_back(s);
      } else if (!users_beyond_broadcasts(step(s).first_output, out)) {
        return false;
      }
    }
    return true;
  }

  // Arithmetic on single elements joins the group that needs the result: it is done once per block of work.
  void absorb_scalars() {
    for (int s = int(p_.steps.size()); s-- > 0;) {
      if (!groupable(s) || num_elements(shape_of(s)) != 1) continue;
      std::vector<int> users;
      if (!users_beyond_broadcasts(step(s).first_output, users) || users.empty()) continue;
      int g = group_[users[0]];
      if (g < 0 || g == group_[s] || !(step(users[0]).stream == step(s).stream)) continue;
      if (std::any_of(users.begin(), users.end(), [&](int u) { return group_[u] != g; })) continue;
      std::erase(members_[group_[s]], s);
      group_[s] = g;
      members_[g].push_back(s);
    }
    for (auto& m : members_) std::sort(m.begin(), m.end());
  }

  struct Unit {
    Ref<Op> op;
    Stream stream;
    std::vector<int> inputs, outputs;  // values
  };

  // The group as a program of its own.
  class Builder {
   public:
    Builder(const Fuser& f, int group) : f_(f), group_(group) {}

    Unit build() {
      for (int s : f_.members_[group_]) collect(s);
      for (int v : inputs_) local_[v] = sub_.add_value(f_.p_.values[v]);
      sub_.num_inputs = int(inputs_.size());
      for (int v : constants_) {
        local_[v] = sub_.add_value(f_.p_.values[v]);
        sub_.constants.push_back({local_[v], *f_.is_constant_[v]});
      }
      Unit unit;
      for (int s : steps_) {
        Program::Step copy = f_.step(s);
        for (int& v : copy.inputs) v = local_.at(v);
        int out = copy.first_output;
        copy.first_output = local_[out] = sub_.add_value(f_.p_.values[out]);
        sub_.steps.push_back(copy);
        if (f_.group_[s] == group_ && needed_outside(out)) {
          sub_.outputs.push_back(local_[out]);
          unit.outputs.push_back(out);
        }
        unit.stream = copy.stream;
      }
      unit.inputs = std::move(inputs_);
      unit.op = op<Compiled>(std::move(sub_));
      return unit;
    }

   private:
    void collect(int s) {
      for (int v : f_.step(s).inputs) need(v);
      steps_.push_back(s);
    }
    void need(int v) {
      int u = f_.producer_[v];
      if (u >= 0 && f_.group_[u] == group_) return;
      auto& list = f_.is_constant_[v] ? constants_ : inputs_;
      if (u >= 0 && f_.broadcast(u)) {
        if (std::find(steps_.begin(), steps_.end(), u) == steps_.end()) collect(u);
      } else if (std::find(list.begin(), list.end(), v) == list.end()) {
        list.push_back(v);
      }
    }
    bool needed_outside(int v) const {
      std::vector<int> users;
      if (!f_.users_beyond_broadcasts(v, users)) return true;
      return std::any_of(users.begin(), users.end(), [&](int u) { return f_.group_[u] != group_; });
    }

    const Fuser& f_;
    int group_;
    Program sub_;
    std::vector<int> inputs_, constants_, steps_;
    std::unordered_map<int, int> local_;
  };

  void rebuild() {
    std::vector<Unit> units;
    std::vector<int> unit_of_value(p_.values.size(), -1);
    auto add = [&](Unit u) {
      for (int v : u.outputs) unit_of_value[v] = int(units.size());
      units.push_back(std::move(u));
    };
    std::vector<bool> done(members_.size(), false);
    for (int s = 0; s < int(p_.steps.size()); ++s) {
      int g = group_[s];
      if (g >= 0 && members_[g].size() >= 2) {
        if (!done[g]) add(Builder(*this, g).build());
        done[g] = true;
        continue;
      }
      Unit u{step(s).op, step(s).stream, step(s).inputs, {}};
      for (int k = 0; k < step(s).num_outputs; ++k) u.outputs.push_back(step(s).first_output + k);
      add(std::move(u));
    }
    emit(units, unit_of_value);
  }

  // Writes the units back as steps, in topological order and without those nobody needs.
  void emit(const std::vector<Unit>& units, const std::vector<int>& unit_of_value) {
    std::vector<Program::Step> steps;
    std::vector<int> renamed(p_.values.size());
    std::iota(renamed.begin(), renamed.end(), 0);
    std::vector<char> state(units.size(), 0);
    std::vector<std::pair<int, size_t>> stack;
    auto enter = [&](int v) {
      int u = unit_of_value[v];
      if (u >= 0 && !state[u]) {
        state[u] = 1;
        stack.push_back({u, 0});
      }
    };
    for (int root : p_.outputs) {
      enter(root);
      while (!stack.empty()) {
        auto& [u, next] = stack.back();
        if (next < units[u].inputs.size()) {
          int v = units[u].inputs[next++];
          enter(v);
          continue;
        }
        write(units[u], renamed, steps);
        stack.pop_back();
      }
    }
    p_.steps = std::move(steps);
    for (int& v : p_.outputs) v = renamed[v];
    remove_dead(p_);
  }

  void write(const Unit& u, std::vector<int>& renamed, std::vector<Program::Step>& steps) {
    Program::Step s{u.op, u.stream, {}, u.outputs[0], int(u.outputs.size())};
    for (int v : u.inputs) s.inputs.push_back(renamed[v]);
    for (size_t k = 1; k < u.outputs.size(); ++k) {
      if (u.outputs[k] == u.outputs[0] + int(k)) continue;
      // Outputs of a step are consecutive values: give these new numbers.
      s.first_output = int(p_.values.size());
      for (int v : u.outputs) renamed[v] = p_.add_value(Spec(p_.values[v]));
      break;
    }
    steps.push_back(std::move(s));
  }

  Program& p_;
  std::vector<int> producer_;
  std::vector<std::vector<int>> users_;
  std::vector<bool> is_output_, fusable_;
  std::vector<const array*> is_constant_;
  std::vector<int> level_, parent_, group_;
  std::vector<std::vector<int>> members_;
};

}  // namespace

void fuse(Program& p) { Fuser(p).run(); }

}  // namespace mlx_rocm

// Einstein summation as pairwise contractions, each one batched matrix product.
#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "backend/core/error.h"
#include "backend/ops/contract.h"
#include "backend/ops/matmul.h"
#include "backend/ops/ops.h"

namespace mlx_rocm {
namespace {

// A term: one letter per axis. The axes of an ellipsis get letters of their own (control characters, aligned at
// the end, so that "..." of different lengths broadcast).
using Term = std::string;

struct Equation {
  std::vector<Term> inputs;
  Term output;
  std::map<char, int64_t> size;
};

char ellipsis_letter(int from_end) { return char(1 + from_end); }

Term expand_ellipsis(const Term& t, int axes) {
  size_t at = t.find("...");
  if (at == std::string::npos) return t;
  Term letters;
  for (int i = axes; i-- > 0;) letters += ellipsis_letter(i);
  return t.substr(0, at) + letters + t.substr(at + 3);
}

void check_term(const Term& t, const std::string& all) {
  for (size_t i = 0; i < t.size(); ++i) {
    if (t.compare(i, 3, "...") == 0) {
      i += 2;
    } else if (!std::isalpha(static_cast<unsigned char>(t[i]))) {
      value_error("[einsum] Expected subscripts to contain only letters, '...', ',' and '->' but got '", all, "'.");
    }
  }
  size_t first = t.find("...");
  if (first != std::string::npos && t.find("...", first + 3) != std::string::npos) {
    value_error("[einsum] A term of '", all, "' has more than one ellipsis.");
  }
}

Equation parse(const std::string& subscripts, const Arrays& operands) {
  std::string text;
  for (char c : subscripts) {
    if (c != ' ') text += c;
  }
  size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  Equation e;
  std::stringstream terms(left);
  for (Term t; std::getline(terms, t, ',');) e.inputs.push_back(t);
  if (!left.empty() && left.back() == ',') e.inputs.push_back("");
  if (left.empty()) e.inputs.push_back("");
  if (e.inputs.size() != operands.size()) {
    value_error("[einsum] Number of operands, ", operands.size(), ", does not match the ", e.inputs.size(),
                " input subscripts of '", subscripts, "'.");
  }
  int longest = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    check_term(e.inputs[i], subscripts);
    bool dots = e.inputs[i].find("...") != std::string::npos;
    int letters = int(e.inputs[i].size()) - (dots ? 3 : 0), extra = operands[i].ndim() - letters;
    if (extra < 0 || (!dots && extra != 0)) {
      value_error("[einsum] Invalid number of subscripts '", e.inputs[i], "' for an operand of shape ",
                  operands[i].shape(), ".");
    }
    longest = std::max(longest, dots ? extra : 0);
    e.inputs[i] = expand_ellipsis(e.inputs[i], dots ? extra : 0);
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    for (int k = 0; k < operands[i].ndim(); ++k) {
      int64_t& n = e.size.try_emplace(e.inputs[i][k], 1).first->second;
      int64_t d = operands[i].shape(k);
      if (n != d && n != 1 && d != 1) {
        value_error("[einsum] Operands disagree on the size of '", e.inputs[i][k], "': ", n, " and ", d, ".");
      }
      if (d != 1) n = d;
    }
  }
  if (arrow == std::string::npos) {
    // Implicit output: the ellipsis, then every letter that occurs once, in alphabetical order.
    std::map<char, int> count;
    for (const Term& t : e.inputs) {
      for (char c : t) ++count[c];
    }
    for (int i = longest; i-- > 0;) e.output += ellipsis_letter(i);
    for (auto [c, n] : count) {
      if (n == 1 && std::isalpha(static_cast<unsigned char>(c))) e.output += c;
    }
    return e;
  }
  e.output = text.substr(arrow + 2);
  check_term(e.output, subscripts);
  if (e.output.find("...") == std::string::npos && longest > 0) {
    // As NumPy: a missing ellipsis in an explicit output sums those axes.
    longest = 0;
  }
  e.output = expand_ellipsis(e.output, longest);
  std::set<char> seen;
  for (char c : e.output) {
    if (!e.size.count(c)) value_error("[einsum] Output subscript '", c, "' does not appear in any input.");
    if (!seen.insert(c).second) value_error("[einsum] Repeat indices not allowed in the output of '", subscripts, "'.");
  }
  return e;
}

// Letters that a contraction of `used` terms must keep: those of the output and of the terms left over.
Term kept_letters(const std::vector<Term>& terms, const std::vector<int>& used, const Term& output) {
  std::set<char> later(output.begin(), output.end()), mine;
  for (int i = 0; i < int(terms.size()); ++i) {
    bool is_used = std::find(used.begin(), used.end(), i) != used.end();
    (is_used ? mine : later).insert(terms[i].begin(), terms[i].end());
  }
  Term kept;
  for (char c : mine) {
    if (later.count(c)) kept += c;
  }
  return kept;
}

double product(const Equation& e, const std::set<char>& letters) {
  double n = 1;
  for (char c : letters) n *= double(e.size.at(c));
  return n;
}
// Multiplications, and additions where letters are summed.
double flops(const Equation& e, const std::vector<Term>& terms, const std::vector<int>& used, const Term& kept) {
  std::set<char> letters;
  for (int i : used) letters.insert(terms[i].begin(), terms[i].end());
  int factor = std::max<int>(1, int(used.size()) - 1) + (letters.size() > kept.size() ? 1 : 0);
  return product(e, letters) * factor;
}

struct Plan {
  std::vector<std::vector<int>> steps;
  double cost = 0;
  int scaling = 0;
};

// Greedy: again and again the pair whose result is smallest relative to its parts, the cheaper one of equals.
Plan greedy(const Equation& e) {
  std::vector<Term> terms = e.inputs;
  Plan plan;
  auto take = [&](std::vector<int> used) {
    Term kept = used.size() == terms.size() ? e.output : kept_letters(terms, used, e.output);
    std::set<char> letters;
    for (int i : used) letters.insert(terms[i].begin(), terms[i].end());
    plan.cost += flops(e, terms, used, kept);
    plan.scaling = std::max(plan.scaling, int(letters.size()));
    for (size_t k = used.size(); k-- > 0;) terms.erase(terms.begin() + used[k]);
    terms.push_back(kept);
    plan.steps.push_back(std::move(used));
  };
  if (terms.size() == 1) {
    take({0});
    return plan;
  }
  while (terms.size() > 1) {
    std::vector<int> best;
    std::pair<double, double> best_cost;
    for (int i = 0; i < int(terms.size()); ++i) {
      for (int j = i + 1; j < int(terms.size()); ++j) {
        Term kept = kept_letters(terms, {i, j}, e.output);
        auto letters = [](const Term& t) { return std::set<char>(t.begin(), t.end()); };
        double grown = product(e, letters(kept)) - product(e, letters(terms[i])) - product(e, letters(terms[j]));
        std::pair<double, double> cost{grown, flops(e, terms, {i, j}, kept)};
        if (best.empty() || cost < best_cost) {
          best = {i, j};
          best_cost = cost;
        }
      }
    }
    take(best);
  }
  return plan;
}

struct Operand {
  Term term;
  array value;
};

// Takes diagonals of repeated letters and sums the letters nobody needs any more.
Operand simplify(Operand x, const std::set<char>& needed, const StreamOrDevice& s) {
  for (size_t i = 0; i < x.term.size(); ++i) {
    for (size_t j = i + 1; j < x.term.size(); ++j) {
      if (x.term[i] != x.term[j]) continue;
      char c = x.term[i];
      x.value = diagonal(x.value, 0, int(i), int(j), s);
      x.term.erase(j, 1);
      x.term.erase(i, 1);
      x.term += c;
      return simplify(std::move(x), needed, s);
    }
  }
  Axes gone;
  Term kept;
  for (size_t i = 0; i < x.term.size(); ++i) {
    if (needed.count(x.term[i])) {
      kept += x.term[i];
    } else {
      gone.push_back(int(i));
    }
  }
  if (!gone.empty()) x.value = sum(x.value, gone, false, s);
  x.term = kept;
  return x;
}

Operand arrange(const Operand& x, const Term& order, const StreamOrDevice& s) {
  Axes axes;
  for (char c : order) axes.push_back(int(x.term.find(c)));
  return {order, transpose(x.value, axes, s)};
}

// Pairwise contraction to the letters in `kept`.
Operand contract(Operand a, Operand b, const Term& kept, const StreamOrDevice& s) {
  std::set<char> out(kept.begin(), kept.end());
  std::set<char> need_a = out, need_b = out;
  need_a.insert(b.term.begin(), b.term.end());
  need_b.insert(a.term.begin(), a.term.end());
  a = simplify(std::move(a), need_a, s);
  b = simplify(std::move(b), need_b, s);
  Term batch, rows, columns, summed;
  bool broadcast_sum = false;
  for (char c : a.term) {
    bool shared = b.term.find(c) != Term::npos;
    if (!shared) {
      rows += c;
    } else if (out.count(c)) {
      batch += c;
    } else {
      summed += c;
      broadcast_sum = broadcast_sum || a.value.shape(int(a.term.find(c))) != b.value.shape(int(b.term.find(c)));
    }
  }
  for (char c : b.term) {
    if (a.term.find(c) == Term::npos) columns += c;
  }
  auto dims = [](const Operand& x, const Term& t) {
    Shape d;
    for (char c : t) d.push_back(x.value.shape(int(x.term.find(c))));
    return d;
  };
  auto join = [](Shape a, const Shape& b) {
    a.append(b.begin(), b.end());
    return a;
  };
  auto total = [](const Shape& d) { return int32_t(num_elements(d)); };
  const Shape row_dims = dims(a, rows), column_dims = dims(b, columns);
  Shape batch_a = dims(a, batch), batch_b = dims(b, batch);
  if (summed.empty() || broadcast_sum) {
    // No sum, or one over axes that broadcast: elementwise product, then a sum if any.
    a = arrange(a, batch + summed + rows, s);
    b = arrange(b, batch + summed + columns, s);
    Shape ones_a(columns.size(), 1), ones_b(rows.size(), 1);
    array x = reshape(a.value, join(a.value.shape(), ones_a), s);
    array y = reshape(b.value, join(join(join(batch_b, dims(b, summed)), ones_b), column_dims), s);
    Operand r{batch + summed + rows + columns, multiply(x, y, s)};
    return simplify(std::move(r), out, s);
  }
  a = arrange(a, batch + rows + summed, s);
  b = arrange(b, batch + summed + columns, s);
  Shape batch_dims = broadcast_shapes(batch_a, batch_b, "einsum");
  const int32_t k = total(dims(a, summed));
  array x = reshape(a.value, join(batch_a, {total(row_dims), k}), s);
  array y = reshape(b.value, join(batch_b, {k, total(column_dims)}), s);
  array z = matmul(x, y, s);
  return {batch + rows + columns, reshape(z, join(join(batch_dims, row_dims), column_dims), s)};
}

}  // namespace

array einsum(const std::string& subscripts, const Arrays& operands, const StreamOrDevice& s) {
  if (operands.empty()) value_error("[einsum] At least one operand is needed.");
  Equation e = parse(subscripts, operands);
  Plan plan = greedy(e);
  std::vector<Operand> left;
  Dtype d = operands[0].dtype();
  for (const array& a : operands) d = promote_types(d, a.dtype());
  for (size_t i = 0; i < operands.size(); ++i) left.push_back({e.inputs[i], astype(operands[i], d, s)});
  for (const auto& used : plan.steps) {
    std::vector<Term> terms;
    for (const Operand& o : left) terms.push_back(o.term);
    Term kept = kept_letters(terms, used, e.output);
    Operand r = used.size() == 1 ? simplify(left[used[0]], std::set<char>(kept.begin(), kept.end()), s)
                                 : contract(left[used[0]], left[used[1]], kept, s);
    for (size_t k = used.size(); k-- > 0;) left.erase(left.begin() + used[k]);
    left.push_back(std::move(r));
  }
  Operand r = arrange(left[0], e.output, s);
  Shape shape;
  for (char c : e.output) shape.push_back(int32_t(e.size.at(c)));
  return broadcast_to(r.value, shape, s);
}

EinsumPath einsum_path(const std::string& subscripts, const Arrays& operands) {
  if (operands.empty()) value_error("[einsum_path] At least one operand is needed.");
  Equation e = parse(subscripts, operands);
  Plan plan = greedy(e);
  std::vector<int> everything(e.inputs.size());
  std::iota(everything.begin(), everything.end(), 0);
  std::ostringstream os;
  os << "  Complete contraction:  " << subscripts << "\n         Naive scaling:  " << e.size.size()
     << "\n     Optimized scaling:  " << plan.scaling
     << "\n      Naive FLOP count:  " << flops(e, e.inputs, everything, e.output)
     << "\n  Optimized FLOP count:  " << plan.cost << "\n";
  return {plan.steps, os.str()};
}

}  // namespace mlx_rocm

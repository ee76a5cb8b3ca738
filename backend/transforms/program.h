// A traced function as data: op applications over numbered values. compile simplifies, fuses and replays it; export
// writes it to a file.
#pragma once

#include <utility>
#include <vector>

#include "backend/core/op.h"
#include "backend/transforms/grad.h"

namespace mlx_rocm {

struct Program {
  struct Step {
    Ref<Op> op;
    Stream stream;
    std::vector<int> inputs;
    int first_output = 0;  // the outputs are consecutive values
    int num_outputs = 1;
  };

  int num_inputs = 0;                            // values [0, num_inputs) are the inputs
  std::vector<Spec> values;                      // as traced
  std::vector<std::pair<int, array>> constants;  // values that are known arrays
  std::vector<Step> steps;                       // producers come first
  std::vector<int> outputs;

  int add_value(Spec spec) {
    values.push_back(std::move(spec));
    return int(values.size()) - 1;
  }
};

// Traces f on stand-ins for the inputs. Arrays that f captures become constants; one that is an input too, or is
// computed from one, is an error, because later calls could not know that it changed.
Program trace_program(const Function& f, const Arrays& inputs, bool shapeless, const char* what);

// Drops ops that change nothing, merges equal scalars and equal subexpressions, and removes what no output needs.
void simplify(Program& p);
void remove_dead(Program& p);

// Builds the program's graph on these inputs. With infer, shapes follow from the inputs instead of the trace.
Arrays replay(const Program& p, const Arrays& inputs, bool infer);

// The steps that use each value, once per use; outputs of the program are not counted.
std::vector<std::vector<int>> value_users(const Program& p);

}  // namespace mlx_rocm

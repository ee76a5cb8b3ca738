// mlx_rocm.core.distributed: the group of one process. Its reductions and gathers are the identity, as in MLX.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

// What a process knows of the others: here, that there are none.
struct Group {
  int rank() const { return 0; }
  int size() const { return 1; }
};

constexpr const char* kBackends[] = {"any", "mpi", "ring", "nccl", "jaccl"};

Group init(bool strict, const std::string& backend, nb::handle) {
  bool known = false;
  for (const char* b : kBackends) known |= backend == b;
  if (!known) {
    value_error("[distributed] The only valid values for backend are 'any', 'mpi', 'nccl', 'jaccl' and 'ring', but '",
                backend, "' was given.");
  }
  if (strict) runtime_error("[distributed] Couldn't initialize any backend: this build runs in one process.");
  return {};
}

void def_collective(nb::module_& m, const char* name, const char* doc) {
  m.def(
      name,
      [](const Operand& x, std::optional<Group>, const StreamOrDevice&) { return to_array(x); }, "x"_a, nb::kw_only(),
      "group"_a = nb::none(), "stream"_a = nb::none(), doc);
}

}  // namespace

void init_distributed(nb::module_& parent) {
  auto m = parent.def_submodule("distributed", "Communication between processes.");
  nb::class_<Group>(m, "Group", "The processes that work together.")
      .def("rank", &Group::rank, "The number of this process in the group.")
      .def("size", &Group::size, "How many processes the group has.")
      .def(
          "split",
          [](const Group&, int, int) -> Group { runtime_error("[split] Cannot split a group of one process further."); },
          "color"_a, "key"_a = -1, "Groups of the processes with equal color. RuntimeError: this group has one process.");
  m.def(
      "is_available", [](const std::string&) { return false; }, "backend"_a = "any",
      "Whether this build can talk to other processes through the backend.");
  m.def("init", init, "strict"_a = false, "backend"_a = "any", nb::kw_only(), "all_gather_factory"_a = nb::none(),
        "The group of all processes: this one. RuntimeError with ``strict``, since there is no backend to start.");
  def_collective(m, "all_sum", "The sum over all processes.");
  def_collective(m, "all_max", "The largest over all processes.");
  def_collective(m, "all_min", "The smallest over all processes.");
  def_collective(m, "all_gather", "The arrays of all processes, concatenated along the first axis.");
  def_collective(m, "sum_scatter", "This process's part of the sum over all processes.");
  m.def(
      "send",
      [](const array&, int, std::optional<Group>, const StreamOrDevice&) -> array {
        value_error("[send] Cannot send to a singleton group.");
      },
      "x"_a, "dst"_a, nb::kw_only(), "group"_a = nb::none(), "stream"_a = nb::none(), "Needs a second process.");
  m.def(
      "recv",
      [](const Shape&, Dtype, int, std::optional<Group>, const StreamOrDevice&) -> array {
        value_error("[recv] Cannot recv from a singleton group.");
      },
      "shape"_a, "dtype"_a, "src"_a, nb::kw_only(), "group"_a = nb::none(), "stream"_a = nb::none(),
      "Needs a second process.");
  m.def(
      "recv_like",
      [](const array&, int, std::optional<Group>, const StreamOrDevice&) -> array {
        value_error("[recv_like] Cannot recv from a singleton group.");
      },
      "x"_a, "src"_a, nb::kw_only(), "group"_a = nb::none(), "stream"_a = nb::none(), "Needs a second process.");
}

}  // namespace mlx_rocm::python

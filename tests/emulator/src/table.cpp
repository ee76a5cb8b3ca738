#include "table.h"

#include <stdexcept>
#include <unordered_map>

namespace emu {

namespace {

using Index = std::unordered_map<std::string_view, const Row*>;

// Tables are never destroyed: streams still run while the process ends.
const Rows& all_rows() {
  static const Rows& rows = *[] {
    Rows& all = *new Rows;
    for (auto add : {add_float_rows, add_half_rows, add_integer_rows, add_conversion_rows, add_compare_rows,
                     add_packed_rows, add_crosslane_rows, add_scalar_rows, add_control_rows, add_memory_rows,
                     add_lds_rows, add_atomic_rows, add_matrix_rows}) {
      add(all);
    }
    return &all;
  }();
  return rows;
}

Index make_index() {
  Index index;
  for (const Row& row : all_rows()) {
    if (!index.emplace(row.name, &row).second) {
      throw std::logic_error("two rows for the instruction " + row.name);
    }
  }
  return index;
}

}  // namespace

const Row* find_row(std::string_view mnemonic) {
  static const Index& index = *new Index(make_index());
  const auto it = index.find(mnemonic);
  return it == index.end() ? nullptr : it->second;
}

const char* class_name(Class c) {
  static const char* const names[] = {"valu",        "matrix",       "cross_lane",    "salu", "smem",
                                      "global_load", "global_store", "global_atomic", "lds",  "scratch",
                                      "branch",      "barrier",      "wait",          "other"};
  return names[static_cast<int>(c)];
}

}  // namespace emu

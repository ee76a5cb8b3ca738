// The instruction table: one row for every mnemonic, contributed by family.
#pragma once

#include <string_view>
#include <vector>

#include "inst.h"

namespace emu {

using Rows = std::vector<Row>;

void add_float_rows(Rows& rows);       // valu_float.cpp: f32, f64 arithmetic
void add_half_rows(Rows& rows);        // valu_half.cpp: 16-bit arithmetic
void add_integer_rows(Rows& rows);     // valu_int.cpp
void add_conversion_rows(Rows& rows);  // valu_convert.cpp
void add_compare_rows(Rows& rows);     // valu_compare.cpp
void add_packed_rows(Rows& rows);      // vop3p.cpp: packed, mixed precision, dot products
void add_crosslane_rows(Rows& rows);   // crosslane.cpp
void add_scalar_rows(Rows& rows);      // salu.cpp
void add_control_rows(Rows& rows);     // control.cpp
void add_memory_rows(Rows& rows);      // memory.cpp: global, flat, scratch, buffer, scalar loads
void add_lds_rows(Rows& rows);         // lds.cpp
void add_atomic_rows(Rows& rows);      // atomics.cpp
void add_matrix_rows(Rows& rows);      // matrix.cpp

// The row of a mnemonic, with encoding suffixes (_e32, _e64, _dpp, _sdwa) already removed; null when unknown.
const Row* find_row(std::string_view mnemonic);

}  // namespace emu

// llvm-objdump's text, taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inst.h"

namespace emu {

struct Modifier {
  std::string_view name, value;  // "row_shr:1" is {"row_shr", "1"}
};

struct ListingLine {
  std::string_view text;
  u64 pc = 0;
  u32 first_word = 0;
  int words = 0;
};

struct Statement {
  std::string_view mnemonic;
  std::vector<std::string_view> operands;
  std::vector<Modifier> modifiers;
  const std::string_view* find(std::string_view name) const;  // the value of a modifier, or null
  bool has(std::string_view name) const { return find(name) != nullptr; }
};

// False for labels, headers and blank lines.
bool parse_line(std::string_view line, ListingLine& out);
Statement parse_statement(std::string_view text);
// Kind::None for "off" and for anything that is not an operand the emulator uses.
Operand parse_operand(std::string_view text);
std::vector<int> parse_list(std::string_view text);  // "[1,0,3,2]"
i64 parse_integer(std::string_view text);

}  // namespace emu

#include "listing.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace emu {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Splits at `separator`, but not inside brackets.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : separator;
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    if (i < text.size() && (c != separator || depth)) continue;
    const std::string_view part = trim(text.substr(start, i - start));
    if (!part.empty()) parts.push_back(part);
    start = i + 1;
  }
  return parts;
}

bool is_flag(std::string_view token) {
  static const char* const flags[] = {
      "glc",   "slc", "dlc", "sc0", "sc1", "nt",         "offen",           "idxen",
      "clamp", "gds", "lds", "tfe", "scc", "row_mirror", "row_half_mirror", "addr64"};
  return std::find(std::begin(flags), std::end(flags), token) != std::end(flags);
}

bool is_modifier(std::string_view token) {
  if (is_flag(token)) return true;
  size_t i = 0;
  while (i < token.size() && (std::islower(static_cast<unsigned char>(token[i])) ||
                              std::isdigit(static_cast<unsigned char>(token[i])) || token[i] == '_')) {
    ++i;
  }
  return i > 0 && i < token.size() && token[i] == ':';
}

Modifier parse_modifier(std::string_view token) {
  const size_t colon = token.find(':');
  if (colon == std::string_view::npos) return {token, {}};
  return {token.substr(0, colon), token.substr(colon + 1)};
}

bool eat(std::string_view& text, std::string_view prefix, std::string_view suffix) {
  if (text.size() < prefix.size() + suffix.size() || !text.starts_with(prefix) || !text.ends_with(suffix))
    return false;
  text.remove_prefix(prefix.size());
  text.remove_suffix(suffix.size());
  return true;
}

bool starts_number(std::string_view text) {
  return !text.empty() &&
         (std::isdigit(static_cast<unsigned char>(text[0])) ||
          (text[0] == '-' && text.size() > 1 && std::isdigit(static_cast<unsigned char>(text[1]))));
}

// "v7", "v[2:5]", "v7.h": the number and the count after the letter(s).
bool parse_register(std::string_view text, size_t letters, Operand& out) {
  if (text.ends_with(".l") || text.ends_with(".h")) {
    out.explicit_half = true;
    out.high_half = text.back() == 'h';
    text.remove_suffix(2);
  }
  text.remove_prefix(letters);
  if (text.empty()) return false;
  if (text[0] == '[') {
    const size_t colon = text.find(':');
    const int first = static_cast<int>(parse_integer(text.substr(1)));
    const int last =
        colon == std::string_view::npos ? first : static_cast<int>(parse_integer(text.substr(colon + 1)));
    out.index = static_cast<u16>(first);
    out.dwords = static_cast<u8>(last - first + 1);
    return true;
  }
  if (!std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  out.index = static_cast<u16>(parse_integer(text));
  return true;
}

struct NamedOperand {
  const char* name;
  Kind kind;
  u16 index;
  u64 bits;
};

bool parse_named(std::string_view text, Operand& out) {
  constexpr u64 kLds = 0x10000ull << 32, kScratch = 0x20000ull << 32;
  static const NamedOperand names[] = {
      {"vcc", Kind::Scalar, slot::vcc, 0},
      {"vcc_lo", Kind::Scalar, slot::vcc, 0},
      {"vcc_hi", Kind::Scalar, slot::vcc + 1, 0},
      {"exec", Kind::Scalar, slot::exec, 0},
      {"exec_lo", Kind::Scalar, slot::exec, 0},
      {"exec_hi", Kind::Scalar, slot::exec + 1, 0},
      {"m0", Kind::Scalar, slot::m0, 0},
      {"null", Kind::Scalar, slot::null, 0},
      {"flat_scratch", Kind::Scalar, slot::flat_scratch, 0},
      {"flat_scratch_lo", Kind::Scalar, slot::flat_scratch, 0},
      {"flat_scratch_hi", Kind::Scalar, slot::flat_scratch + 1, 0},
      {"xnack_mask", Kind::Scalar, slot::flat_scratch + 2, 0},
      {"xnack_mask_lo", Kind::Scalar, slot::flat_scratch + 2, 0},
      {"xnack_mask_hi", Kind::Scalar, slot::flat_scratch + 3, 0},
      {"scc", Kind::Scc, 0, 0},
      {"src_scc", Kind::Scc, 0, 0},
      {"src_execz", Kind::ExecZero, 0, 0},
      {"src_vccz", Kind::VccZero, 0, 0},
      {"src_shared_base", Kind::Constant, 0, kLds},
      {"src_shared_base_lo", Kind::Constant, 0, 0},
      {"src_shared_base_hi", Kind::Constant, 0, kLds >> 32},
      {"src_private_base", Kind::Constant, 0, kScratch},
      {"src_private_base_lo", Kind::Constant, 0, 0},
      {"src_private_base_hi", Kind::Constant, 0, kScratch >> 32},
  };
  for (const NamedOperand& row : names) {
    if (text != row.name) continue;
    out.kind = row.kind;
    out.index = row.index;
    out.bits = row.bits;
    return true;
  }
  return false;
}

}  // namespace

i64 parse_integer(std::string_view text) {
  const std::string copy(text.substr(0, 24));
  if (!copy.empty() && copy[0] == '-') return std::strtoll(copy.c_str(), nullptr, 0);
  return static_cast<i64>(std::strtoull(copy.c_str(), nullptr, 0));
}

std::vector<int> parse_list(std::string_view text) {
  std::vector<int> values;
  eat(text, "[", "]");
  for (std::string_view part : split(text, ',')) values.push_back(static_cast<int>(parse_integer(part)));
  return values;
}

const std::string_view* Statement::find(std::string_view name) const {
  for (const Modifier& modifier : modifiers) {
    if (modifier.name == name) return &modifier.value;
  }
  return nullptr;
}

bool parse_line(std::string_view line, ListingLine& out) {
  if (line.empty() || line[0] != '\t') return false;
  const size_t comment = line.rfind("// ");
  if (comment == std::string_view::npos) return false;
  out.text = trim(line.substr(1, comment - 1));
  std::string_view encoding = line.substr(comment + 3);
  const size_t colon = encoding.find(':');
  out.pc = std::strtoull(std::string(encoding.substr(0, colon)).c_str(), nullptr, 16);
  encoding.remove_prefix(colon + 1);
  encoding = encoding.substr(0, encoding.find('<'));
  const auto words = split(encoding, ' ');
  out.words = static_cast<int>(words.size());
  out.first_word = static_cast<u32>(std::strtoul(std::string(words.at(0)).c_str(), nullptr, 16));
  return true;
}

Statement parse_statement(std::string_view text) {
  Statement statement;
  const size_t space = text.find(' ');
  statement.mnemonic = text.substr(0, space);
  if (space == std::string_view::npos) return statement;
  std::vector<std::string_view> parts = split(text.substr(space + 1), ',');
  if (parts.empty()) return statement;
  // Modifiers follow the last operand, separated by spaces.
  const std::vector<std::string_view> tail = split(parts.back(), ' ');
  parts.pop_back();
  statement.operands = std::move(parts);
  for (std::string_view token : tail) {
    if (is_modifier(token)) statement.modifiers.push_back(parse_modifier(token));
    else statement.operands.push_back(token);
  }
  return statement;
}

Operand parse_operand(std::string_view text) {
  Operand out;
  if (eat(text, "sext(", ")")) out.sign_extend = true;
  if (eat(text, "neg(", ")")) out.negate = true;
  if (text.size() > 1 && text[0] == '-' && !starts_number(text)) {
    out.negate = true;
    text.remove_prefix(1);
  }
  if (eat(text, "abs(", ")") || eat(text, "|", "|")) out.absolute = true;
  const bool wide_literal = eat(text, "lit64(", ")");
  if (!wide_literal) eat(text, "lit(", ")");
  if (parse_named(text, out)) return out;
  if (text.starts_with("ttmp") && parse_register(text, 4, out)) {
    out.kind = Kind::Scalar;
    out.index += slot::ttmp;
    return out;
  }
  const char letter = text.empty() ? ' ' : text[0];
  if ((letter == 'v' || letter == 'a' || letter == 's') && parse_register(text, 1, out)) {
    out.kind = letter == 's' ? Kind::Scalar : Kind::Vector;
    if (letter == 'a') out.index += kAccumulators;
    return out;
  }
  if (!starts_number(text)) return Operand{};
  out.kind = Kind::Constant;
  const bool is_hex = text.starts_with("0x") || text.starts_with("-0x");
  if (!is_hex && text.find('.') != std::string_view::npos) {
    out.is_float = true;
    out.number = std::strtod(std::string(text).c_str(), nullptr);
  } else {
    out.bits = static_cast<u64>(parse_integer(text));
    out.dwords = wide_literal ? 2 : 1;
    out.literal = is_hex && !wide_literal;
  }
  return out;
}

}  // namespace emu

// From listing lines to decoded instructions.
#include <algorithm>
#include <map>
#include <stdexcept>

#include "listing.h"
#include "module.h"
#include "table.h"
#include "wave.h"

namespace emu {

namespace {

void unknown_instruction(Wave& w, const Inst&) { fault(w, "the emulator does not know this instruction"); }

void move_from_spare32(Wave& w, const Inst& in) {
  const u64 exec = w.exec();
  for (int l = 0; l < 32; ++l) {
    if ((exec >> l) & 1) w.row<32>(in.dst.index)[l] = w.row<32>(kSpareVector)[l];
  }
}

class Decoder {
 public:
  Decoder(Module& module, int wave) : module_(module), wave_(wave) {}

  void add(const ListingLine& line) {
    const u32 index = static_cast<u32>(module_.code.size());
    const size_t pair = line.text.find(" :: ");
    if (pair == std::string_view::npos) {
      push(decode(line.text), line);
    } else {
      add_dual(decode(line.text.substr(0, pair)), decode(line.text.substr(pair + 4)), line);
    }
    if (module_.index_of.empty()) module_.first_pc = line.pc;
    const size_t slot = (line.pc - module_.first_pc) / 4;
    module_.index_of.resize(std::max(module_.index_of.size(), slot + line.words), Module::kNoInst);
    module_.index_of[slot] = index;
  }

  void resolve_branches() {
    for (auto [index, pc] : branches_) {
      module_.code[index].target = module_.find(pc);
      if (module_.code[index].target == Module::kNoInst) throw std::runtime_error("branch out of the code");
    }
  }

 private:
  void push(Inst inst, const ListingLine& line) {
    inst.pc = line.pc;
    inst.after = line.pc + 4 * line.words;
    inst.id = static_cast<u32>(module_.code.size());
    inst.text = line.text;
    if (inst.klass == Class::Branch) {
      const i64 distance = static_cast<i16>(line.first_word & 0xffff);
      if (inst.row->name.find("branch") != std::string::npos)
        branches_.emplace_back(inst.id, line.pc + 4 + 4 * distance);
    }
    module_.code.push_back(std::move(inst));
  }

  // VOPD: two operations, both of which read before either writes. They run one after the other in an order
  // in which the second does not read what the first wrote; when there is no such order, the first writes to
  // a spare register.
  void add_dual(Inst x, Inst y, const ListingLine& line) {
    const bool y_reads_x = reads(y, x.dst.index), x_reads_y = reads(x, y.dst.index);
    if (!y_reads_x || !x_reads_y) {
      y.counted = false;
      if (y_reads_x) std::swap(x, y), std::swap(x.counted, y.counted);
      push(std::move(x), line);
      push(std::move(y), line);
      return;
    }
    Inst move;
    move.run = move_from_spare32;
    move.dst = x.dst;
    move.counted = y.counted = false;
    move.row = x.row;
    x.dst.index = kSpareVector;
    push(std::move(x), line);
    push(std::move(y), line);
    push(std::move(move), line);
  }

  static bool reads(const Inst& inst, int index) {
    return std::any_of(inst.src.begin(), inst.src.end(),
                       [&](const Operand& o) { return o.kind == Kind::Vector && o.index == index; });
  }

  const Row* row_for(std::string_view mnemonic) const {
    const std::string generation = "@gfx" + std::to_string(module_.target->generation);
    const auto find = [&](std::string name) {
      const Row* row = find_row(name + generation);
      return row ? row : find_row(name);
    };
    if (const Row* row = find(std::string(mnemonic))) return row;
    std::string name(mnemonic);
    for (const char* suffix : {"_e64_dpp", "_e32", "_e64", "_dpp", "_sdwa"}) {
      if (name.ends_with(suffix)) {
        name.resize(name.size() - std::string_view(suffix).size());
        break;
      }
    }
    if (name.starts_with("v_dual_")) name.replace(0, 7, "v_");
    return find(name);
  }

  Inst decode(std::string_view text) {
    const Statement statement = parse_statement(text);
    Inst inst;
    inst.row = row_for(statement.mnemonic);
    if (!inst.row) {
      inst.run = unknown_instruction;
      return inst;
    }
    inst.klass = inst.row->klass;
    inst.run = wave_ == 64 ? inst.row->run64 : inst.row->run32;
    read_modifiers(inst, statement);
    place_operands(inst, statement);
    if (inst.row->reads_dst) inst.src[inst.sources++] = inst.dst;
    apply_selects(inst, statement);
    for (int i = 0; i < 4; ++i) bind(inst, inst.src[i], inst.row->widths[i], i);
    if (inst.dst.kind == Kind::Scalar && inst.dst.index == slot::null) inst.dst.index = slot::sink;
    if (inst.sdst.kind == Kind::Scalar && inst.sdst.index == slot::null) inst.sdst.index = slot::sink;
    return inst;
  }

  static u8 bit_list(const Statement& statement, std::string_view name, u8 otherwise) {
    const std::string_view* value = statement.find(name);
    if (!value) return otherwise;
    u8 bits = 0;
    int i = 0;
    for (int bit : parse_list(*value)) bits |= static_cast<u8>((bit & 1) << i++);
    return bits;
  }

  static i64 number(const Statement& statement, std::string_view name) {
    const std::string_view* value = statement.find(name);
    return value ? parse_integer(*value) : 0;
  }

  void read_modifiers(Inst& inst, const Statement& s) {
    inst.offset = s.has("offset") ? offset_of(*s.find("offset")) : 0;
    inst.offset0 = static_cast<u32>(number(s, "offset0"));
    inst.offset1 = static_cast<u32>(number(s, "offset1"));
    inst.clamp = s.has("clamp");
    inst.output_scale = s.has("div") ? 3 : static_cast<u8>(number(s, "mul") / 2);
    inst.op_sel = bit_list(s, "op_sel", 0);
    inst.neg_lo = bit_list(s, "neg_lo", 0);
    inst.neg_hi = bit_list(s, "neg_hi", 0);
    const bool mixed = inst.row->name.find("_mix") != std::string::npos;
    inst.op_sel_hi = bit_list(s, "op_sel_hi", mixed ? 0 : 7);
    inst.cbsz = static_cast<u8>(number(s, "cbsz"));
    inst.abid = static_cast<u8>(number(s, "abid"));
    inst.blgp = s.has("blgp") ? static_cast<u8>(number(s, "blgp")) : 0;
    inst.bitop = static_cast<u8>(number(s, "bitop3"));
    // GFX12 writes byte_sel:2 or, before LLVM 20, its two bits as op_sel.
    inst.byte_select = s.has("byte_sel")
                           ? static_cast<u8>(number(s, "byte_sel"))
                           : static_cast<u8>(((inst.op_sel & 1) << 1) | ((inst.op_sel >> 1) & 1));
    inst.offen = s.has("offen");
    inst.idxen = s.has("idxen");
    const std::string_view* hint = s.find("th");
    const bool atomic_return =
        hint && hint->starts_with("TH_ATOMIC") && hint->find("RETURN") != std::string_view::npos;
    inst.returns = s.has("glc") || s.has("sc0") || atomic_return;
    if (inst.row->atomic && inst.klass == Class::Lds) inst.returns = inst.row->shape == Shape::DstSrc;
    inst.dpp = make_dpp(s);
    inst.special_dst = inst.dpp != nullptr;
  }

  static i64 offset_of(std::string_view value) {
    if (!value.starts_with("swizzle(")) return parse_integer(value);
    const size_t comma = value.find(',');
    const std::string_view mode = value.substr(8, comma - 8);
    const std::vector<int> a =
        parse_list("[" + std::string(value.substr(comma + 1, value.size() - comma - 2)) + "]");
    if (mode == "QUAD_PERM") return 0x8000 | a[0] | a[1] << 2 | a[2] << 4 | a[3] << 6;
    if (mode == "SWAP") return 31 | a[0] << 10;
    if (mode == "REVERSE") return 31 | (a[0] - 1) << 10;
    if (mode == "BROADCAST") return (31 & ~(a[0] - 1)) | a[1] << 5;
    if (mode == "BITMASK_PERM") return bitmask_swizzle(value.substr(comma + 1));
    throw std::runtime_error("unknown swizzle " + std::string(value));
  }

  // "01pip": one letter for each lane bit, highest first: constant, preserved or inverted.
  static i64 bitmask_swizzle(std::string_view letters) {
    i64 keep = 0, set = 0, flip = 0, bit = 16;
    for (char c : letters) {
      if (c != '0' && c != '1' && c != 'p' && c != 'i') continue;
      keep |= c == 'p' || c == 'i' ? bit : 0;
      set |= c == '1' ? bit : 0;
      flip |= c == 'i' ? bit : 0;
      bit >>= 1;
    }
    return keep | set << 5 | flip << 10;
  }

  const Dpp* make_dpp(const Statement& s);

  void place_operands(Inst& inst, const Statement& statement) {
    std::vector<Operand> o;
    for (std::string_view text : statement.operands) {
      if (text.starts_with("hwreg(")) read_hardware_register(inst, text);
      else o.push_back(parse_operand(text));
    }
    const Row& row = *inst.row;
    const int wanted = static_cast<int>(std::count_if(row.widths.begin(), row.widths.end(),
                                                      [](Width width) { return width != Width::None; }));
    Operand vcc;
    vcc.kind = Kind::Scalar;
    vcc.index = slot::vcc;
    const auto take = [&](Operand& to) {
      if (o.empty()) return;
      to = o.front();
      o.erase(o.begin());
    };
    const auto sources = [&](std::initializer_list<int> order) {
      for (int i : order) {
        if (o.empty()) break;
        take(inst.src[i]);
        inst.sources = static_cast<u8>(std::max<int>(inst.sources, i + 1));
      }
    };
    switch (row.shape) {
      case Shape::SrcOnly: return sources({0, 1, 2, 3});
      case Shape::DstSrc:
      case Shape::Load: take(inst.dst); return sources({0, 1, 2, 3});
      case Shape::CarryOut:
      case Shape::CarryInOut: {
        const int carry_in = row.shape == Shape::CarryInOut;
        take(inst.dst);
        inst.sdst = vcc;
        if (static_cast<int>(o.size()) > wanted) take(inst.sdst);
        if (carry_in && static_cast<int>(o.size()) == wanted) o.push_back(vcc);
        return sources({0, 1, 2, 3});
      }
      case Shape::Compare:
      case Shape::CompareX: {
        inst.sdst = vcc;
        if (row.shape == Shape::CompareX && module_.target->generation >= 10) inst.sdst.index = slot::exec;
        if (static_cast<int>(o.size()) > wanted) take(inst.sdst);
        return sources({0, 1});
      }
      case Shape::SelectMask:
        take(inst.dst);
        if (o.size() == 2) o.push_back(vcc);
        return sources({0, 1, 2});
      case Shape::Store: return sources({0, 2, 1});
      case Shape::DataFirst: return sources({3, 0, 1, 2});
      case Shape::Atomic:
        if (inst.returns) take(inst.dst);
        return sources({0, 2, 1});
    }
  }

  static void read_hardware_register(Inst& inst, std::string_view text) {
    // hwreg(HW_REG_MODE, offset, size); only MODE matters.
    const bool mode =
        text.find("MODE") != std::string_view::npos && text.find("DENORM") == std::string_view::npos;
    int offset = 0, size = 32;
    std::sscanf(
        std::string(text.substr(text.find(',') == std::string_view::npos ? text.size() : text.find(',')))
            .c_str(),
        ", %d, %d", &offset, &size);
    inst.offset0 = mode ? 1 : 0;
    inst.offset1 = static_cast<u32>(offset | (size << 8));
  }

  void apply_selects(Inst& inst, const Statement& s) {
    const auto select = [&](std::string_view name, Select& to) {
      static const char* const names[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3",
                                          "WORD_0", "WORD_1", "DWORD"};
      const std::string_view* value = s.find(name);
      for (int i = 0; value && i < 7; ++i) {
        if (*value == names[i]) to = static_cast<Select>(i);
      }
    };
    select("src0_sel", inst.src[0].select);
    select("src1_sel", inst.src[1].select);
    select("dst_sel", inst.dst_select);
    const std::string_view* unused = s.find("dst_unused");
    inst.dst_preserve = unused && *unused == "UNUSED_PRESERVE";
    inst.dst_sign = unused && *unused == "UNUSED_SEXT";
    inst.special_dst |= inst.dst_select != Select::Dword;
    if (!inst.row->packed) {
      const int own = inst.sources - (inst.row->reads_dst ? 1 : 0);
      for (int i = 0; i < own; ++i) {
        if (!inst.src[i].explicit_half) inst.src[i].high_half = (inst.op_sel >> i) & 1;
      }
      if (!inst.dst.explicit_half) inst.dst.high_half = (inst.op_sel >> own) != 0;
      if (inst.row->reads_dst) inst.src[own].high_half = inst.dst.high_half;
    }
    inst.clear_high = module_.target->generation == 9 && !inst.dst.high_half && !inst.row->keeps_half;
  }

  void bind(const Inst& inst, Operand& operand, Width width, int index) {
    if (operand.kind == Kind::Constant) bind_constant(operand, width);
    const bool usable = operand.is_register() || operand.kind == Kind::Constant;
    const bool is_swizzled = inst.dpp && index == 0;
    operand.plain =
        usable && !operand.negate && !operand.absolute && operand.select == Select::Dword && !is_swizzled;
  }

  void bind_constant(Operand& operand, Width width) {
    if (operand.is_float) {
      if (width == Width::Bits16) operand.bits = as_u16(static_cast<f16>(operand.number));
      else if (width == Width::Bits64 || width == Width::Float64) operand.bits = as_u64(operand.number);
      else operand.bits = as_u32(static_cast<f32>(operand.number));
    } else if (width == Width::Float64 && operand.literal) {
      operand.bits <<= 32;  // a literal is the high half of a double
    }
    operand.lanes = lanes_of(operand.bits);
  }

  const u32* lanes_of(u64 bits) {
    const auto [it, is_new] = constants_.try_emplace(bits, nullptr);
    if (is_new) {
      auto& lanes = module_.constants.emplace_back();
      std::fill_n(lanes.begin(), 64, static_cast<u32>(bits));
      std::fill_n(lanes.begin() + 64, 64, static_cast<u32>(bits >> 32));
      it->second = lanes.data();
    }
    return it->second;
  }

  Module& module_;
  int wave_;
  std::map<u64, const u32*> constants_;
  std::vector<std::pair<u32, u64>> branches_;
};

// DPP controls: where lane l (p within its row of 16 starting at r) reads from, or -1 when that lane does not
// exist.
struct DppControl {
  const char* name;
  int (*from)(int lane, int argument, int lanes);
};

int within_row(int lane, int position) {
  return position < 0 || position > 15 ? -1 : (lane & ~15) | position;
}

const DppControl kDppControls[] = {
    {"row_shl", [](int l, int n, int) { return within_row(l, (l & 15) + n); }},
    {"row_shr", [](int l, int n, int) { return within_row(l, (l & 15) - n); }},
    {"row_ror", [](int l, int n, int) { return within_row(l, ((l & 15) - n) & 15); }},
    {"row_mirror", [](int l, int, int) { return l ^ 15; }},
    {"row_half_mirror", [](int l, int, int) { return l ^ 7; }},
    {"row_share", [](int l, int n, int) { return within_row(l, n); }},
    {"row_newbcast", [](int l, int n, int) { return within_row(l, n); }},
    {"row_xmask", [](int l, int n, int) { return l ^ n; }},
    {"row_bcast", [](int l, int n, int) { return n == 15  ? (l & ~15) - 1
                                                 : l < 32 ? -1
                                                          : 31; }},
    {"wave_shl", [](int l, int n, int lanes) { return l + n < lanes ? l + n : -1; }},
    {"wave_shr", [](int l, int n, int) { return l - n; }},
    {"wave_rol", [](int l, int n, int lanes) { return (l + n) & (lanes - 1); }},
    {"wave_ror", [](int l, int n, int lanes) { return (l - n) & (lanes - 1); }},
};

const Dpp* Decoder::make_dpp(const Statement& s) {
  Dpp dpp;
  const auto fill = [&](auto from) {
    for (int l = 0; l < wave_; ++l) {
      const int source = from(l);
      dpp.from[l] = static_cast<u8>(std::max(source, 0));
      dpp.in_range |= static_cast<u64>(source >= 0) << l;
    }
  };
  bool found = false;
  if (const std::string_view* list = s.find("quad_perm")) {
    const std::vector<int> quad = parse_list(*list);
    fill([&](int l) { return (l & ~3) | quad.at(l & 3); });
    found = true;
  } else if (const std::string_view* lanes = s.find("dpp8")) {
    const std::vector<int> eight = parse_list(*lanes);
    fill([&](int l) { return (l & ~7) | eight.at(l & 7); });
    dpp.zero_invalid = true;
    found = true;
  }
  for (const DppControl& control : kDppControls) {
    if (!s.has(control.name)) continue;
    const int argument = static_cast<int>(number(s, control.name));
    fill([&](int l) { return control.from(l, argument, wave_); });
    found = true;
  }
  if (!found) return nullptr;
  const int row_mask = s.has("row_mask") ? static_cast<int>(number(s, "row_mask")) : 15;
  const int bank_mask = s.has("bank_mask") ? static_cast<int>(number(s, "bank_mask")) : 15;
  for (int l = 0; l < wave_; ++l) {
    const bool on = ((row_mask >> (l / 16)) & 1) && ((bank_mask >> ((l & 15) / 4)) & 1);
    dpp.enabled |= static_cast<u64>(on) << l;
  }
  dpp.zero_invalid |= s.has("bound_ctrl");
  dpp.fetch_inactive = number(s, "fi") != 0;
  return &module_.dpps.emplace_back(dpp);
}

}  // namespace

u32 Module::find(u64 pc) const {
  if (pc < first_pc || (pc - first_pc) / 4 >= index_of.size()) return kNoInst;
  return index_of[(pc - first_pc) / 4];
}

void decode_listing(Module& module, const std::string& listing, int wave) {
  Decoder decoder(module, wave);
  std::string_view rest = listing;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    ListingLine line;
    if (parse_line(rest.substr(0, end), line)) decoder.add(line);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  decoder.resolve_branches();
}

}  // namespace emu

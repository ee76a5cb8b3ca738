// Branches, barriers, program counter, mode, and the instructions that do nothing here.
#include "dispatch.h"
#include "valu.h"

namespace emu {

namespace {

template <class Fn>
Row control(std::string name, Class klass, Fn) {
  Row row;
  row.name = std::move(name);
  row.klass = klass;
  row.shape = Shape::SrcOnly;
  row.run32 = row.run64 = [](Wave& w, const Inst& in) { Fn{}(w, in); };
  return row;
}

template <class Fn>
Row branch(std::string name, Fn) {
  return control(std::move(name), Class::Branch, [](Wave& w, const Inst& in) {
    if (Fn{}(w)) w.next = in.target;
  });
}

void jump(Wave& w, u64 address) {
  const u32 index = w.launch->module->find(address - w.launch->module->image);
  if (index == Module::kNoInst) fault(w, "jump to " + hex(address) + ", which is not an instruction");
  w.next = index;
}

u64 return_address(const Wave& w, const Inst& in) { return w.launch->module->image + in.after; }

void add_branches(Rows& rows) {
  rows.push_back(branch("s_branch", [](const Wave&) { return true; }));
  rows.push_back(branch("s_cbranch_scc0", [](const Wave& w) { return !w.scc; }));
  rows.push_back(branch("s_cbranch_scc1", [](const Wave& w) { return w.scc != 0; }));
  rows.push_back(branch("s_cbranch_execz", [](const Wave& w) { return w.exec() == 0; }));
  rows.push_back(branch("s_cbranch_execnz", [](const Wave& w) { return w.exec() != 0; }));
  rows.push_back(
      branch("s_cbranch_vccz", [](const Wave& w) { return special_scalar(w, Kind::VccZero) != 0; }));
  rows.push_back(
      branch("s_cbranch_vccnz", [](const Wave& w) { return special_scalar(w, Kind::VccZero) == 0; }));
}

void add_program_counter(Rows& rows) {
  Row getpc = control("s_getpc_b64", Class::Salu,
                      [](Wave& w, const Inst& in) { write_scalar(w, in.dst, return_address(w, in)); });
  getpc.shape = Shape::DstSrc;
  rows.push_back(getpc);
  rows.push_back(control("s_setpc_b64", Class::Branch,
                         [](Wave& w, const Inst& in) { jump(w, read_scalar<u64>(w, in.src[0])); }));
  Row swappc = control("s_swappc_b64", Class::Branch, [](Wave& w, const Inst& in) {
    const u64 to = read_scalar<u64>(w, in.src[0]);
    write_scalar(w, in.dst, return_address(w, in));
    jump(w, to);
  });
  swappc.shape = Shape::DstSrc;
  rows.push_back(swappc);
}

void add_ends(Rows& rows) {
  for (const char* name : {"s_endpgm", "s_endpgm_saved"}) {
    rows.push_back(control(name, Class::Other, [](Wave& w, const Inst&) { w.state = State::Done; }));
  }
  // GFX12 splits the barrier; waiting is what orders waves.
  for (const char* name : {"s_barrier", "s_barrier_wait"}) {
    rows.push_back(control(name, Class::Barrier, [](Wave& w, const Inst&) { w.state = State::AtBarrier; }));
  }
  rows.push_back(
      control("s_trap", Class::Other, [](Wave& w, const Inst&) { fault(w, "the kernel trapped"); }));
  // A sleeping wave is waiting for another one.
  rows.push_back(control("s_sleep", Class::Wait, [](Wave& w, const Inst&) { w.yield = true; }));
}

// The MODE register: bits 4:5 are the f32 denormal mode (0: flush inputs and outputs).
constexpr u32 kHwMode = 1;

void set_mode(Wave& w, u32 offset, u32 bits, u32 value) {
  const u32 mask = (bits >= 32 ? ~0u : (1u << bits) - 1) << offset;
  w.mode = (w.mode & ~mask) | ((value << offset) & mask);
  w.f32_denormals = ((w.mode >> 4) & 3) != 0;
  apply_denormal_mode(w);
}

// hwreg(id, offset, size) is decoded to offset0 = id, offset1 = offset | size << 8.
void add_mode(Rows& rows) {
  for (const char* name : {"s_setreg_b32", "s_setreg_imm32_b32"}) {
    rows.push_back(control(name, Class::Salu, [](Wave& w, const Inst& in) {
      if (in.offset0 == kHwMode)
        set_mode(w, in.offset1 & 0xff, in.offset1 >> 8, read_scalar<u32>(w, in.src[0]));
    }));
  }
  Row getreg = control("s_getreg_b32", Class::Salu, [](Wave& w, const Inst& in) {
    const u32 value = in.offset0 == kHwMode ? w.mode : 0;
    const u32 bits = in.offset1 >> 8;
    write_scalar(w, in.dst, (value >> (in.offset1 & 0xff)) & (bits >= 32 ? ~0u : (1u << bits) - 1));
  });
  getreg.shape = Shape::DstSrc;
  rows.push_back(getreg);
  rows.push_back(control("s_denorm_mode", Class::Salu,
                         [](Wave& w, const Inst& in) { set_mode(w, 4, 4, read_scalar<u32>(w, in.src[0])); }));
  rows.push_back(control("s_round_mode", Class::Salu, [](Wave& w, const Inst& in) {
    if (read_scalar<u32>(w, in.src[0]) & 15) fault(w, "only rounding to nearest is modelled");
  }));
  rows.push_back(
      control("s_memtime", Class::Other, [](Wave& w, const Inst&) { fault(w, "no clock is modelled"); }));
}

// Waiting, caching, scheduling: nothing to do, since every instruction completes before the next one starts.
void add_nops(Rows& rows) {
  const char* const waits[] = {"s_waitcnt",
                               "s_waitcnt_vscnt",
                               "s_waitcnt_vmcnt",
                               "s_waitcnt_lgkmcnt",
                               "s_waitcnt_expcnt",
                               "s_waitcnt_depctr",
                               "s_wait_alu",
                               "s_wait_loadcnt",
                               "s_wait_storecnt",
                               "s_wait_dscnt",
                               "s_wait_kmcnt",
                               "s_wait_loadcnt_dscnt",
                               "s_wait_storecnt_dscnt",
                               "s_wait_samplecnt",
                               "s_wait_bvhcnt",
                               "s_wait_expcnt",
                               "s_wait_event",
                               "s_wait_idle",
                               "s_delay_alu",
                               "s_nop",
                               "s_clause",
                               "s_code_end",
                               "v_nop"};
  const char* const hints[] = {"s_inst_prefetch",
                               "s_set_inst_prefetch_distance",
                               "s_setprio",
                               "s_sethalt",
                               "s_icache_inv",
                               "s_dcache_inv",
                               "s_dcache_wb",
                               "s_gl1_inv",
                               "buffer_gl0_inv",
                               "buffer_gl1_inv",
                               "buffer_wbl2",
                               "buffer_inv",
                               "buffer_wbinvl1",
                               "buffer_wbinvl1_vol",
                               "buffer_invl2",
                               "buffer_wbinvl1_sc",
                               "global_inv",
                               "global_wb",
                               "global_wbinv",
                               "s_barrier_signal",
                               "s_barrier_leave",
                               "s_prefetch_inst",
                               "s_prefetch_data",
                               "s_prefetch_inst_pc_rel",
                               "s_prefetch_data_pc_rel",
                               "s_buffer_prefetch_data",
                               "global_prefetch_b8",
                               "s_sendmsg",
                               "s_ttracedata",
                               "s_ttracedata_imm",
                               "s_incperflevel",
                               "s_decperflevel",
                               "s_version"};
  for (const char* name : waits) rows.push_back(control(name, Class::Wait, [](Wave&, const Inst&) {}));
  for (const char* name : hints) rows.push_back(control(name, Class::Other, [](Wave&, const Inst&) {}));
}

}  // namespace

void add_control_rows(Rows& rows) {
  add_branches(rows);
  add_program_counter(rows);
  add_ends(rows);
  add_mode(rows);
  add_nops(rows);
}

}  // namespace emu

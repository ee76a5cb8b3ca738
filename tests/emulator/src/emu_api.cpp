// What tests call through ctypes, beside the HIP functions: faults, evidence, reset.
#include <cstring>

#include "evidence.h"
#include "faults.h"
#include "hip_runtime.h"
#include "table.h"

using namespace emu;

extern "C" {

// The message of the first kernel fault since the last reset; empty when there was none.
const char* emuLastFault() {
  static thread_local std::string text;
  text = hip::fault_text();
  return text.c_str();
}

// Brings lost devices back and forgets faults and pending injections. Real hardware needs a new process.
void emuReset() {
  clear_faults();
  hip::reset_devices();
}

// Makes the n-th call from now of a kind fail (see faults.h). 0 when the kind is known.
int emuFailAt(const char* kind, int n) { return fail_at(kind, n) ? 0 : 1; }

void emuEvidenceEnable(int on) { set_evidence(on != 0); }
void emuEvidenceClear() { clear_evidence(); }

// One JSON record for each launch since the last clear.
const char* emuEvidenceJson() {
  static thread_local std::string text;
  text = evidence_json();
  return text.c_str();
}

// Whether the instruction table has a row for a mnemonic (without encoding suffix).
int emuKnows(const char* mnemonic) {
  const std::string name = mnemonic;
  return find_row(name) || find_row(name + "@gfx11") || find_row(name + "@gfx12") ? 1 : 0;
}

}  // extern "C"

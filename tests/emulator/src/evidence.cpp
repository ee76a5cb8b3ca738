#include "evidence.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <sstream>

namespace emu {

namespace {

constexpr u64 kLineShift = 7;
constexpr int kBanks = 32;
constexpr size_t kMostRecords = 65536;

std::atomic<bool> g_enabled{false};
std::mutex g_mutex;
std::vector<LaunchRecord>& g_records = *new std::vector<LaunchRecord>;  // never destroyed

void write_triple(std::ostream& out, const std::array<u32, 3>& v) {
  out << "[" << v[0] << "," << v[1] << "," << v[2] << "]";
}

void write_record(std::ostream& out, const LaunchRecord& record) {
  const Counters& c = record.counters;
  out << "{\"kernel\":\"" << record.kernel << "\",\"grid\":";
  write_triple(out, record.grid);
  out << ",\"block\":";
  write_triple(out, record.block);
  u64 total = 0;
  out << ",\"instructions\":{";
  for (size_t i = 0; i < c.instructions.size(); ++i) {
    total += c.instructions[i];
    out << (i ? "," : "") << "\"" << class_name(static_cast<Class>(i)) << "\":" << c.instructions[i];
  }
  const std::pair<const char*, u64> values[] = {
      {"wave_instructions", total},         {"waves", c.waves},
      {"bytes_read", c.bytes_read},         {"bytes_written", c.bytes_written},
      {"lines_read", c.lines_read},         {"lines_written", c.lines_written},
      {"lds_bytes_read", c.lds_bytes_read}, {"lds_bytes_written", c.lds_bytes_written},
      {"bank_conflicts", c.bank_conflicts},
  };
  out << "}";
  for (const auto& [name, value] : values) out << ",\"" << name << "\":" << value;
  out << "}";
}

}  // namespace

void Counters::add(const Counters& other) {
  for (size_t i = 0; i < instructions.size(); ++i) instructions[i] += other.instructions[i];
  waves += other.waves;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  lines_read += other.lines_read;
  lines_written += other.lines_written;
  lds_bytes_read += other.lds_bytes_read;
  lds_bytes_written += other.lds_bytes_written;
  bank_conflicts += other.bank_conflicts;
}

void set_evidence(bool enabled) { g_enabled = enabled; }
bool evidence_enabled() { return g_enabled; }

void record_launch(LaunchRecord record) {
  std::lock_guard lock(g_mutex);
  if (g_records.size() < kMostRecords) g_records.push_back(std::move(record));
}

std::string evidence_json() {
  std::lock_guard lock(g_mutex);
  std::ostringstream out;
  out << "[";
  for (size_t i = 0; i < g_records.size(); ++i) {
    if (i) out << ",";
    write_record(out, g_records[i]);
  }
  out << "]";
  return out.str();
}

void clear_evidence() {
  std::lock_guard lock(g_mutex);
  g_records.clear();
}

u64 count_lines(const u64* addresses, u64 active, int lanes, int bytes) {
  std::array<u64, 128> lines;
  int count = 0;
  for (int l = 0; l < lanes; ++l) {
    if (!((active >> l) & 1)) continue;
    const u64 first = addresses[l] >> kLineShift, last = (addresses[l] + bytes - 1) >> kLineShift;
    for (u64 line = first; line <= last; ++line) lines[count++] = line;
  }
  std::sort(lines.begin(), lines.begin() + count);
  return std::unique(lines.begin(), lines.begin() + count) - lines.begin();
}

u64 count_bank_conflicts(const u32* addresses, u64 active, int lanes, int bytes) {
  const int words = std::max(bytes / 4, 1);
  const int group = std::max(kBanks / words, 1);  // lanes served in one pass
  u64 extra = 0;
  for (int first = 0; first < lanes; first += group) {
    std::array<std::vector<u32>, kBanks> wanted;
    for (int l = first; l < std::min(first + group, lanes); ++l) {
      if (!((active >> l) & 1)) continue;
      for (int j = 0; j < words; ++j) {
        const u32 word = addresses[l] / 4 + j;
        std::vector<u32>& bank = wanted[word % kBanks];
        if (std::find(bank.begin(), bank.end(), word) == bank.end()) bank.push_back(word);
      }
    }
    size_t worst = 0;
    for (const auto& bank : wanted) worst = std::max(worst, bank.size());
    extra += worst > 1 ? worst - 1 : 0;
  }
  return extra;
}

}  // namespace emu

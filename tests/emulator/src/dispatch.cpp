#include "dispatch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "memory.h"
#include "settings.h"

namespace emu {

std::string hex(u64 value) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(value));
  return buffer;
}

void fault(const Wave& w, const std::string& what) {
  const auto& id = w.group->id;
  std::string where = " [kernel " + w.launch->kernel->name + ", workgroup (" + std::to_string(id[0]) + "," +
                      std::to_string(id[1]) + "," + std::to_string(id[2]) + "), wave " + std::to_string(w.id);
  if (w.current) where += ", pc " + hex(w.current->pc) + ": " + w.current->text;
  throw Fault(what + where + "]");
}

void apply_denormal_mode(const Wave& wave) {
#if defined(__SSE__)
  constexpr unsigned kFlush = 0x8040;  // flush results to zero, treat inputs as zero
  const unsigned now = _mm_getcsr();
  const unsigned wanted = wave.f32_denormals ? now & ~kFlush : now | kFlush;
  if (wanted != now) _mm_setcsr(wanted);
#else
  (void)wave;
#endif
}

namespace {

constexpr u64 kTimeSlice = 1 << 20;  // instructions before other waves of the workgroup get a turn
constexpr u16 kMostEpochs = 510;

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};

u32 round_up(u32 value, u32 step) { return (value + step - 1) / step * step; }

// One workgroup at a time, with all its waves; reused for the workgroups that a thread runs.
class GroupRunner {
 public:
  GroupRunner(const Launch& launch) : launch_(launch), kernel_(*launch.kernel) {
    const u32 threads = launch.block[0] * launch.block[1] * launch.block[2];
    lanes_ = kernel_.wave;
    threads_ = threads;
    hints_.assign(launch.module->code.size(), 0);
    group_.lds.resize(round_up(kernel_.lds + launch.dynamic_lds, 4));
    waves_.resize((threads + lanes_ - 1) / lanes_);
    group_.check_races = settings().check_races && waves_.size() > 1;
    if (group_.check_races) {
      group_.tags.writer.resize(group_.lds.size());
      group_.tags.reader.resize(group_.lds.size());
    }
    const size_t rows = kVectorRows * lanes_;
    registers_.reset(
        static_cast<u32*>(std::aligned_alloc(64, (waves_.size() * rows * sizeof(u32) + 63) / 64 * 64)));
    scratch_.resize(static_cast<size_t>(kernel_.scratch) * lanes_ * waves_.size());
    order_.resize(waves_.size());
    std::iota(order_.begin(), order_.end(), 0);
    for (size_t i = 0; i < waves_.size(); ++i) {
      Wave& w = waves_[i];
      w.v = registers_.get() + i * rows;
      w.id = static_cast<int>(i);
      w.lanes = lanes_;
      w.all = lanes_ == 64 ? ~0ull : 0xffffffffull;
      w.group = &group_;
      w.launch = &launch;
      w.target = launch.target;
      w.counters = &counters_;
      w.range_hints = hints_.data();
      w.scratch = scratch_.data() + i * kernel_.scratch * lanes_;
      w.scratch_bytes = kernel_.scratch;
    }
  }

  const Counters& counters() const { return counters_; }

  void run(const std::array<u32, 3>& id, u64 seed) {
    prepare_group(id);
    for (Wave& w : waves_) prepare_wave(w);
    if (seed) random_.seed(seed);
    counters_.waves += waves_.size();
    while (true) {
      if (seed) std::shuffle(order_.begin(), order_.end(), random_);
      bool all_done = true, all_wait = true;
      for (int index : order_) {
        Wave& w = waves_[index];
        if (w.state == State::Running) run_wave(w);
        all_done &= w.state == State::Done;
        all_wait &= w.state != State::Running;
      }
      if (all_done) return;
      if (all_wait) pass_barrier();
    }
  }

 private:
  void prepare_group(const std::array<u32, 3>& id) {
    group_.id = id;
    if (settings().poison) {
      u32* words = reinterpret_cast<u32*>(group_.lds.data());
      std::fill_n(words, group_.lds.size() / 4, kPoison);
    }
    clear_tags();
  }

  void clear_tags() {
    group_.epoch = 1;
    std::fill(group_.tags.writer.begin(), group_.tags.writer.end(), 0);
    std::fill(group_.tags.reader.begin(), group_.tags.reader.end(), 0);
  }

  void pass_barrier() {
    for (Wave& w : waves_) {
      if (w.state == State::AtBarrier) w.state = State::Running;
    }
    if (++group_.epoch > kMostEpochs) clear_tags();
  }

  void poison_registers(Wave& w) {
    std::fill_n(w.s, slot::flat_scratch, kPoison);
    std::fill(w.s + slot::null, w.s + slot::count, 0);
    std::fill_n(w.v, static_cast<size_t>(std::min<u32>(kernel_.vgprs, 256)) * lanes_, kPoison);
    std::fill_n(w.v + kAccumulators * lanes_, static_cast<size_t>(kernel_.agprs) * lanes_, kPoison);
    if (w.scratch_bytes) {
      std::fill_n(reinterpret_cast<u32*>(w.scratch), static_cast<size_t>(w.scratch_bytes) * lanes_ / 4,
                  kPoison);
    }
  }

  void prepare_wave(Wave& w) {
    if (settings().poison) poison_registers(w);
    const u32 first = static_cast<u32>(w.id) * lanes_;
    const u32 active = std::min<u32>(lanes_, threads_ - first);
    w.set_exec(active >= 64 ? ~0ull : (1ull << active) - 1);
    w.s[slot::null] = w.s[slot::null + 1] = 0;
    w.scc = 0;
    w.state = State::Running;
    w.yield = false;
    w.current = nullptr;
    w.next = kernel_.entry_index;
    w.mode = (kernel_.rsrc1 >> 12) & 0xff;
    w.f32_denormals = ((w.mode >> 4) & 3) != 0;
    if (settings().f32_denormals == "flush") w.f32_denormals = false;
    if (settings().f32_denormals == "keep") w.f32_denormals = true;
    set_scalars(w);
    set_work_items(w, first);
    executed_[w.id] = 0;
  }

  // User SGPRs as the kernel descriptor's properties ask for them, then the workgroup's position.
  void set_scalars(Wave& w) {
    int next = 0;
    const auto pair = [&](u64 value) {
      w.s[next++] = static_cast<u32>(value);
      w.s[next++] = static_cast<u32>(value >> 32);
    };
    const u32 properties = kernel_.properties;
    if (properties & 1) {  // scratch descriptor
      pair(kScratchBuffer);
      pair(~0ull);
    }
    if (properties & 2) pair(launch_.packet);
    if (properties & 4) pair(0);  // queue
    if (properties & 8) pair(launch_.kernarg);
    if (properties & 16) pair(0);  // dispatch id
    if (properties & 32) pair(0);  // flat scratch
    if (properties & 64) w.s[next++] = kernel_.scratch;
    const u32 preloaded = kernel_.preload & 0x7f, preload_offset = kernel_.preload >> 7;
    for (u32 i = 0; i < preloaded; ++i) {
      std::memcpy(&w.s[next++], reinterpret_cast<const u8*>(launch_.kernarg) + 4 * (preload_offset + i), 4);
    }
    const auto& id = group_.id;
    if (launch_.target->generation >= 12) {
      w.s[slot::ttmp + 9] = id[0];
      w.s[slot::ttmp + 7] = (id[1] & 0xffff) | (id[2] << 16);
      return;
    }
    next = (kernel_.rsrc2 >> 1) & 31;
    for (int axis = 0; axis < 3; ++axis) {
      if ((kernel_.rsrc2 >> (7 + axis)) & 1) w.s[next++] = id[axis];
    }
    if ((kernel_.rsrc2 >> 10) & 1) w.s[next++] = 0;  // workgroup information
    if (kernel_.rsrc2 & 1) w.s[next++] = 0;          // scratch offset of the wave
  }

  void set_work_items(Wave& w, u32 first) {
    const auto& block = launch_.block;
    for (int l = 0; l < lanes_; ++l) {
      const u32 item = first + l;
      const u32 x = item % block[0], y = item / block[0] % block[1], z = item / block[0] / block[1];
      if (launch_.target->packed_ids) {
        w.v[l] = x | (y << 10) | (z << 20);
      } else {
        w.v[l] = x;
        w.v[lanes_ + l] = y;
        w.v[2 * lanes_ + l] = z;
      }
    }
  }

  void run_wave(Wave& w) {
    const Inst* const code = launch_.module->code.data();
    apply_denormal_mode(w);
    auto& counts = counters_.instructions;
    u64 budget = kTimeSlice;
    w.yield = false;
    while (w.state == State::Running && !w.yield && budget) {
      const Inst& in = code[w.next++];
      w.current = &in;
      counts[static_cast<int>(in.klass)] += in.counted;
      in.run(w, in);
      --budget;
    }
    executed_[w.id] += kTimeSlice - budget;
    if (executed_[w.id] > settings().max_instructions)
      fault(w, "the wave does not end (AMDEMU_MAX_INSTRUCTIONS)");
  }

  const Launch& launch_;
  const Kernel& kernel_;
  int lanes_ = 32;
  u32 threads_ = 0;
  Group group_;
  std::vector<Wave> waves_;
  std::vector<int> order_;
  std::array<u64, 64> executed_{};
  std::vector<u32> hints_;
  std::vector<u8> scratch_;
  std::unique_ptr<u32, FreeDeleter> registers_;
  Counters counters_;
  std::mt19937_64 random_;
};

// The dispatch packet that kernels read block and grid sizes from.
std::array<u8, 64> make_packet(const Dispatch& d) {
  std::array<u8, 64> packet{};
  for (int axis = 0; axis < 3; ++axis) {
    const u16 block = static_cast<u16>(d.block[axis]);
    const u32 threads = d.grid[axis] * d.block[axis];
    std::memcpy(packet.data() + 4 + 2 * axis, &block, sizeof block);
    std::memcpy(packet.data() + 12 + 4 * axis, &threads, sizeof threads);
  }
  return packet;
}

// The memory of a launch: what is allocated now, and the launch's own argument block.
std::shared_ptr<const Ranges> launch_memory(u64 begin, u64 end) {
  Ranges ranges = *memory_map().snapshot();
  const Range own{begin, end, 0, Range::kAnyone};
  ranges.insert(std::upper_bound(ranges.begin(), ranges.end(), own,
                                 [](const Range& a, const Range& b) { return a.begin < b.begin; }),
                own);
  return std::make_shared<const Ranges>(std::move(ranges));
}

u64 visiting_stride(u64 total, u64 seed) {
  u64 stride = (seed * 2654435761u) % total | 1;
  while (std::gcd(stride, total) != 1) stride += 2;
  return stride;
}

}  // namespace

void run_dispatch(const Dispatch& d) {
  const u64 total = static_cast<u64>(d.grid[0]) * d.grid[1] * d.grid[2];
  if (total == 0 || !settings().execute) return;
  // One block of memory for arguments and packet; kernels may read a little past the arguments.
  constexpr size_t kPadding = 256;
  std::vector<u64> storage((d.arguments.size() + kPadding + 64) / 8 + 1);
  const u64 base = reinterpret_cast<u64>(storage.data());
  if (!d.arguments.empty()) std::memcpy(storage.data(), d.arguments.data(), d.arguments.size());
  const u64 packet_at = base + (d.arguments.size() + kPadding) / 8 * 8;
  const std::array<u8, 64> packet = make_packet(d);
  std::memcpy(reinterpret_cast<void*>(packet_at), packet.data(), packet.size());

  Launch launch;
  launch.module = d.module;
  launch.kernel = d.kernel;
  launch.target = d.module->target;
  launch.devices = d.devices;
  launch.grid = d.grid;
  launch.block = d.block;
  launch.dynamic_lds = d.dynamic_lds;
  launch.kernarg = base;
  launch.packet = packet_at;
  launch.memory = launch_memory(base, base + storage.size() * 8);
  launch.evidence = evidence_enabled();

  const u64 seed = settings().shuffle;
  const u64 stride = seed ? visiting_stride(total, seed) : 1;
  std::atomic<u64> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::string error;
  Counters counters;
  const auto worker = [&] {
    try {
      GroupRunner runner(launch);
      for (u64 i = next++; i < total && !stop; i = next++) {
        const u64 id = i * stride % total;
        runner.run({static_cast<u32>(id % d.grid[0]), static_cast<u32>(id / d.grid[0] % d.grid[1]),
                    static_cast<u32>(id / d.grid[0] / d.grid[1])},
                   seed ? seed + id : 0);
      }
      std::lock_guard lock(mutex);
      counters.add(runner.counters());
    } catch (const std::exception& problem) {
      std::lock_guard lock(mutex);
      if (error.empty()) error = problem.what();
      stop = true;
    }
  };
#if defined(__SSE__)
  const unsigned saved = _mm_getcsr();
#endif
  constexpr u64 kGroupsWorthAThread = 4;  // starting a thread costs as much as a few small workgroups
  const u64 threads = std::min<u64>(settings().threads, (total + kGroupsWorthAThread - 1) / kGroupsWorthAThread);
  std::vector<std::thread> helpers;
  for (u64 i = 1; i < threads; ++i) helpers.emplace_back(worker);
  worker();
  for (std::thread& helper : helpers) helper.join();
#if defined(__SSE__)
  _mm_setcsr(saved);
#endif
  record_launch({d.kernel->name, d.grid, d.block, counters});
  if (!error.empty()) throw Fault(error);
}

}  // namespace emu

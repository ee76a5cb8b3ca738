// Loads an AMD code object: ELF segments, kernel descriptors, the metadata note, and the disassembly of its
// code.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <unordered_map>

#include "memory_map.h"
#include "module.h"

namespace emu {

namespace {

template <class T>
T read(const u8* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// MessagePack, as much of it as the metadata uses

struct Value {
  i64 number = 0;
  std::string text;
  std::vector<std::string> keys;  // of a map
  std::vector<Value> items;       // of a map or an array

  const Value& at(std::string_view key) const {
    static const Value& none = *new Value;
    const auto it = std::find(keys.begin(), keys.end(), key);
    return it == keys.end() ? none : items[it - keys.begin()];
  }
};

class MessagePack {
 public:
  explicit MessagePack(const u8* at) : at_(at) {}

  Value next() {
    Value value;
    const u8 tag = *at_++;
    if (tag < 0x80) value.number = tag;
    else if (tag < 0x90) read_map(value, tag & 15);
    else if (tag < 0xa0) read_array(value, tag & 15);
    else if (tag < 0xc0) read_text(value, tag & 31);
    else if (tag >= 0xe0) value.number = static_cast<i8>(tag);
    else read_long(value, tag);
    return value;
  }

 private:
  u64 big_endian(int bytes) {
    u64 value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | *at_++;
    return value;
  }
  void read_text(Value& value, size_t size) {
    value.text.assign(reinterpret_cast<const char*>(at_), size);
    at_ += size;
  }
  void read_array(Value& value, size_t size) {
    for (size_t i = 0; i < size; ++i) value.items.push_back(next());
  }
  void read_map(Value& value, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      value.keys.push_back(next().text);
      value.items.push_back(next());
    }
  }
  void read_long(Value& value, u8 tag) {
    switch (tag) {
      case 0xc0: return;
      case 0xc2:
      case 0xc3: value.number = tag & 1; return;
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf: value.number = static_cast<i64>(big_endian(1 << (tag - 0xcc))); return;
      case 0xd0: value.number = static_cast<i8>(big_endian(1)); return;
      case 0xd1: value.number = static_cast<i16>(big_endian(2)); return;
      case 0xd2: value.number = static_cast<i32>(big_endian(4)); return;
      case 0xd3: value.number = static_cast<i64>(big_endian(8)); return;
      case 0xd9:
      case 0xda:
      case 0xdb: return read_text(value, big_endian(1 << (tag - 0xd9)));
      case 0xdc:
      case 0xdd: return read_array(value, big_endian(2 << (tag - 0xdc)));
      case 0xde:
      case 0xdf: return read_map(value, big_endian(2 << (tag - 0xde)));
    }
    throw std::runtime_error("metadata: unexpected MessagePack tag");
  }

  const u8* at_;
};

// ELF

struct Segment {
  u32 type;
  u64 offset, address, file_bytes, memory_bytes;
};
struct Section {
  u32 type, link;
  u64 offset, bytes;
};

constexpr u32 kLoad = 1, kNote = 4, kDynamicSymbols = 11, kMetadataNote = 32;

class Elf {
 public:
  explicit Elf(const void* data) : base_(static_cast<const u8*>(data)) {
    if (std::memcmp(base_,
                    "\x7f"
                    "ELF",
                    4) != 0)
      throw std::runtime_error("not an ELF code object");
    const u64 segments = read<u64>(base_ + 32), sections = read<u64>(base_ + 40);
    const int segment_count = read<u16>(base_ + 56);
    const int section_bytes = read<u16>(base_ + 58), section_count = read<u16>(base_ + 60);
    bytes_ = sections + static_cast<u64>(section_bytes) * section_count;
    for (int i = 0; i < segment_count; ++i) {
      const u8* p = base_ + segments + 56 * i;
      segments_.push_back(
          {read<u32>(p), read<u64>(p + 8), read<u64>(p + 16), read<u64>(p + 32), read<u64>(p + 40)});
      bytes_ = std::max(bytes_, segments_.back().offset + segments_.back().file_bytes);
    }
    for (int i = 0; i < section_count; ++i) {
      const u8* p = base_ + sections + section_bytes * i;
      sections_.push_back({read<u32>(p + 4), read<u32>(p + 40), read<u64>(p + 24), read<u64>(p + 32)});
    }
  }

  u64 bytes() const { return bytes_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const u8* at(u64 offset) const { return base_ + offset; }

  std::unordered_map<std::string, u64> symbols() const {
    std::unordered_map<std::string, u64> all;
    for (const Section& section : sections_) {
      if (section.type != kDynamicSymbols) continue;
      const char* names = reinterpret_cast<const char*>(at(sections_.at(section.link).offset));
      for (u64 k = 0; k < section.bytes; k += 24) {
        const u8* symbol = at(section.offset + k);
        all[names + read<u32>(symbol)] = read<u64>(symbol + 8);
      }
    }
    return all;
  }

  Value metadata() const {
    for (const Segment& segment : segments_) {
      if (segment.type != kNote) continue;
      for (u64 at_note = segment.offset; at_note < segment.offset + segment.file_bytes;) {
        const u8* note = at(at_note);
        const u32 name = read<u32>(note), description = read<u32>(note + 4), type = read<u32>(note + 8);
        const u64 body = 12 + (name + 3) / 4 * 4;
        if (type == kMetadataNote) return MessagePack(note + body).next();
        at_note += body + (description + 3) / 4 * 4;
      }
    }
    throw std::runtime_error("no AMDGPU metadata note");
  }

 private:
  const u8* base_;
  u64 bytes_ = 0;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
};

Kernel read_kernel(const Value& row, const u8* descriptor, u64 descriptor_address) {
  Kernel kernel;
  kernel.name = row.at(".name").text;
  kernel.wave = static_cast<int>(row.at(".wavefront_size").number);
  kernel.vgprs = static_cast<u32>(row.at(".vgpr_count").number);
  kernel.agprs = static_cast<u32>(row.at(".agpr_count").number);
  kernel.sgprs = static_cast<u32>(row.at(".sgpr_count").number);
  kernel.max_group = static_cast<u32>(row.at(".max_flat_workgroup_size").number);
  kernel.lds = read<u32>(descriptor);
  kernel.scratch = read<u32>(descriptor + 4);
  kernel.kernarg = read<u32>(descriptor + 8);
  kernel.entry = descriptor_address + read<i64>(descriptor + 16);
  kernel.rsrc3 = read<u32>(descriptor + 44);
  kernel.rsrc1 = read<u32>(descriptor + 48);
  kernel.rsrc2 = read<u32>(descriptor + 52);
  kernel.properties = read<u16>(descriptor + 56);
  kernel.preload = read<u16>(descriptor + 58);
  for (const Value& argument : row.at(".args").items) {
    kernel.arguments.push_back({static_cast<u32>(argument.at(".offset").number),
                                static_cast<u32>(argument.at(".size").number),
                                argument.at(".value_kind").text});
  }
  return kernel;
}

std::string run(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::vector<char> buffer(1 << 16);
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), n);
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return output;
}

std::string disassemble(const void* data, u64 bytes, const std::string& arch) {
  char path[] = "/tmp/amdemu-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) throw std::runtime_error("cannot create a temporary file for the disassembler");
  const bool written = write(file, data, bytes) == static_cast<ssize_t>(bytes);
  close(file);
  const char* tool = getenv("AMDEMU_OBJDUMP");
  std::string listing;
  try {
    if (!written) throw std::runtime_error("cannot write the code object for the disassembler");
    listing = run(std::string(tool ? tool : "llvm-objdump-22") + " -d --mcpu=" + arch + " " + path);
  } catch (...) {
    unlink(path);
    throw;
  }
  unlink(path);
  return listing;
}

}  // namespace

Module::~Module() {
  if (!image) return;
  memory_map().erase(image);
  munmap(reinterpret_cast<void*>(image), image_bytes);
}

std::unique_ptr<Module> load_code_object(const void* data) {
  const Elf elf(data);
  const Value metadata = elf.metadata();
  auto module = std::make_unique<Module>();
  const std::string target = metadata.at("amdhsa.target").text;  // "amdgcn-amd-amdhsa--gfx90a:xnack-"
  module->arch = target.substr(target.find("--") + 2);
  module->target = find_target(module->arch);
  if (!module->target) throw std::runtime_error("no emulated architecture " + module->arch);
  for (const Segment& segment : elf.segments()) {
    if (segment.type == kLoad)
      module->image_bytes = std::max(module->image_bytes, segment.address + segment.memory_bytes);
  }
  void* image =
      mmap(nullptr, module->image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image == MAP_FAILED) throw std::runtime_error("no memory for the code object");
  module->image = reinterpret_cast<u64>(image);
  for (const Segment& segment : elf.segments()) {
    if (segment.type == kLoad)
      std::memcpy(static_cast<u8*>(image) + segment.address, elf.at(segment.offset), segment.file_bytes);
  }
  memory_map().insert({module->image, module->image + module->image_bytes, 0, Range::kAnyone});
  const auto symbols = elf.symbols();
  int wave = module->target->wave;
  for (const Value& row : metadata.at("amdhsa.kernels").items) {
    const u64 descriptor = symbols.at(row.at(".symbol").text);
    Kernel kernel = read_kernel(row, static_cast<const u8*>(image) + descriptor, descriptor);
    wave = kernel.wave;
    module->kernels[kernel.name] = std::move(kernel);
  }
  const std::string arch = module->arch.substr(0, module->arch.find(':'));
  decode_listing(*module, disassemble(data, elf.bytes(), arch), wave);
  for (auto& [name, kernel] : module->kernels) kernel.entry_index = module->find(kernel.entry);
  return module;
}

}  // namespace emu

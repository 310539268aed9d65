// Reading the section and program headers of an ELF file.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/object_file.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace rekindle::emulator {

namespace {

/// `count` records of type T from byte `at` on, or nothing when they do not lie in the file.
template <class T> std::vector<T> records(std::string_view bytes, uint64_t at, uint64_t count) {
  if (at > bytes.size() || count > (bytes.size() - at) / sizeof(T)) return {};
  std::vector<T> all(count);
  if (count > 0) std::memcpy(all.data(), bytes.data() + at, count * sizeof(T));
  return all;
}

/// "rk_reduce_rows(...)::scratch" is scratch.
std::string short_name(const char* symbol) {
  int state = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &state), &std::free);
  std::string name = state == 0 && text ? text.get() : symbol;
  const size_t colons = name.rfind("::");
  return colons == std::string::npos ? name.substr(0, name.find('.')) : name.substr(colons + 2);
}

Status damaged() {
  return Status::error(Code::data_loss, "the code of a kernel for the emulator is no shared object");
}

}  // namespace

Result<ObjectFile> read_object(std::string_view bytes) {
  const auto headers = records<Elf64_Ehdr>(bytes, 0, 1);
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0 ||
      headers[0].e_ident[EI_CLASS] != ELFCLASS64 || headers[0].e_type != ET_DYN)
    return damaged();
  const Elf64_Ehdr& header = headers[0];
  ObjectFile object;
  const auto segments = records<Elf64_Phdr>(bytes, header.e_phoff, header.e_phnum);
  if (segments.empty()) return damaged();
  for (const Elf64_Phdr& s : segments)
    if (s.p_type == PT_LOAD && (s.p_flags & PF_W) == 0) object.read_only.push_back({s.p_vaddr, s.p_memsz});
  const auto sections = records<Elf64_Shdr>(bytes, header.e_shoff, header.e_shnum);
  for (const Elf64_Shdr& table : sections) {
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= sections.size()) continue;
    const Elf64_Shdr& names = sections[table.sh_link];
    const auto text = records<char>(bytes, names.sh_offset, names.sh_size);
    if (text.empty() || text.back() != 0) return damaged();
    for (const Elf64_Sym& symbol :
         records<Elf64_Sym>(bytes, table.sh_offset, table.sh_size / sizeof(Elf64_Sym))) {
      if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx >= sections.size() ||
          symbol.st_name >= text.size() || symbol.st_size == 0)
        continue;
      const std::string_view name = text.data() + symbol.st_name;
      if (name == "rk_emulator_dynamic")
        object.dynamic = {"dynamic shared memory", symbol.st_value, symbol.st_size};
      if ((sections[symbol.st_shndx].sh_flags & SHF_WRITE) == 0 || name.starts_with("rk_emulator_") ||
          name.starts_with("_DYNAMIC") || name.starts_with("_GLOBAL"))
        continue;
      object.shared.push_back({short_name(name.data()), symbol.st_value, symbol.st_size});
    }
  }
  // The name that the kernel gives to its dynamic shared memory stands for the same place.
  std::erase_if(object.shared, [&](const SharedVariable& v) { return v.address == object.dynamic.address; });
  std::sort(object.shared.begin(), object.shared.end(),
            [](const SharedVariable& a, const SharedVariable& b) { return a.address < b.address; });
  return object;
}

}  // namespace rekindle::emulator

"""Reads AMD code objects: the kernels' resource use out of the NT_AMDGPU_METADATA note, and symbol sizes.

No tools are needed: the note is MessagePack inside an ELF file.
"""

import struct
from dataclasses import dataclass

NT_AMDGPU_METADATA = 32
PT_NOTE = 4
SHT_DYNSYM = 11


@dataclass(frozen=True)
class KernelResources:
    """What one kernel asks of the device. Registers are per lane (SGPRs per wave), sizes in bytes."""

    name: str
    vgprs: int  # with the accumulation registers, which share one file since gfx90a
    agprs: int
    sgprs: int
    vgpr_spills: int
    sgpr_spills: int
    lds: int
    scratch: int
    dynamic_stack: bool
    wave: int
    max_group: int
    kernarg: int
    code: int  # bytes of machine code


def read_kernels(blob: bytes) -> dict[str, KernelResources]:
    """The kernels of a code object by name. ValueError: not an AMD code object."""
    if blob[:4] != b"\x7fELF":
        raise ValueError("not an ELF file")
    sizes = _symbol_sizes(blob)
    kernels = {}
    for row in _metadata(blob)["amdhsa.kernels"]:
        name = row[".name"]
        kernels[name] = KernelResources(
            name=name,
            vgprs=row[".vgpr_count"],
            agprs=row.get(".agpr_count", 0),
            sgprs=row[".sgpr_count"],
            vgpr_spills=row[".vgpr_spill_count"],
            sgpr_spills=row[".sgpr_spill_count"],
            lds=row[".group_segment_fixed_size"],
            scratch=row[".private_segment_fixed_size"],
            dynamic_stack=bool(row.get(".uses_dynamic_stack", False)),
            wave=row[".wavefront_size"],
            max_group=row[".max_flat_workgroup_size"],
            kernarg=row[".kernarg_segment_size"],
            code=sizes[name],
        )
    return kernels


def _metadata(blob: bytes) -> dict:
    (header_offset,) = struct.unpack_from("<Q", blob, 32)
    (header_count,) = struct.unpack_from("<H", blob, 56)
    for i in range(header_count):
        kind, _, offset, _, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", blob, header_offset + 56 * i)
        if kind != PT_NOTE:
            continue
        at, end = offset, offset + size
        while at < end:
            name_size, desc_size, note = struct.unpack_from("<III", blob, at)
            desc = at + 12 + _pad4(name_size)
            if note == NT_AMDGPU_METADATA:
                return unpack(blob[desc : desc + desc_size])
            at = desc + _pad4(desc_size)
    raise ValueError("no AMDGPU metadata note")


def _pad4(size: int) -> int:
    return (size + 3) // 4 * 4


def _symbol_sizes(blob: bytes) -> dict[str, int]:
    (offset,) = struct.unpack_from("<Q", blob, 40)
    entry, count = struct.unpack_from("<HH", blob, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", blob, offset + entry * i) for i in range(count)]
    sizes = {}
    for section in sections:
        if section[1] != SHT_DYNSYM:
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, _, _, _, _, size = struct.unpack_from("<IBBHQQ", blob, at)
            end = blob.index(b"\0", names + name)
            sizes[blob[names + name : end].decode()] = size
    return sizes


def unpack(data: bytes):
    """Decodes one MessagePack value (the subset without floats and binary blobs, which metadata never has)."""
    value, _ = _value(data, 0)
    return value


# Leading byte -> (kind, bytes that hold the number or length).
_SIZED = {
    0xCC: ("uint", 1), 0xCD: ("uint", 2), 0xCE: ("uint", 4), 0xCF: ("uint", 8),
    0xD0: ("int", 1), 0xD1: ("int", 2), 0xD2: ("int", 4), 0xD3: ("int", 8),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4),
    0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def _value(data: bytes, at: int):
    lead = data[at]
    at += 1
    if lead < 0x80:
        return lead, at
    if lead >= 0xE0:
        return lead - 256, at
    if lead in _CONSTANTS:
        return _CONSTANTS[lead], at
    if lead < 0x90:
        kind, number = "map", lead & 15
    elif lead < 0xA0:
        kind, number = "array", lead & 15
    elif lead < 0xC0:
        kind, number = "str", lead & 31
    elif lead in _SIZED:
        kind, width = _SIZED[lead]
        number = int.from_bytes(data[at : at + width], "big", signed=kind == "int")
        at += width
    else:
        raise ValueError(f"MessagePack type {lead:#x} is not part of AMDGPU metadata")
    if kind == "str":
        return data[at : at + number].decode(), at + number
    if kind == "array":
        return _array(data, at, number)
    if kind == "map":
        items, at = _array(data, at, 2 * number)
        return dict(zip(items[::2], items[1::2], strict=True)), at
    return number, at


def _array(data: bytes, at: int, count: int):
    items = []
    for _ in range(count):
        item, at = _value(data, at)
        items.append(item)
    return items, at

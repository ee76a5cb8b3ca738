// Files. The formats are taken apart and put together in Python (mlx_rocm/_files); what is here reads their data.
#include "backend/ops/load.h"

#include <nanobind/stl/shared_ptr.h>

#include <cstring>

#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {
namespace {

using io::File;

void def_file(nb::module_& m) {
  nb::class_<File>(m, "_File", "A file to load arrays from.")
      .def(nb::new_([](const std::string& path) { return File::open(path); }), "path"_a)
      .def_prop_ro("size", &File::size)
      .def_prop_ro("path", &File::path)
      .def(
          "read",
          [](const File& f, uint64_t offset, uint64_t bytes) {
            if (bytes > f.size()) runtime_error("[load] ", f.path(), " is cut short.");
            nb::object out = nb::steal(PyBytes_FromStringAndSize(nullptr, Py_ssize_t(bytes)));
            char* to = PyBytes_AS_STRING(out.ptr());
            WithoutGil release;
            f.read(offset, bytes, to);
            return out;
          },
          "offset"_a, "bytes"_a)
      .def(
          "array",
          [](std::shared_ptr<File> f, uint64_t offset, const Shape& shape, Dtype dtype, bool swapped,
             const StreamOrDevice& s) { return load_from(std::move(f), offset, shape, dtype, swapped, s); },
          "offset"_a, "shape"_a, "dtype"_a, "swapped"_a = false, "stream"_a = nb::none());
  m.def(
      "_array_from_bytes",
      [](nb::bytes data, const Shape& shape, Dtype dtype) {
        array out = array::uninitialised(shape, dtype);
        if (out.nbytes() > data.size()) {
          runtime_error("[load] ", out.nbytes(), " bytes are wanted, there are ", data.size(), ".");
        }
        if (out.nbytes()) std::memcpy(out.bytes(), data.c_str(), out.nbytes());
        if (dtype == bool_) io::normalise_bools(out.bytes(), out.nbytes());
        return out;
      },
      "data"_a, "shape"_a, "dtype"_a);
}

nb::object files(const char* function) { return nb::module_::import_("mlx_rocm._files").attr(function); }

}  // namespace

void init_io(nb::module_& m) {
  def_file(m);
  m.def(
      "load",
      [](nb::object file, nb::object format, bool return_metadata, nb::object stream) {
        return files("load")(file, format, return_metadata, stream);
      },
      "file"_a, "format"_a = nb::none(), "return_metadata"_a = false, nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def load(file: file | str | pathlib.Path, /, format: str | None = None, return_metadata: bool = False, "
              "*, stream: StreamOrDevice = None) -> array | dict[str, array] | tuple[dict[str, array], dict[str, Any]]"),
      R"(Loads arrays from a .npy, .npz, .safetensors or .gguf file; their data is read when they are evaluated.

Args:
    file (file, str, Path): a path, or a file opened for reading in binary mode (read at once).
    format (str, optional): by default the file's extension.
    return_metadata (bool, optional): also return the metadata (safetensors and gguf only).

Returns:
    array | dict: the array of a .npy file, else the arrays by name; with ``return_metadata`` a tuple of these
    and the metadata.

Raises:
    RuntimeError: the file is missing, cut short or damaged.
    ValueError: the format is unknown.)");
  m.def(
      "save", [](nb::object file, nb::object arr) { files("save")(file, arr); }, "file"_a, "arr"_a,
      nb::sig("def save(file: file | str | pathlib.Path, arr: array) -> None"),
      "Saves one array as a .npy file; the extension is added where it is missing.");
  m.def(
      "savez", [](nb::object file, nb::args args, nb::kwargs kwargs) { files("savez")(file, *args, **kwargs); },
      "file"_a, "args"_a, "kwargs"_a, nb::sig("def savez(file: file | str | pathlib.Path, *args, **kwargs)"),
      "Saves arrays as a .npz file: positional ones as arr_0, arr_1, ..., keyword ones under their names.");
  m.def(
      "savez_compressed",
      [](nb::object file, nb::args args, nb::kwargs kwargs) { files("savez_compressed")(file, *args, **kwargs); },
      "file"_a, "args"_a, "kwargs"_a, nb::sig("def savez_compressed(file: file | str | pathlib.Path, *args, **kwargs)"),
      "As savez, with compressed contents.");
  m.def(
      "save_safetensors",
      [](nb::object file, nb::object arrays, nb::object metadata) { files("save_safetensors")(file, arrays, metadata); },
      "file"_a, "arrays"_a, "metadata"_a = nb::none(),
      nb::sig("def save_safetensors(file: file | str | pathlib.Path, arrays: dict[str, array], metadata: dict[str, str] "
              "| None = None)"),
      "Saves arrays by name, and texts by name as metadata, as a .safetensors file.");
  m.def(
      "save_gguf",
      [](nb::object file, nb::object arrays, nb::object metadata) { files("save_gguf")(file, arrays, metadata); },
      "file"_a, "arrays"_a, "metadata"_a = nb::dict(),
      nb::sig("def save_gguf(file: file | str | pathlib.Path, arrays: dict[str, array], metadata: dict[str, array | str "
              "| list[str]] = ...)"),
      "Saves arrays by name, with metadata (arrays of at most one dimension, texts, lists of texts), as a .gguf file.");
}

}  // namespace mlx_rocm::python

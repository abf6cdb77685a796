// Asks a build of llama.cpp what a load would take, without loading: it simulates one by its own arithmetic. It may crash,
// hang or answer nonsense, so it is called in a process that holds nothing. The interface knows no OS header and no
// JavaScript.
//
// What the library takes and gives by value has another layout in every build. Here these are bytes at the start of a space
// that is larger than any of them: who calls knows which byte means what. A callee reads and writes as many as it knows.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace guard::engine {

// What would lie in buffers of one type.
struct BufferBytes {
  // The library's name of the type, such as "CPU" or "CPU_REPACK".
  std::string name;
  // Whether it is memory of the host.
  bool host = false;
  double weights = 0;
  double context = 0;
  double compute = 0;
};

// What would lie on one device.
struct DeviceBytes {
  std::string name;
  double bytes = 0;
};

// One model whose header was read, and no weights.
class EngineModel {
 public:
  virtual ~EngineModel() = default;
  // Lays a context out, as it would be created. `held_bytes` is what the process holds in anonymous memory meanwhile; NaN
  // if that can't be read. False if the library refuses: its log says why.
  virtual bool Measure(const std::string& context_parameters, std::vector<BufferBytes>& buffers, double& held_bytes) = 0;
  // Takes an adapter's weights, really, for every context that is laid out from now on. False if the library refuses.
  virtual bool AddAdapter(const std::string& path) = 0;
};

class EngineLibrary {
 public:
  virtual ~EngineLibrary() = default;
  // How the library fills in what a caller leaves out. Empty if it knows no such parameters.
  virtual std::string ModelDefaults() = 0;
  virtual std::string ContextDefaults() = 0;
  virtual std::string ProjectorDefaults() = 0;
  // Null if the library refuses: its log says why.
  virtual std::unique_ptr<EngineModel> OpenModel(const std::string& path, const std::string& parameters) = 0;
  // False if the library can't tell.
  virtual bool MeasureProjector(const std::string& path, const std::string& parameters,
                                std::vector<DeviceBytes>& devices) = 0;
  // What this process holds in anonymous memory, in bytes; NaN if that can't be read.
  virtual double HeldBytes() = 0;
  // What the library printed since the last call.
  virtual std::string TakeLog() = 0;
};

bool EngineLibrarySupported() noexcept;

// Loads the files in their order, each visible to the next, and has the library start; its backends lie in `backends`,
// unless that is empty. There is one such library in a process. Null if a file can't be loaded or lacks what is called, and
// then `problem` says which.
std::unique_ptr<EngineLibrary> OpenEngineLibrary(const std::vector<std::string>& files, const std::string& backends,
                                                 std::string& problem);

}  // namespace guard::engine

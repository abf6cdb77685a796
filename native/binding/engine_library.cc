// Asks a build of llama.cpp for JavaScript. Every call takes as long as the library takes.
#include "../engine_library.h"

#include <memory>
#include <string>
#include <vector>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `new EngineLibrary(files, backends)`. It has one model open at a time.
class EngineLibrary {
 public:
  static std::unique_ptr<EngineLibrary> Make(napi_env env, const Arguments& arguments) {
    std::vector<std::string> files;
    std::string backends;
    if (!ReadTexts(env, arguments[0], "files", files) || !ReadText(env, arguments[1], "backends", backends)) return nullptr;
    auto made = std::make_unique<EngineLibrary>();
    std::string problem;
    made->library_ = guard::engine::OpenEngineLibrary(files, backends, problem);
    if (made->library_ == nullptr) {
      Throw(env, problem.c_str());
      return nullptr;
    }
    return made;
  }

  napi_value Defaults(napi_env env, const Arguments&) {
    return ObjectMaker(env)
        .Set("model", MakeBytes(env, library_->ModelDefaults()))
        .Set("context", MakeBytes(env, library_->ContextDefaults()))
        .Set("projector", MakeBytes(env, library_->ProjectorDefaults()))
        .Value();
  }

  napi_value OpenModel(napi_env env, const Arguments& arguments) {
    std::string path;
    std::string parameters;
    if (!ReadPath(env, arguments[0], "path", path) || !ReadBytes(env, arguments[1], "parameters", parameters))
      return nullptr;
    model_.reset();
    model_ = library_->OpenModel(path, parameters);
    return MakeFlag(env, model_ != nullptr);
  }

  napi_value AddAdapter(napi_env env, const Arguments& arguments) {
    std::string path;
    if (!ReadPath(env, arguments[0], "path", path)) return nullptr;
    return MakeFlag(env, model_ != nullptr && model_->AddAdapter(path));
  }

  napi_value Measure(napi_env env, const Arguments& arguments) {
    std::string parameters;
    if (!ReadBytes(env, arguments[0], "parameters", parameters)) return nullptr;
    std::vector<guard::engine::BufferBytes> buffers;
    double held_bytes = 0;
    if (model_ == nullptr || !model_->Measure(parameters, buffers, held_bytes)) return nullptr;
    ListMaker list(env);
    for (const auto& [name, host, weights, context, compute] : buffers) {
      list.Add(ObjectMaker(env)
                   .Set("name", name)
                   .Set("host", MakeFlag(env, host))
                   .Set("weightsBytes", weights)
                   .Set("contextBytes", context)
                   .Set("computeBytes", compute)
                   .Value());
    }
    return ObjectMaker(env).Set("buffers", list.Value()).Set("heldBytes", held_bytes).Value();
  }

  napi_value MeasureProjector(napi_env env, const Arguments& arguments) {
    std::string path;
    std::string parameters;
    if (!ReadPath(env, arguments[0], "path", path) || !ReadBytes(env, arguments[1], "parameters", parameters))
      return nullptr;
    std::vector<guard::engine::DeviceBytes> devices;
    if (!library_->MeasureProjector(path, parameters, devices)) return nullptr;
    ListMaker list(env);
    for (const auto& [name, bytes] : devices) {
      list.Add(ObjectMaker(env).Set("name", name).Set("bytes", bytes).Value());
    }
    return list.Value();
  }

  napi_value HeldBytes(napi_env env, const Arguments&) { return MakeNumber(env, library_->HeldBytes()); }

  napi_value TakeLog(napi_env env, const Arguments&) { return MakeBytes(env, library_->TakeLog()); }

 private:
  std::unique_ptr<guard::engine::EngineLibrary> library_;
  std::unique_ptr<guard::engine::EngineModel> model_;
};

}  // namespace

void DefineEngineLibrary(napi_env env, napi_value exports) noexcept {
  if (!guard::engine::EngineLibrarySupported()) return;
  using Class = WrappedClass<EngineLibrary>;
  Class::Define<EngineLibrary::Make>(env, exports, "EngineLibrary",
                                     {Class::DescribeMethod<&EngineLibrary::Defaults>("defaults"),
                                      Class::DescribeMethod<&EngineLibrary::OpenModel>("openModel"),
                                      Class::DescribeMethod<&EngineLibrary::AddAdapter>("addAdapter"),
                                      Class::DescribeMethod<&EngineLibrary::Measure>("measure"),
                                      Class::DescribeMethod<&EngineLibrary::MeasureProjector>("measureProjector"),
                                      Class::DescribeMethod<&EngineLibrary::HeldBytes>("heldBytes"),
                                      Class::DescribeMethod<&EngineLibrary::TakeLog>("takeLog")});
}

}  // namespace guard::binding

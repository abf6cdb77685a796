// Hands the system's notices of memory pressure to JavaScript.
#include "../memory_pressure.h"

#include <memory>

#include "exports.h"
#include "function.h"
#include "wake_call.h"

namespace guard::binding {
namespace {

// `new PressureWatch(changed)`: calls `changed()` on the environment's thread until `close()`. It does not keep the process
// alive. When its environment ends, the channel closes first and the object goes later; no call comes in between.
class PressureWatch {
 public:
  static std::unique_ptr<PressureWatch> Make(napi_env env, const Arguments& arguments) {
    auto made = std::make_unique<PressureWatch>();
    made->changed_ = WakeCall::Make(env, arguments[0], "changed");
    if (made->changed_ == nullptr) return nullptr;
    made->watch_ =
        guard::WatchMemoryPressure([](void* call) { static_cast<WakeCall*>(call)->Ask(); }, made->changed_.get());
    if (made->watch_ == nullptr) {
      Throw(env, "PressureWatch: the system can't be asked");
      return nullptr;
    }
    return made;
  }

  PressureWatch() = default;
  ~PressureWatch() { End(); }
  PressureWatch(const PressureWatch&) = delete;
  PressureWatch& operator=(const PressureWatch&) = delete;

  napi_value Close(napi_env, const Arguments&) {
    End();
    return nullptr;
  }

 private:
  void End() noexcept {
    watch_.reset();
    if (changed_ != nullptr) changed_->Forget();
  }

  std::shared_ptr<WakeCall> changed_;
  std::unique_ptr<guard::PressureWatch> watch_;
};

}  // namespace

void DefineMemoryPressure(napi_env env, napi_value exports) noexcept {
  if (!guard::MemoryPressureSupported()) return;
  using Class = WrappedClass<PressureWatch>;
  Class::Define<PressureWatch::Make>(env, exports, "PressureWatch",
                                     {Class::DescribeMethod<&PressureWatch::Close>("close")});
}

}  // namespace guard::binding

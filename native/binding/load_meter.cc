// Meters loads for JavaScript.
#include "../load_meter.h"

#include <cstdint>
#include <limits>
#include <memory>

#include "begin_promise.h"
#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `new LoadMeter(heapBytes, javascript)`: a window from now until `close()`.
class LoadMeter {
 public:
  static std::unique_ptr<LoadMeter> Make(napi_env env, const Arguments& arguments) {
    double heap_bytes = 0;
    bool javascript = false;
    if (!ReadNumber(env, arguments[0], "heapBytes", heap_bytes) || !ReadFlag(env, arguments[1], "javascript", javascript)) {
      return nullptr;
    }
    auto made = std::make_unique<LoadMeter>();
    made->meter_ = guard::OpenLoadMeter(heap_bytes, javascript);
    if (made->meter_ == nullptr) {
      Throw(env, "LoadMeter: the memory of the process can't be read, or there is no thread for it");
      return nullptr;
    }
    return made;
  }

  napi_value Moved(napi_env env, const Arguments&) { return MakeFlag(env, meter_ != nullptr && meter_->Moved()); }

  napi_value Look(napi_env env, const Arguments&) {
    return BeginPromise(env, nullptr, meter_, [this](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      const auto done = [channel, id] {
        try {
          channel->Resolve(id, MakeUndefined);
        } catch (...) {
          // No memory.
        }
      };
      if (meter_ != nullptr) {
        meter_->Look(done);
      } else {
        done();
      }
    });
  }

  napi_value Read(napi_env env, const Arguments& arguments) {
    NumbersInPlace figures;
    if (!FindNumbers(env, arguments[0], "figures", figures)) return nullptr;
    if (figures.length != 2) {
      Refuse(env, arguments[0], "figures", "a Float64Array of 2 numbers");
    } else if (meter_ != nullptr) {
      const guard::LoadFigures found = meter_->Figures();
      figures.data[0] = found.native_bytes;
      figures.data[1] = found.wasm_bytes;
    }
    return nullptr;
  }

  napi_value Blocked(napi_env env, const Arguments& arguments) {
    bool now = false;
    if (ReadFlag(env, arguments[0], "now", now) && meter_ != nullptr) meter_->Blocked(now);
    return nullptr;
  }

  napi_value Took(napi_env env, const Arguments& arguments) {
    double bytes = 0;
    if (ReadNumber(env, arguments[0], "bytes", bytes) && meter_ != nullptr) meter_->Took(bytes);
    return nullptr;
  }

  napi_value PublishTo(napi_env env, const Arguments& arguments) {
    std::int32_t descriptor = 0;
    std::int32_t offset = 0;
    double number = 0;
    if (!ReadInteger(env, arguments[0], "descriptor", descriptor) || !ReadInteger(env, arguments[1], "offset", offset) ||
        !ReadNumber(env, arguments[2], "number", number)) {
      return nullptr;
    }
    if (offset < 0) {
      Refuse(env, arguments[1], "offset", "0 or more");
    } else if (!(number >= 0 && number <= std::numeric_limits<std::uint32_t>::max())) {
      Refuse(env, arguments[2], "number", "a whole number of 32 bits without a sign");
    } else if (meter_ != nullptr) {
      return MakeFlag(env, meter_->PublishTo(descriptor, offset, static_cast<std::uint32_t>(number)));
    }
    return nullptr;
  }

  napi_value Close(napi_env, const Arguments&) {
    // A look that runs holds it a moment longer, and the window with it.
    meter_.reset();
    return nullptr;
  }

 private:
  std::shared_ptr<guard::LoadMeter> meter_;
};

}  // namespace

void DefineLoadMeter(napi_env env, napi_value exports) noexcept {
  if (!guard::LoadMeterSupported()) return;
  using Class = WrappedClass<LoadMeter>;
  Class::Define<LoadMeter::Make>(
      env, exports, "LoadMeter",
      {Class::DescribeMethod<&LoadMeter::Moved>("moved"), Class::DescribeMethod<&LoadMeter::Look>("look"),
       Class::DescribeMethod<&LoadMeter::Read>("read"), Class::DescribeMethod<&LoadMeter::Blocked>("blocked"),
       Class::DescribeMethod<&LoadMeter::Took>("took"), Class::DescribeMethod<&LoadMeter::PublishTo>("publishTo"),
       Class::DescribeMethod<&LoadMeter::Close>("close")});
}

}  // namespace guard::binding

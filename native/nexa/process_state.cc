#include "process_state.h"

namespace guard::nexa {

NexaProcessState& GetProcessState() noexcept {
  static auto* state = new NexaProcessState;
  return *state;
}

}  // namespace guard::nexa

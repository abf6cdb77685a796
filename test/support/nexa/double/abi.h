// The layouts once more, as offsets: written from the measured table and independent of the structs in native/nexa, so
// that a slip in either shows. DOUBLE_LAYOUT is 10, 3 or 5.
#pragma once

#include <cstddef>

namespace fake::abi {

#if DOUBLE_LAYOUT == 10
constexpr char kPrefix[] = "ml_";
constexpr bool kOld = true;
constexpr std::size_t kSampler = 56, kGeneration = 64, kModel = 96, kProfile = 80, kLlmCreate = 152, kVlmCreate = 160;
// Of LlmCreateInput.
constexpr std::size_t kLlmPath = 8, kLlmTokenizer = 16, kLlmConfig = 24, kLlmPlugin = 120, kLlmDevice = 128;
// Of VlmCreateInput.
constexpr std::size_t kVlmPath = 8, kVlmProjector = 16, kVlmConfig = 24, kVlmPlugin = 120, kVlmDevice = 128,
                      kVlmTokenizer = 136;
constexpr std::size_t kStopReason = 72, kPromptTokens = 24, kGeneratedTokens = 32, kPromptTime = 8, kDecodeTime = 16;
#else
constexpr char kPrefix[] = "geniex_";
constexpr bool kOld = false;
constexpr std::size_t kSampler = 48, kGeneration = 72, kModel = 80, kLlmCreate = 112, kVlmCreate = 120;
constexpr std::size_t kLlmPath = 0, kLlmTokenizer = 8, kLlmConfig = 16, kLlmPlugin = 96, kLlmDevice = 104;
constexpr std::size_t kVlmPath = 0, kVlmProjector = 8, kVlmConfig = 16, kVlmPlugin = 96, kVlmDevice = 104,
                      kVlmTokenizer = 112;
#if DOUBLE_LAYOUT == 3
constexpr std::size_t kProfile = 80, kStopReason = 72;
constexpr std::size_t kPromptTime = 8, kDecodeTime = 16, kPromptTokens = 24, kGeneratedTokens = 32;
#else
constexpr std::size_t kProfile = 88, kStopReason = 80;
constexpr std::size_t kPromptTime = 16, kDecodeTime = 24, kPromptTokens = 32, kGeneratedTokens = 40;
#endif
#endif

// Of GenerationConfig, the same in all of them as far as they have it.
constexpr std::size_t kMaxTokens = 0, kStop = 8, kStopCount = 16, kSamplerConfig = 24, kImagePaths = 32, kImageCount = 40,
                      kAudioPaths = 48, kAudioCount = 56;

}  // namespace fake::abi

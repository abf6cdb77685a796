# The test double of the SDK's library in its three layouts, and the tests of native/nexa that need no JavaScript.
# `npm run build:double`; nothing of it is shipped.
{
  'target_defaults': {
    'cflags_cc': ['-std=c++17', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-fvisibility=hidden'],
    'cflags_cc!': ['-fno-exceptions'],
    'xcode_settings': {'GCC_ENABLE_CPP_EXCEPTIONS': 'YES'},
  },
  'variables': {
    'double': [
      'double/engine.cc', 'double/gguf.cc', 'double/kv_cache.cc', 'double/language_text.cc', 'double/library.cc',
      'double/multimodal_text.cc', 'double/orders.cc', 'double/record.cc', 'double/speech.cc', 'double/vocabulary.cc',
    ],
  },
  'targets': [
    {
      'target_name': 'mistakes',
      'type': 'executable',
      'sources': [
        'core/mistakes.cc', '../../../native/nexa/calls.cc', '../../../native/nexa/invoke.cc',
        '../../../native/nexa/layout.cc', '../../../native/nexa/process_state.cc',
        '../../../native/nexa/stop_text.cc', '../../../native/nexa/token_run.cc', '../../../native/posix/nexa_os.cc',
      ],
      'libraries': ['-ldl', '-pthread'],
    },
    {
      'target_name': 'answers',
      'type': 'executable',
      'sources': [
        'core/answers.cc', '../../../native/nexa/calls.cc', '../../../native/nexa/invoke.cc',
        '../../../native/nexa/layout.cc', '../../../native/nexa/process_state.cc',
        '../../../native/nexa/stop_text.cc', '../../../native/nexa/token_run.cc', '../../../native/posix/nexa_os.cc',
      ],
      'libraries': ['-ldl', '-pthread'],
    },
    {
      'target_name': 'nexa_1_0',
      'type': 'shared_library',
      'sources': ['<@(double)'],
      'defines': ['DOUBLE_LAYOUT=10', 'DOUBLE_VERSION="v1.0.45-rc1"'],
    },
    {
      'target_name': 'geniex_0_3',
      'type': 'shared_library',
      'sources': ['<@(double)'],
      'defines': ['DOUBLE_LAYOUT=3', 'DOUBLE_VERSION="v0.4.0"'],
    },
    {
      'target_name': 'geniex_0_5',
      'type': 'shared_library',
      'sources': ['<@(double)'],
      'defines': ['DOUBLE_LAYOUT=5', 'DOUBLE_VERSION="v0.5.0"'],
    },
  ],
}

{
  'targets': [
    {
      'target_name': 'nexa_memory_guard',
      'sources': ['<!@(node native/build/sources.mjs <(OS))'],
      'defines': ['NAPI_VERSION=8'],
      'cflags_cc': ['-std=c++17', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-fvisibility=hidden'],
      # The SDK's library may throw, and what it throws must end at the call.
      'cflags_cc!': ['-fno-exceptions'],
      'xcode_settings': {'GCC_ENABLE_CPP_EXCEPTIONS': 'YES'},
      'msvs_settings': {'VCCLCompilerTool': {'ExceptionHandling': 1}},
      'conditions': [
        # A worker that ends must not unload code that another thread still runs.
        ['OS=="linux"', {'ldflags': ['-Wl,-z,nodelete']}],
        ['OS=="win"', {'libraries': ['psapi.lib']}],
      ],
    },
  ],
}

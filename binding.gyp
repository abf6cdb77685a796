{
  'targets': [
    {
      'target_name': 'nexa_memory_guard',
      'sources': ['<!@(node native/build/sources.mjs <(OS))'],
      # The last one: a worker that is terminated in the middle of a call must end, not abort the process.
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      # As system headers, so that their warnings are not ours.
      'cflags_cc': [
        '-std=c++17', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-fvisibility=hidden',
        '-isystem <!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
      ],
      # The SDK's library may throw, and what it throws must end at the call.
      'cflags_cc!': ['-fno-exceptions'],
      'xcode_settings': {'GCC_ENABLE_CPP_EXCEPTIONS': 'YES'},
      'msvs_settings': {'VCCLCompilerTool': {'ExceptionHandling': 1}},
      'conditions': [
        # A worker that ends must not unload code that another thread still runs.
        ['OS=="linux"', {'ldflags': ['-Wl,-z,nodelete']}, {
          'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
        }],
        ['OS=="win"', {'libraries': ['psapi.lib']}],
      ],
    },
  ],
}

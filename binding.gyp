{
  'targets': [
    {
      'target_name': 'nexa_memory_guard',
      'sources': [
        'native/binding.cc', 'native/binding/enginelog.cc', 'native/binding/givingback.cc', 'native/binding/locks.cc',
        'native/binding/memoryfiles.cc', 'native/binding/memorywatch.cc', 'native/binding/plan.cc',
      ],
      # The last one: a worker that is terminated in the middle of a call must end, not abort the process.
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      # As system headers, so that their warnings are not ours.
      'cflags_cc': [
        '-std=c++17', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-fvisibility=hidden',
        '-isystem <!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
      ],
      'conditions': [
        ['OS=="linux"', {
          'sources': [
            'native/linux/fill.cc', 'native/linux/lock.cc', 'native/linux/memory.cc', 'native/linux/notices.cc',
            'native/linux/quiet.cc', 'native/linux/trim.cc', 'native/linux/watch.cc',
          ],
          # A worker that ends must not unload code that another thread still runs.
          'ldflags': ['-Wl,-z,nodelete'],
        }, {
          'sources': [
            'native/other/lock.cc', 'native/other/memory.cc', 'native/other/quiet.cc', 'native/other/trim.cc',
            'native/other/watch.cc',
          ],
          'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
        }],
      ],
    },
  ],
}
